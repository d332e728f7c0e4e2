"""A room's log with somebody who hears along: what is logged goes over the data channel too.

Logged first, then told, as everywhere; nobody is told what is private to somebody else.
"""

from collections.abc import Callable, Sequence

from rooms.events import RoomEvent
from rooms.ports import CallMark, RoomLog, Telling, Unfinished


class Overheard:
    """See rooms/ports.py `RoomLog`. `hears` is asked after every append, while there is a call."""

    def __init__(self, log: RoomLog) -> None:
        self.hears: Callable[[RoomEvent, str | None], None] | None = None
        self._log = log

    @property
    def room(self) -> str:
        """Whose log it is."""
        return self._log.room

    @property
    def fence(self) -> int:
        """Under which lease."""
        return self._log.fence

    async def append(self, tellings: Sequence[Telling]) -> None:
        """See the port."""
        await self._log.append(tellings)
        if self.hears is not None:
            for telling in tellings:
                self.hears(telling.event, telling.to)

    async def mark(self, mark: CallMark) -> None:
        """See the port."""
        await self._log.mark(mark)

    async def open_calls(self) -> list[CallMark]:
        """See the port."""
        return await self._log.open_calls()

    async def unfinished(self) -> list[Unfinished]:
        """See the port."""
        return await self._log.unfinished()

    async def place(self) -> str:
        """See the port."""
        return await self._log.place()

    def mention(self, event: RoomEvent) -> None:
        """See the port."""
        self._log.mention(event)
        if self.hears is not None:
            self.hears(event, None)
