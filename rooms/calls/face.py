"""The companion's face in a video call: it follows what the conversation tells.

It stands between a conversation and its call, hands everything on, and tells a render worker what
matters to a face. The worker goes to the leg by itself; without one the call has sound alone.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog
from msgspec import Struct

from config.faces import FaceSettings
from media.avatar.motion.attitudes import Attitude
from media.avatar.rendering.links import Face
from media.avatar.rendering.wire import (
    Behave,
    Feel,
    OpenFace,
    Picture,
    Refused,
    Sounding,
    Speak,
)
from media.calls.leg import GoneReason, Leg, LegAddress, LegEvent, Played
from media.speech.ports import Spoken
from rooms.calls.around import Around, Caption, TurnTimes
from rooms.calls.feelings import Feelings
from rooms.calls.parts import Talk
from rooms.errors import ProductError

logger = structlog.get_logger(__name__)
SHOWN_ON: Final = frozenset(("webrtc", "livekit"))
# The appearance of a companion, as JSON.
Looks = Callable[[str], Awaitable[bytes]]
# The portrait that a person gave a companion to wear; empty for its own face.
Wears = Callable[[str, str], Awaitable[bytes]]


class Links(Protocol):
    """Who opens faces: media/avatar/rendering/links.py `FaceLinks`."""

    def open(
        self,
        asked: OpenFace,
        seen: Callable[[Picture], None],
        lost: Callable[[Refused], None],
    ) -> Face: ...


class Faces(Struct, frozen=True):
    """What video calls need to show somebody."""

    links: Links
    looks: Looks
    settings: FaceSettings
    wears: Wears | None = None


class CallFace:
    """One call's face, for one leg after another. See rooms/calls/around.py `Around`."""

    def __init__(
        self, around: Around, faces: Faces, companion: str, look: bytes, picture: bytes = b""
    ) -> None:
        self._around = around
        self._faces = faces
        self._companion = companion
        self._look = look
        self._picture = picture
        self._face: Face | None = None
        self._attitude: Attitude = "greeting"
        self._legs = 0
        self._feelings = Feelings()

    def show(self, address: LegAddress) -> None:
        """A leg is there: a face goes to it, where it can show one."""
        self.hide()
        if address.transport not in SHOWN_ON:
            return
        told, name = self._faces.settings, f"{address.leg}.{self._legs}"
        self._attitude = "listening" if self._legs else "greeting"
        self._legs += 1
        self._face = self._faces.links.open(
            OpenFace(
                face=name,
                appearance=self._look,
                picture=self._picture,
                seed=self._companion,
                attitude=self._attitude,
                size=told.size,
                fps=told.fps,
                kbps=told.kbps,
                leg=address,
            ),
            _elsewhere,
            self._lost,
        )

    def hide(self) -> None:
        """The leg is gone."""
        if self._face is not None:
            self._face.close()
            self._face = None

    def behave(self, attitude: Attitude) -> None:
        """Listen, think, speak, say goodbye."""
        if self._face is not None and attitude != self._attitude:
            self._attitude = attitude
            self._face.tell(Behave(face=self._face.asked.face, attitude=attitude))

    # --- what the conversation tells

    def caption(self, caption: Caption) -> None:
        """The person's words make it listen and think, its own carry feelings."""
        if caption.who == "companion":
            self._feel(caption)
        elif not caption.withdrawn:
            self.behave("thinking" if caption.final else "listening")
        else:
            self.behave("listening")
        self._around.caption(caption)

    def paused(self) -> None:
        """Handed on."""
        self._around.paused()

    def turned(self, times: TurnTimes) -> None:
        """Handed on."""
        self._around.turned(times)

    def refused(self, refusal: ProductError) -> None:
        """It will not answer: it goes on listening."""
        self.behave("listening")
        self._around.refused(refusal)

    def sounding(self, epoch: int, at_sample: int, piece: Spoken) -> None:
        """What it is about to say."""
        if self._face is not None:
            self.behave("speaking")
            self._face.tell(
                Speak(
                    face=self._face.asked.face,
                    epoch=epoch,
                    at_sample=at_sample,
                    pcm=piece.pcm,
                    visemes=piece.visemes,
                )
            )
        self._around.sounding(epoch, at_sample, piece)

    def happened(self, event: LegEvent) -> None:
        """What has been played need not be told to another worker; after it, it listens."""
        if isinstance(event, Played) and self._face is not None:
            self._face.note(
                Sounding(
                    face=self._face.asked.face,
                    epoch=event.epoch,
                    samples=event.samples,
                    clock_us=event.clock_us,
                    playing=not event.dry,
                )
            )
            if event.dry and self._attitude == "speaking":
                self.behave("listening")
        self._around.happened(event)

    def _feel(self, caption: Caption) -> None:
        feeling = self._feelings.read(caption)
        if self._face is not None and feeling.strength > 0:
            self._face.tell(
                Feel(face=self._face.asked.face, name=feeling.name, strength=feeling.strength)
            )

    def _lost(self, refused: Refused) -> None:
        self._face = None
        logger.info("a call goes on without a face", reason=refused.reason)


class ShownTalk:
    """A conversation whose face is shown on every leg it runs on. See `Talk`."""

    def __init__(self, talk: Talk, face: CallFace) -> None:
        self._talk = talk
        self._face = face

    async def run(self, leg: Leg) -> GoneReason:
        """See the port."""
        self._face.show(leg.address)
        try:
            return await self._talk.run(leg)
        finally:
            self._face.hide()

    async def say(self, text: str, *, interruptible: bool = True) -> int:
        """See the port. What nothing may interrupt is the goodbye."""
        if not interruptible:
            self._face.behave("goodbye")
        return await self._talk.say(text, interruptible=interruptible)

    async def hush(self) -> None:
        """See the port."""
        await self._talk.hush()


def _elsewhere(_picture: Picture) -> None:
    """Pictures go to the leg; none come here."""
