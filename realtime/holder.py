"""The rooms this node holds: opened with a lease when first needed, closed when idle or draining.

A command goes to the room's holder, here or on the node that has the lease.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import structlog

from realtime.forward import Forward, NotHere
from realtime.logs import RoomPen
from realtime.tails import Tails
from rooms.commands import Answer, ReplyCancel, RoomCommand
from rooms.errors import NotFound, ProductError, Unavailable
from rooms.oversight import Glance
from rooms.ports import LiveRoom, LogStale, LogStalled, OpenRoom, Principal
from storage.bus.ports import Bus, BusDown
from storage.database import DATABASE_AWAY

logger = structlog.get_logger(__name__)
TRIES: Final = 4
RELEASED_AT_ONCE: Final = 8


class HeldElsewhere(Exception):
    """A living node has the room's lease."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


class Held:
    """A room in memory, its pen, and how many commands are in it."""

    __slots__ = ("live", "pen", "users")

    def __init__(self, live: LiveRoom, pen: RoomPen) -> None:
        self.live, self.pen, self.users = live, pen, 0

    @property
    def idle(self) -> bool:
        """Nothing goes on in it."""
        return self.users == 0 and self.live.idle


class Holder:
    """This node's live rooms."""

    def __init__(
        self,
        bus: Bus,
        tails: Tails,
        node: str,
        open_room: OpenRoom,
        fence_floor: Callable[[str], Awaitable[int]],
        live_max: int,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        """`fence_floor`: the highest fence the database has seen for a room."""
        self.forward = Forward(bus, node, self._for_another, spawn)
        self.draining = False
        self._bus = bus
        self._tails = tails
        self._node = node
        self._open_room = open_room
        self._fence_floor = fence_floor
        self._live_max = live_max
        self._rooms: OrderedDict[str, Held] = OrderedDict()
        self._opening: dict[str, asyncio.Lock] = {}
        self._replies: dict[str, str] = {}

    def replying(self, room: str) -> str | None:
        """The reply under way in a room of this node."""
        return next((reply for reply, where in self._replies.items() if where == room), None)

    @property
    def live(self) -> dict[str, LiveRoom]:
        """The rooms in memory."""
        return {name: held.live for name, held in self._rooms.items()}

    @property
    def under_way(self) -> int:
        """How many replies are being given here."""
        return len(self._replies)

    def glances(self, most: int) -> list[Glance]:
        """The rooms here, the liveliest first: those with a turn, then the last in use."""
        here = [held for held in reversed(self._rooms.values()) if not held.pen.stale]
        lively = sorted(here, key=lambda held: held.idle)  # stable: the last used stay in front
        return [held.live.glance() for held in lively[:most]]

    # --- commands

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """Carry a command to its room. Raises ProductError."""
        try:
            if isinstance(command, ReplyCancel):
                return await self._cancel(who, command, key)
            for _ in range(TRIES):
                try:
                    return await self._here(command.room, who, command, key)
                except LogStale:
                    await asyncio.sleep(0.05)  # the room moves: look again who has it
                except HeldElsewhere as elsewhere:
                    try:
                        return await self.forward.ask(elsewhere.node, who, command, key)
                    except NotHere:
                        await asyncio.sleep(0.05)
        except (BusDown, LogStalled) as error:
            raise Unavailable(
                "The room's log does not answer; nothing was lost.", retry_after_ms=1000
            ) from error
        raise Unavailable("This room is moving to another server.", retry_after_ms=500)

    async def _here(self, room: str, who: Principal, command: RoomCommand, key: str) -> Answer:
        held = await self._held(room)
        held.users += 1
        try:
            return await held.live.command(who, command, key)
        finally:
            held.users -= 1

    async def _cancel(self, who: Principal, command: ReplyCancel, key: str) -> Answer:
        """Only a reply's holder knows its room; one that has ended is stopped already."""
        room = self._replies.get(command.reply)
        if room is not None:
            try:
                return await self._here(room, who, command, key)
            except (LogStale, HeldElsewhere):
                return Answer(reply=command.reply)
        others = [node for node in await self._bus.living() if node != self._node]
        asked = (self.forward.ask(node, who, command, key) for node in others)
        for came in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(came, Answer):
                return came
            if isinstance(came, BaseException) and not isinstance(came, NotHere):
                raise came
        return Answer(reply=command.reply)

    async def _for_another(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """A command another node sent here because we hold its room."""
        if isinstance(command, ReplyCancel):
            room = self._replies.get(command.reply)
            if room is None:
                raise NotHere
        else:
            room = command.room
        if self.draining and room not in self._rooms:
            raise NotHere
        try:
            return await self._here(room, who, command, key)
        except (LogStale, HeldElsewhere) as error:
            raise NotHere from error
        except (BusDown, LogStalled) as error:
            raise Unavailable("The room's log does not answer.", retry_after_ms=1000) from error
        except DATABASE_AWAY as error:
            raise Unavailable("The database does not answer.", retry_after_ms=1000) from error

    # --- rooms

    async def room(self, name: str) -> LiveRoom:
        """The live room, opened if need be.

        Raises NotFound, Unavailable, BusDown, LogStale, LogStalled, and HeldElsewhere.
        """
        return (await self._held(name)).live

    async def _held(self, name: str) -> Held:
        held = self._rooms.get(name)
        if held is not None and not held.pen.stale:
            self._rooms.move_to_end(name)
            return held
        lock = self._opening.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                held = self._rooms.get(name)
                if held is not None and not held.pen.stale:
                    return held
                self._rooms.pop(name, None)
                return await self._open(name)
        finally:
            if not lock.locked() and self._opening.get(name) is lock:
                del self._opening[name]

    async def _open(self, name: str) -> Held:
        if self.draining:
            raise Unavailable("This server is going away; reconnect.", retry_after_ms=500)
        floor = await self._fence_floor(name)
        lease = await self._bus.take(name, floor)
        if not lease.fence:
            raise HeldElsewhere(lease.holder)
        pen = RoomPen(
            self._bus, self._tails, name, lease.fence, self._replies.__setitem__, self._end
        )
        try:
            live = await self._open_room(name, pen)
        except NotFound:
            await self._bus.release(name, lease.fence)
            raise
        held = self._rooms[name] = Held(live, pen)
        await self._evict()
        return held

    def _end(self, reply: str) -> None:
        self._replies.pop(reply, None)

    async def _evict(self) -> None:
        """Beyond the bound the idlest leave first; a room with a turn stays."""
        over = len(self._rooms) - self._live_max
        if over <= 0:
            return
        leaving: list[str] = []
        for name, held in self._rooms.items():
            if held.idle and next(reversed(self._rooms)) != name:
                leaving.append(name)
                if len(leaving) == min(over, RELEASED_AT_ONCE):
                    break
        for name in leaving:
            await self._bus.release(name, self._rooms.pop(name).pen.fence)

    async def recover(self, name: str) -> None:
        """Open a room whose holder died, which settles what it left.

        A room that is here already is opened anew, unless something goes on in it.
        """
        held = self._rooms.get(name)
        if held is not None and not held.idle:
            return
        self._rooms.pop(name, None)
        try:
            await self.room(name)
        except (NotFound, Unavailable, LogStale, LogStalled, BusDown, HeldElsewhere) as error:
            logger.info("a room was not recovered", room=name, why=type(error).__name__)

    async def drain(self, seconds: float, *, elsewhere: bool = False) -> None:
        """Take no more leases; let turns finish for a while, then stop and settle them.

        `elsewhere`: other nodes serve on, so that calls go on there.
        """
        self.draining = True
        if elsewhere:
            await asyncio.gather(*(self._hand_over(held) for held in tuple(self._rooms.values())))
        rooms = list(self._rooms.values())
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(held.live.leave(interrupt=False) for held in rooms))
        except TimeoutError:
            await asyncio.gather(*(held.live.leave(interrupt=True) for held in rooms))
        for held in rooms:
            if held.live.idle and not held.pen.stale:
                try:
                    await self._bus.release(held.pen.room, held.pen.fence)
                except BusDown:
                    break

    async def _hand_over(self, held: Held) -> None:
        """A room with a call goes to another node, which is asked to take it at once.

        Where none answers, housekeeping finds the call's hold once this node is gone.
        """
        room = held.pen.room
        try:
            asked = await held.live.hand_over()
            if asked is None:
                return
            self._rooms.pop(room, None)
            await self._bus.release(room, held.pen.fence)
            for node in await self._bus.living():
                if node == self._node:
                    continue
                with contextlib.suppress(NotHere, ProductError):
                    await self.forward.ask(node, *asked, key=f"take/{room}")
                    return
        except BusDown:
            logger.warning("a call was not handed over", room=room)
