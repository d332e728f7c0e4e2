"""Who listens and who speaks in a call: an ear, a speaker, and the conversation between them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from config.voice import VoiceSettings
from media.hearing.ports import Ear, HearingError
from media.speech.ports import Speaker, SpeechError, VoiceChoice
from rooms.calls.around import Around
from rooms.calls.conversation import Conversation
from rooms.calls.face import CallFace, Faces, ShownTalk
from rooms.calls.parts import Talk
from rooms.errors import Unavailable
from rooms.ports import Principal
from rooms.room import ChatRoom
from rooms.shapes import CallKind

# An ear for a person of this language; raises HearingError.
Listens = Callable[[str], Awaitable[Ear]]
# Who speaks for a companion in this language, and how; raises SpeechError.
Speaks = Callable[[str, str], Awaitable[tuple[Speaker, VoiceChoice]]]

# Whether a worker can be asked, after waiting at most so many seconds for one.
There = Callable[[float], Awaitable[bool]]
WAIT_SECONDS: Final = 10.0  # a worker that was started with the house needs a few


async def _always(seconds: float) -> bool:  # noqa: ARG001 - in the place of one that waits
    return True


class HouseVoices:
    """See rooms/calls/parts.py `Voices`. Without ears or voices calls are refused."""

    def __init__(
        self,
        listens: Listens | None,
        speaks: Speaks | None,
        settings: VoiceSettings,
        faces: Faces | None = None,
        there: There | None = None,
    ) -> None:
        """`faces` show the companion in video calls; without them those have sound alone."""
        self._there = there or _always
        self._faces = faces
        self._listens = listens
        self._speaks = speaks
        self._settings = settings

    @property
    def parts(self) -> tuple[Listens, Speaks] | None:
        """Both, for whoever talks without a room; None where one is missing."""
        if self._listens is None or self._speaks is None:
            return None
        return self._listens, self._speaks

    async def check(self) -> None:
        """See the port."""
        if self._listens is None or self._speaks is None or not await self._there(WAIT_SECONDS):
            raise _nobody()

    def talk(
        self,
        room: ChatRoom,
        who: Principal,
        companion: str,
        kind: CallKind,
        around: Around,
    ) -> AbstractAsyncContextManager[Talk]:
        """See the port."""
        if kind == "video" and self._faces is not None:
            return self._shown(self._faces, room, who, companion, around)
        return self._talk(room, who, companion, around)

    @asynccontextmanager
    async def _shown(
        self, faces: Faces, room: ChatRoom, who: Principal, companion: str, around: Around
    ) -> AsyncIterator[Talk]:
        """One conversation for both kinds of call; the picture follows its sound."""
        worn = await faces.wears(who.person.id, companion) if faces.wears else b""
        face = CallFace(around, faces, companion, await faces.looks(companion), worn)
        async with self._talk(room, who, companion, face) as talk:
            yield ShownTalk(talk, face)

    @asynccontextmanager
    async def _talk(
        self, room: ChatRoom, who: Principal, companion: str, around: Around
    ) -> AsyncIterator[Talk]:
        if self._listens is None or self._speaks is None:
            raise _nobody()
        language = who.person.language
        try:
            speaker, choice = await self._speaks(companion, language)
            ear = await self._listens(language)
        except (HearingError, SpeechError, OSError) as error:
            raise _nobody() from error
        try:
            yield Conversation(room, who, ear, speaker, choice, self._settings, around)
        finally:
            await ear.aclose()


def _nobody() -> Unavailable:
    return Unavailable(
        "Nothing here can listen or speak at the moment.",
        code="voice_unavailable",
        retry_after_ms=5_000,
    )
