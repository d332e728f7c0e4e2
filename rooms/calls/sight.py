"""What a companion may see in a call: a still of the person's camera, as they finish speaking.

The eyes are shut until the person opens them for this call and this connection. A still lives until
the turn it was taken for has been asked; it is written nowhere, and shown to nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from config.calls import CallSettings
from media.calls.leg import Leg, LegEvent, Seen
from media.speech.ports import Spoken
from rooms.calls.around import Caption, TurnTimes
from rooms.dialogue.ports import Picture
from rooms.errors import ProductError

if TYPE_CHECKING:
    from rooms.calls.call import Call

WAIT_SECONDS: Final = 0.4  # for a still that is under way: longer would be heard as a pause
LOOK_EVERY_SECONDS: Final = 0.4


class Sight:
    """One call's eyes. `clock` counts seconds."""

    def __init__(self, settings: CallSettings, clock: Callable[[], float]) -> None:
        self.shown = 0  # pictures that were part of answered turns
        self.paid = 0  # of those, what the receipt says
        self.wishes = 0
        self._settings = settings
        self._clock = clock
        self._leg: Leg | None = None  # whose camera may be looked at
        self._stills: deque[Picture] = deque(maxlen=settings.camera_pictures)
        self._due: asyncio.Event | None = None  # set when the still under way is here
        self._looked_at = 0.0
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
        self._leg = leg
        leg.watch(
            on=True, pixels=self._settings.camera_pixels, most_bytes=self._settings.camera_bytes
        )

    def end(self) -> None:
        """No longer, at once: what was taken and not shown is forgotten."""
        if self._leg is not None:
            self._leg.watch(on=False)
        self._leg = None
        self._stills.clear()
        self._came()

    def left(self, leg: Leg | None) -> None:
        """The call goes on over this leg, or none: another one's camera is another question."""
        if self._leg is not None and self._leg is not leg:
            self.end()

    def look(self) -> None:
        """The person pauses: take a still, unless one was taken just now."""
        now = self._clock()
        if self._leg is None or now - self._looked_at < LOOK_EVERY_SECONDS:
            return
        self._looked_at = now
        self._due = self._due or asyncio.Event()
        self._leg.look()

    def came(self, seen: Seen) -> None:
        """A still is here."""
        if self._leg is not None:
            self._stills.append(Picture(seen.jpeg, seen.width, seen.height))
        self._came()

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
