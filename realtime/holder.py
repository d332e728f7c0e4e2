"""The rooms this node holds: opened with a lease when first needed, closed when idle or draining.

A command goes to the room's holder. A room whose lease another living node has answers with a
typed error that says to come back, until commands travel between nodes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from realtime.logs import RoomPen
from realtime.tails import Tails
from rooms.commands import Answer, ReplyCancel, RoomCommand
from rooms.errors import NotFound, Unavailable
from rooms.ports import LiveRoom, LogStale, LogStalled, OpenRoom, Principal
from storage.bus.ports import Bus, BusDown

logger = structlog.get_logger(__name__)
TRIES: Final = 3


class Holder:
    """This node's live rooms."""

    def __init__(
        self,
        bus: Bus,
        tails: Tails,
        open_room: OpenRoom,
        fence_floor: Callable[[str], Awaitable[int]],
        live_max: int,
    ) -> None:
        """`fence_floor`: the highest fence the database has seen for a room."""
        self._bus = bus
        self._tails = tails
        self._open_room = open_room
        self._fence_floor = fence_floor
        self._live_max = live_max
        self._rooms: OrderedDict[str, tuple[LiveRoom, RoomPen]] = OrderedDict()
        self._opening: dict[str, asyncio.Lock] = {}
        self._replies: dict[str, str] = {}
        self.draining = False

    def replying(self, room: str) -> str | None:
        """The reply under way in a room of this node."""
        return next((reply for reply, where in self._replies.items() if where == room), None)

    @property
    def live(self) -> dict[str, LiveRoom]:
        """The rooms in memory."""
        return {name: room for name, (room, _) in self._rooms.items()}

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """Carry a command to its room. Raises ProductError."""
        if isinstance(command, ReplyCancel):
            room = self._replies.get(command.reply)
            if room is None:
                return Answer(reply=command.reply)  # it has ended; stopping it is no error
        else:
            room = command.room
        for _ in range(TRIES):
            try:
                live = await self.room(room)
                return await live.command(who, command, key)
            except LogStale:
                self._rooms.pop(room, None)
            except (BusDown, LogStalled) as error:
                raise Unavailable(
                    "The room's log does not answer; nothing was lost.", retry_after_ms=1000
                ) from error
        raise Unavailable("This room is moving to another server.", retry_after_ms=500)

    async def room(self, name: str) -> LiveRoom:
        """The live room, opened if need be. Raises NotFound, Unavailable, BusDown."""
        found = self._rooms.get(name)
        if found is not None and not found[1].stale:
            self._rooms.move_to_end(name)
            return found[0]
        lock = self._opening.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                found = self._rooms.get(name)
                if found is not None and not found[1].stale:
                    return found[0]
                return await self._open(name)
        finally:
            if not lock.locked():
                self._opening.pop(name, None)

    async def _open(self, name: str) -> LiveRoom:
        if self.draining:
            raise Unavailable("This server is going away; reconnect.", retry_after_ms=500)
        floor = await self._fence_floor(name)
        lease = await self._bus.take(name, floor)
        if not lease.fence:
            raise Unavailable("This room is held by another server.", retry_after_ms=500)
        pen = RoomPen(
            self._bus, self._tails, name, lease.fence, self._replies.__setitem__, self._end
        )
        live = await self._open_room(name, pen)
        self._rooms[name] = (live, pen)
        await self._evict()
        return live

    def _end(self, reply: str) -> None:
        self._replies.pop(reply, None)

    async def _evict(self) -> None:
        """Beyond the bound the idlest leave first; a room with a turn stays."""
        for name in list(self._rooms):
            if len(self._rooms) <= self._live_max:
                return
            live, pen = self._rooms[name]
            if live.idle:
                del self._rooms[name]
                await self._bus.release(name, pen.fence)

    async def recover(self, name: str) -> None:
        """Open a room whose holder died, which settles what it left.

        A room that is here already is opened anew, unless a reply is under way in it.
        """
        found = self._rooms.get(name)
        if found is not None and not found[0].idle:
            return
        self._rooms.pop(name, None)
        try:
            await self.room(name)
        except (NotFound, Unavailable, LogStale, LogStalled, BusDown) as error:
            logger.info("a room was not recovered", room=name, why=type(error).__name__)

    async def drain(self, seconds: float) -> None:
        """Take no more leases; let turns finish for a while, then stop and settle them."""
        self.draining = True
        rooms = list(self._rooms.values())
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(live.close(interrupt=False) for live, _ in rooms))
        except TimeoutError:
            await asyncio.gather(*(live.close(interrupt=True) for live, _ in rooms))
        for live, pen in rooms:
            if live.idle and not pen.stale:
                try:
                    await self._bus.release(pen.room, pen.fence)
                except BusDown:
                    break
