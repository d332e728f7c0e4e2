"""Watching a room without being in it: an administrator's socket is shown the room's log.

The watcher follows the log on whatever node they are, takes no seat, is no presence and moves no
read cursor. Nothing is shown before the look stands in the audit log; who loses the right to look
is shown nothing more within half a minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from realtime import frames
from realtime.codec import encode_json
from realtime.outbox import merged
from realtime.tails import Tails
from realtime.told import Heard, Told
from rooms.commands import WatchStart, WatchStop
from rooms.errors import ProductError
from rooms.oversight import check_watches
from rooms.ports import Principal
from storage.bus.ports import BusDown
from storage.database import DATABASE_AWAY

if TYPE_CHECKING:
    from realtime.seat import Seat
    from realtime.socket import Socket

logger = structlog.get_logger(__name__)
REPLAY_MAX: Final = 4_096
LOOK_AGAIN_SECONDS: Final = 30.0
# Writes (who, act, room, why) down, and raises for who may not; nothing is shown before it returns.
Admit = Callable[[Principal, str, str, str], Awaitable[None]]
# Raises for who may no longer look.
Still = Callable[[Principal], Awaitable[None]]
# Tells the room that somebody looks, where the settings want that.
Tell = Callable[[Principal, str], Awaitable[None]]


class _What(msgspec.Struct):
    type: str
    reply: str = ""


_what = msgspec.json.Decoder(_What).decode


class Watch:
    """One socket's look into one room."""

    __slots__ = ("_due", "_early", "room", "socket", "who")

    def __init__(self, socket: "Seat", who: Principal, room: str) -> None:
        self.socket, self.who, self.room = socket, who, room
        self._early: list[Told] | None = []  # what comes while the reply under way is read
        self._due = False

    def begin(self, under_way: list[Told]) -> None:
        """Show the reply under way from its beginning, then what came meanwhile."""
        early, self._early = self._early or [], None
        shown = {(told.generation, told.pos) for told in under_way}
        late = (told for told in early if (told.generation, told.pos) not in shown)
        for told in [*merged(under_way), *late]:
            self.entry(told)

    def entry(self, told: Told) -> None:
        """An entry of the log; what is for one member only stays between them."""
        if told.to:
            return
        if self._early is not None:
            self._early.append(told)
            return
        key = f"watch/{told.log}/{told.generation}/{told.pos}"
        self._show(Heard(key, entry_frame(told.log, told.pos, told.at, told.event)))

    def hear(self, heard: Heard) -> None:
        """Something ephemeral."""
        self._show(Heard(f"watch/{heard.key}", entry_frame(self.room, 0, 0, heard.event)))

    def _show(self, heard: Heard) -> None:
        self.socket.hear(heard)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        self.socket.flush()


class Watching:
    """Everybody on this node who watches, and what."""

    def __init__(
        self,
        tails: Tails,
        most: int,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        self.admit: Admit = _nobody_may
        self.still: Still = _not_yet
        self.tell: Tell = _untold
        self._tails = tails
        self._most = most
        self._spawn = spawn
        self._watches: dict[Seat, dict[str, Watch]] = {}

    def __len__(self) -> int:
        return sum(len(rooms) for rooms in self._watches.values())

    async def carry(
        self, socket: "Socket", who: Principal, command: WatchStart | WatchStop
    ) -> None:
        """Begin to watch, or stop. Raises ProductError and BusDown."""
        if isinstance(command, WatchStart):
            await self._start(socket, who, command.room, command.why)
        elif command.room in self._watches.get(socket, {}):
            self._stop(socket, command.room)
            await self.admit(who, "watch.stop", command.room, "")

    async def _start(self, socket: "Socket", who: Principal, room: str, why: str) -> None:
        await self.admit(who, "watch.start", room, why)
        if room in self._watches.get(socket, {}):
            return
        check_watches(self._of(who.person.id), self._most)
        watch = Watch(socket, who, room)
        self._watches.setdefault(socket, {})[room] = watch
        try:
            await self.tell(who, room)
            await self._tails.follow([room], watch.entry, watch.hear)
            watch.begin(await self._under_way(room))
        except BaseException:
            self._stop(socket, room)
            raise
        if socket.session.state == "closed":
            self._stop(socket, room)

    async def _under_way(self, room: str) -> list[Told]:
        place = self._tails.place(room)
        if place is None:
            return []
        last = max(0, place.pos - REPLAY_MAX)
        return under_way(await self._tails.after(room, last, REPLAY_MAX))

    def _of(self, person: str) -> int:
        watches = (w for rooms in self._watches.values() for w in rooms.values())
        return sum(w.who.person.id == person for w in watches)

    def _stop(self, socket: "Seat", room: str) -> None:
        rooms = self._watches.get(socket, {})
        watch = rooms.pop(room, None)
        if watch is not None:
            self._tails.unfollow([room], watch.entry, watch.hear)
        if not rooms:
            self._watches.pop(socket, None)

    def gone(self, socket: "Seat") -> None:
        """A socket is no more, or its watcher may look no longer."""
        for room in tuple(self._watches.get(socket, {})):
            self._stop(socket, room)

    def look_again(self) -> None:
        """Ask again whether everybody who watches still may."""
        for socket, rooms in tuple(self._watches.items()):
            self._spawn(self._check(socket, next(iter(rooms.values())).who))

    async def _check(self, socket: "Seat", who: Principal) -> None:
        try:
            await self.still(who)
        except ProductError as refused:
            rooms = tuple(self._watches.get(socket, {}))
            self.gone(socket)
            for room in rooms:
                ended = frames.WatchEnded(room=room, reason=refused.code)
                socket.hear(Heard(f"watch.ended/{room}", encode_json(ended)))
            socket.flush()
        except (BusDown, *DATABASE_AWAY):
            logger.warning("whether a watcher still may look is not known now")


def under_way(entries: list[Told]) -> list[Told]:
    """Of a log's last entries, those of replies that have begun and not ended."""
    begun: dict[str, list[Told]] = {}
    for told in entries:
        if told.to:
            continue
        what = _what(told.event)
        if what.type == "reply.started":
            begun[what.reply] = [told]
        elif what.type == "reply.delta" and what.reply in begun:
            begun[what.reply].append(told)
        elif what.type == "reply.done":
            begun.pop(what.reply, None)
    return sorted((t for told in begun.values() for t in told), key=lambda t: t.pos)


def entry_frame(room: str, pos: int, at: int, event: bytes) -> bytes:
    """A `watch.entry` in JSON, around an event that is encoded already."""
    head = b'{"type":"watch.entry","room":%s,"pos":%d,"at":%d,"event":'
    return head % (encode_json(room), pos, at) + event + b"}"


async def _nobody_may(*_: object) -> None:
    raise ProductError("The server is starting.", retryable=True)


async def _not_yet(_: Principal) -> None:
    """Nobody watches until the server stands."""


async def _untold(who: Principal, room: str) -> None:
    """By default a room is not told."""
