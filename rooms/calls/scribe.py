"""Writes what a call tells into its room's log: in order, a few times a second, nobody waits.

Captions that a newer one replaces are not written at all; how far the meter has come goes along.
"""

import asyncio
from typing import Final

from rooms.calls import together
from rooms.events import CallCaption, RoomEvent
from rooms.ports import CallMark, RoomLog, Telling

GAP_SECONDS: Final = 0.1
WAITING_MAX: Final = 256


class Scribe:
    """`tell`, `caption` and `mark`, then `run` writes; `left` is what it had no time for."""

    def __init__(self, log: RoomLog) -> None:
        self._log = log
        self._waiting: list[Telling] = []
        self._captions: dict[str, CallCaption] = {}
        self._mark: CallMark | None = None
        self._wake = asyncio.Event()

    def tell(self, event: RoomEvent, to: str | None = None) -> None:
        """An event; the oldest is forgotten where a log stalls for very long."""
        self._settle_captions()
        self._waiting.append(Telling(event, to=to))
        del self._waiting[:-WAITING_MAX]
        self._wake.set()

    def caption(self, caption: CallCaption) -> None:
        """What is said, as far as it is known: it replaces what waits of the same utterance."""
        self._captions.pop(caption.utterance, None)
        self._captions[caption.utterance] = caption
        if caption.final or caption.withdrawn:
            self._settle_captions()
        self._wake.set()

    def mark(self, mark: CallMark) -> None:
        """How far the call has come."""
        self._mark = mark
        self._wake.set()

    def _settle_captions(self) -> None:
        self._waiting += [Telling(caption) for caption in self._captions.values()]
        self._captions.clear()
        del self._waiting[:-WAITING_MAX]

    def left(self) -> list[Telling]:
        """What still waits, in order; it is the caller's now."""
        self._settle_captions()
        taken, self._waiting = self._waiting, []
        return taken

    async def run(self) -> None:
        """Write until cancelled. Raises LogStale or LogStalled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            mark, self._mark = self._mark, None
            if tellings := self.left():
                if mark is not None:
                    last = tellings[-1]
                    tellings[-1] = Telling(last.event, to=last.to, mark=mark)
                await self._log.append(tellings)
            elif mark is not None:
                await self._log.mark(mark)
            await together.wait(GAP_SECONDS)
