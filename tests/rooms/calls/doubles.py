"""A leg and a conversation on paper: they speak the contracts, and a test moves them by hand.

The real ones are tested where they live; here only the life of a call around them is.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from media.calls.leg import Connected, GoneReason, Heard, LegAddress, LegEvent, Played
from media.calls.leg import Gone as GoneEvent
from rooms.calls.around import Around
from rooms.ports import Principal


class PaperLeg:
    """A person's end: `happens` puts an event in, `closed` says how the holder let go."""

    def __init__(self, transport: str = "webrtc") -> None:
        self.address = LegAddress(
            leg=secrets.token_hex(4),
            address="unix:/nowhere",
            key=secrets.token_hex(8),
            transport=transport,  # type: ignore[arg-type]
        )
        self.closed: str | None = None
        self.let_go_of = False  # it waits for another holder
        self.told: list[bytes] = []
        self.watched: list[bool] = []
        self.looks = 0
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()

    def happens(self, event: LegEvent) -> None:
        self._events.put_nowait(event)

    def connect(self) -> None:
        self.happens(Connected(remote="host"))

    def lose(self, reason: GoneReason = "connection_lost") -> None:
        self.happens(GoneEvent(reason=reason))

    async def events(self) -> AsyncIterator[LegEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, GoneEvent):
                return

    def play(self, epoch: int, pcm: bytes) -> None: ...

    def flush(self, epoch: int) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def gather(self, below_db: float | None) -> None: ...

    def tell(self, data: bytes) -> None:
        self.told.append(data)

    def let_go(self) -> None:
        self.let_go_of = True

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        self.watched.append(on)

    def look(self) -> None:
        """Whoever holds the camera answers with `happens(Seen(...))`."""
        self.looks += 1

    async def aclose(self, reason: str) -> None:
        if self.closed is None:
            self.closed = reason
            self.lose("replaced" if reason == "replaced" else "hung_up")


class PaperTalk:
    """A conversation: what it was told to say is in `said`, and sounds at once."""

    born_mute = False

    def __init__(self, who: Principal, companion: str, around: Around) -> None:
        self.who = who
        self.companion = companion
        self.around = around
        self.said: list[tuple[str, bool]] = []
        self.hushed = 0
        self.mute = PaperTalk.born_mute
        self.saying_seconds = 0.0
        self.heard: list[Heard] = []
        self.leg: Any = None

    async def run(self, leg: Any) -> GoneReason:
        self.leg = leg
        async for event in leg.events():
            if isinstance(event, Heard):
                self.heard.append(event)
            if isinstance(event, GoneEvent):
                return event.reason
            self.around.happened(event)
        return "connection_lost"

    async def say(self, text: str, *, interruptible: bool = True) -> int:
        self.said.append((text, interruptible))
        if not self.mute:
            self.around.happened(Played(epoch=0, samples=480, clock_us=0))
        if self.saying_seconds:
            await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())],
                               timeout=self.saying_seconds)  # fmt: skip
        return len(text)

    async def hush(self) -> None:
        self.hushed += 1


class PaperVoices:
    """Gives every call a conversation on paper."""

    def __init__(self) -> None:
        self.talks: list[PaperTalk] = []

    async def check(self) -> None: ...

    @asynccontextmanager
    async def talk(
        self, room: Any, who: Principal, companion: str, kind: str, around: Around
    ) -> AsyncIterator[PaperTalk]:
        made = PaperTalk(who, companion, around)
        self.talks.append(made)
        yield made
