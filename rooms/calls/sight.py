"""What a companion may see in a call: a still of the person's camera, as they finish speaking.

The eyes are shut until the person opens them for this call and this connection. Where the operator
names a judge of pictures, a still is nothing until it has said yes. A still lives until the turn it
was taken for has been asked; it is written nowhere, and shown to nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Final

from config.calls import CallSettings
from media.calls.leg import Leg, LegEvent, Seen
from media.calls.picture_check import PictureCheck
from media.judge import NoVerdict
from media.speech.ports import Spoken
from rooms.calls.around import Caption, TurnTimes
from rooms.calls.doubts import Doubts, Unseen, passes
from rooms.dialogue.ports import Picture
from rooms.errors import ProductError

if TYPE_CHECKING:
    from rooms.calls.call import Call

WAIT_SECONDS: Final = 0.4  # for a still that is under way: longer would be heard as a pause
LOOK_EVERY_MS: Final = 400
Beside = Callable[[Coroutine[object, object, object], str], None]  # runs it as a task of the call


class Sight:
    """One call's eyes."""

    def __init__(
        self,
        settings: CallSettings,
        clock_ms: Callable[[], int],
        check: PictureCheck | None,
        beside: Beside,
        unseen: Callable[[Unseen], None],
    ) -> None:
        """`check`: the operator's judge; `unseen` is told why the eyes were shut by it."""
        self.doubts = Doubts()
        self._check = check
        self._beside = beside
        self._unseen = unseen
        self._judging = False  # one still at a time: who speaks on meanwhile is shown by that one
        self._opened = 0  # how often the eyes were opened or shut: a verdict of before is not read
        self.shown = 0  # pictures that were part of answered turns
        self.paid = 0  # of those, what the receipt says
        self.wishes = 0
        self._settings = settings
        self._clock_ms = clock_ms
        self._leg: Leg | None = None  # whose camera may be looked at
        self._stills: deque[Picture] = deque(maxlen=settings.camera_pictures)
        self._due: asyncio.Event | None = None  # set when the still under way is here
        self._looked_at_ms = -LOOK_EVERY_MS
        self._spoken: deque[str] = deque(maxlen=8)  # keys of what was said, and not typed

    @property
    def open(self) -> bool:
        """Whether the companion may see."""
        return self._leg is not None

    def wish(self) -> int:
        """The person wants it opened or shut: the number of this wish, for the last one counts."""
        self.wishes += 1
        return self.wishes

    def begin(self, leg: Leg) -> None:
        """The person lets the companion see, over this leg."""
        self.end()
        self._opened += 1
        self._leg = leg
        leg.watch(
            on=True, pixels=self._settings.camera_pixels, most_bytes=self._settings.camera_bytes
        )

    def end(self) -> None:
        """No longer, at once: what was taken and not shown is forgotten."""
        if self._leg is not None:
            self._leg.watch(on=False)
        self._opened += 1
        self._leg = None
        self._stills.clear()
        self._came()

    def left(self, leg: Leg | None) -> None:
        """The call goes on over this leg, or none: another one's camera is another question."""
        if self._leg is not None and self._leg is not leg:
            self.end()

    def look(self) -> None:
        """The person pauses: take a still, unless one was taken just now."""
        now_ms = self._clock_ms()
        if self._leg is None or now_ms - self._looked_at_ms < LOOK_EVERY_MS:
            return
        self._looked_at_ms = now_ms
        self._due = self._due or asyncio.Event()
        self._leg.look()

    def came(self, seen: Seen) -> None:
        """A still is here: it is for the turn, once whoever must has judged it."""
        picture = Picture(seen.jpeg, seen.width, seen.height)
        if self._leg is None:
            self._came()
        elif self._check is None:
            self._stills.append(picture)
            self._came()
        elif not self._judging:
            self._judging = True
            self._beside(self._judge(self._check, picture, self._opened), "judging a picture")

    async def _judge(self, check: PictureCheck, picture: Picture, opened: int) -> None:
        try:
            verdict = await check.judge(picture.jpeg)
        except NoVerdict:
            verdict = None
        finally:
            self._judging = False
        if opened != self._opened:
            return  # shut meanwhile, and perhaps opened anew: nothing of before is shown or counted
        why = self.doubts.read(verdict)
        if passes(verdict):
            self._stills.append(picture)
        self._came()
        if why is not None:
            self.end()
            self._unseen(why)

    def said(self, key: str) -> None:
        """What was said under this key is a turn: the stills are for it."""
        self._spoken.append(key)

    async def pictures(self, key: str | None) -> tuple[Picture, ...]:
        """The stills for a turn, which takes them; for one that is only foreseen (None) they stay.

        A message that was typed comes without.
        """
        if self._leg is None or (key is not None and key not in self._spoken):
            return ()
        if self._due is not None:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._due.wait()
            except TimeoutError:
                self._due = None  # it will not come any more, and nobody waits for it twice
        found = tuple(self._stills)
        if key is not None:
            self._stills.clear()
        return found

    def _came(self) -> None:
        if self._due is not None:
            self._due.set()
            self._due = None


class Looking:
    """Between a conversation and its call: it looks when the person pauses. See `Around`."""

    def __init__(self, call: "Call", sight: Sight) -> None:
        self._call = call
        self._sight = sight

    def caption(self, caption: Caption) -> None:
        """See the port. A final caption of the person's bears the key of their turn."""
        if caption.who == "person" and caption.final and not caption.withdrawn:
            self._sight.said(caption.id)
        self._call.caption(caption)

    def paused(self) -> None:
        """See the port."""
        self._sight.look()

    def turned(self, times: TurnTimes) -> None:
        """See the port."""
        self._call.turned(times)

    def refused(self, refusal: ProductError) -> None:
        """See the port."""
        self._call.refused(refusal)

    def sounding(self, epoch: int, at_sample: int, piece: Spoken) -> None:
        """See the port."""
        self._call.sounding(epoch, at_sample, piece)

    def happened(self, event: LegEvent) -> None:
        """See the port. What is seen goes no further."""
        if isinstance(event, Seen):
            self._sight.came(event)
            return
        self._call.happened(event)
