"""One signed-in person on this node: what they follow, and their sockets.

A slotted object and one scheduled drain, however much happens in a turn of the loop: entries are
put into each socket's outbox by reference, then every socket is flushed once. No task of its own.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from realtime.lanes import Lane
from realtime.orders import Kick, Left, Order, Replaced
from realtime.tails import TO_NODES, Tails
from realtime.told import Heard, Told, place_in
from storage.bus.ports import BusDown, Place

if TYPE_CHECKING:
    from realtime.seat import Seat

logger = structlog.get_logger(__name__)
LOG_MAX: Final = 4_096
_ROOM_UPDATED: Final = b'{"type":"room.updated"'


class Actor:
    """Follows a person's logs once for all their sockets here."""

    __slots__ = (
        "_changed",
        "_following",
        "_joining",
        "_logs",
        "_scheduled",
        "_since",
        "_spawn",
        "_tails",
        "person",
        "sockets",
    )

    def __init__(
        self,
        person: str,
        tails: Tails,
        spawn: Callable[[Coroutine[object, object, None]], None],
        changed: "Callable[[Actor], None]",
    ) -> None:
        """`changed` is told when the person's rooms are others, or have others in them."""
        self.person = person
        self.sockets: list[Seat] = []
        self._tails = tails
        self._spawn = spawn
        self._changed = changed
        self._logs: list[str] = []
        self._following = asyncio.Lock()
        self._joining: dict[str, list[Told]] = {}  # rooms being joined, and what came meanwhile
        self._since: dict[str, Place] = {}  # of rooms this person came into later
        self._scheduled = False

    @property
    def rooms(self) -> list[str]:
        """The rooms this person's sockets follow."""
        return [log for log in self._logs if log != self.person]

    async def follow(self, logs: Mapping[str, Place | None]) -> None:
        """Follow these as well; positions are known when this returns. Raises BusDown.

        With each comes from where on it is this person's, None for the beginning.
        """
        self._since.update({log: since for log, since in logs.items() if since is not None})
        self.resort()
        async with self._following:
            new = [log for log in dict.fromkeys(logs) if log not in self._logs]
            if new:
                await self._tails.follow(new, self.entry, self.hear, self.lanes)
                self._logs += new
            if not self.sockets:
                self.end()  # the last one left meanwhile

    def places(self) -> dict[str, Place]:
        """Where each followed log was delivered up to; what is not there has no entries yet."""
        return {log: place for log in self._logs if (place := self._tails.place(log)) is not None}

    async def join(self, room: str, since: Place | None) -> None:
        """A room this person came into: their sockets are shown its log from `since` on."""
        if since is not None:
            self._since[room] = since
        else:
            self._since.pop(room, None)
        self.resort()
        while self.sockets:
            try:
                async with self._following:
                    if room in self._logs:
                        return
                    await self._begin_at_the_beginning(room)
                if not self.sockets:
                    self.end()
                return
            except BusDown:
                await asyncio.sleep(0.2)

    async def _begin_at_the_beginning(self, room: str) -> None:
        self._joining[room] = []
        try:
            await self._tails.follow([room], self.entry, self.hear, self.lanes)
            self._logs.append(room)
            place = self._tails.place(room)
            if place is not None and place.pos:
                since = self._since.get(room)
                here = since is not None and since.generation == place.generation
                begin = since.pos if since is not None and here else 0
                for told in await self._tails.after(room, begin, LOG_MAX):
                    self._show(told)
                self._joining[room] = [t for t in self._joining[room] if _later(t, place)]
        except BusDown:
            if room in self._logs:
                self._logs.remove(room)
                self._tails.unfollow([room], self.entry, self.hear)
            del self._joining[room]
            raise
        for told in self._joining.pop(room):
            self._show(told)
        self.resort()

    def leave(self, room: str) -> None:
        """Follow a room no more."""
        if room in self._logs and room != self.person:
            self._logs.remove(room)
            self._tails.unfollow([room], self.entry, self.hear)
            self._since.pop(room, None)
            self._changed(self)

    def end(self) -> None:
        """The last socket is gone."""
        self._tails.unfollow(self._logs, self.entry, self.hear)
        self._logs = []

    # --- what comes

    def lanes(self, log: str, place: Place) -> list[Lane] | None:
        """See realtime/tails.py `Lanes`: of all sockets here, if each has one."""
        since = self._since.get(log)
        if log in (self.person, *self._joining) or (since is not None and _before(place, since)):
            return None
        found: list[Lane] = []
        for socket in self.sockets:
            lane = socket.out.lane
            if lane is None:
                return None
            found.append(lane)
        return found

    def resort(self) -> None:
        """Sockets came, went or began, or others of the logs' entries are theirs."""
        self._tails.resort(self._logs)

    def entry(self, told: Told) -> None:
        """A log's entry."""
        if self._joining and told.log in self._joining:
            self._joining[told.log].append(told)
        elif told.to or self._since or told.log == self.person:
            self._show(told)
        else:  # a room's own, from its beginning: for everybody, so nothing is to be asked
            self._hand_on(told)

    def _hand_on(self, told: Told) -> None:
        for socket in self.sockets:
            if not socket.out.send_now(told):
                socket.out.put(told)
                self.schedule()

    def _show(self, told: Told) -> None:
        if told.to and (told.to != self.person or told.to == TO_NODES):
            return
        if self._since and not told.visible(self.person, self._since.get(told.log)):
            return
        self._hand_on(told)
        if told.log == self.person and told.event.startswith(_ROOM_UPDATED):
            event = msgspec.json.decode(told.event)
            room = event["room"]["id"]
            if room not in self._logs:
                self._spawn(self.join(room, place_in(event.get("since", ""))))
            self._changed(self)

    def hear(self, heard: Heard) -> None:
        """Something ephemeral; what is for somebody else alone goes no further."""
        if heard.to and heard.to != self.person:
            return
        for socket in self.sockets:
            socket.hear(heard)
        self.schedule()

    def order(self, order: Order) -> None:
        """An order to this node about the person's sockets."""
        match order:
            case Kick(sign_in=sign_in, code=code, reason=reason):
                for socket in tuple(self.sockets):
                    if sign_in in {"", socket.sign_in}:
                        socket.close(code, reason)
            case Replaced(session=session, owner=owner):
                for socket in tuple(self.sockets):
                    socket.replaced(session, owner)
            case Left(room=room):
                self.leave(room)

    def schedule(self) -> None:
        """Flush every socket once this turn of the loop is over."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        for socket in tuple(self.sockets):
            socket.flush()


def _before(place: Place, since: Place) -> bool:
    """Whether what comes next after a place may still be from before somebody came."""
    return place.generation == since.generation and place.pos < since.pos


def _later(told: Told, place: Place) -> bool:
    return told.generation != place.generation or told.pos > place.pos
