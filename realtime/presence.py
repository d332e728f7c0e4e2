"""Who of one's company is here: told when it changes, and to every socket when it comes.

Only people who share a room with others are looked after; whoever talks with companions alone
costs nothing. Comings are gathered, so that ten thousand who come back at once are a few
queries; what got lost is caught up with at the next round.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from realtime.actor import Actor
from realtime.codec import encode_json
from realtime.told import heard
from rooms.events import Presence
from storage.database import DATABASE_AWAY
from storage.presence import PresenceUnknown, Status

if TYPE_CHECKING:
    from realtime.seat import Seat
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
LEAVE_SECONDS: Final = 5.0
ROUND_SECONDS: Final = 20.0
AT_ONCE: Final = 500
GATHER_SECONDS: Final = 0.02  # between two looks, so that of a crowd many are seen at once

# Of these people: (person, room, other person in it), for rooms of several people.
CompanyOf = Callable[[Sequence[str]], Awaitable[list[tuple[str, str, str]]]]


class Kept(Protocol):
    """See storage/presence.py."""

    async def mark(self, node: str, people: dict[str, Status], now_ms: int) -> None: ...

    async def of(self, people: Sequence[str], now_ms: int) -> dict[str, Status]: ...


class Known:
    """One person of this node who has company."""

    __slots__ = ("others", "rooms")

    def __init__(self) -> None:
        self.rooms: set[str] = set()
        self.others: set[str] = set()


class Attendance:
    """This node's side of presence; off until server/wiring.py hands in the stores."""

    def __init__(self, node: "Realtime") -> None:
        self._node = node
        self._store: Kept | None = None
        self._company_of: CompanyOf | None = None
        self._known: dict[str, Known] = {}
        self._told: dict[str, Status] = {}  # the last that was told here of whom
        self._away: set[Seat] = set()
        self._said: dict[str, Status] = {}  # what this node last said of whom
        self._gone_at: dict[str, float] = {}  # who may be back in a moment
        self._came: dict[str, set[Seat]] = {}
        self._looking = False

    def use(self, store: Kept, company_of: CompanyOf) -> None:
        """From now on."""
        self._store, self._company_of = store, company_of

    def start(self) -> None:
        """Go round from time to time."""
        self._node.wheel.add(self._round, ROUND_SECONDS / 2, self._node.now())

    # --- what happens

    def came(self, actor: Actor, socket: "Seat | None" = None) -> None:
        """A socket was signed in, or (None) the person's rooms changed: show whom they are with."""
        if self._store is None:
            return
        wanting = self._came.setdefault(actor.person, set())
        wanting.update(actor.sockets if socket is None else [socket])
        self._hurry()

    def says(self, actor: Actor, socket: "Seat", status: Status) -> None:
        """A device says how its person is."""
        if status == "away":
            self._away.add(socket)
        else:
            self._away.discard(socket)
        if actor.person in self._known:
            self.came(actor, socket)

    def gone(self, actor: Actor, socket: "Seat") -> None:
        """A socket is lost; with the last one its person is gone, unless they are back soon."""
        self._away.discard(socket)
        if actor.person not in self._known:
            return
        if actor.sockets:
            self._came.setdefault(actor.person, set())
            self._hurry()
            return

        self._gone_at[actor.person] = self._node.now()

        def look(_: float) -> None:
            self._came.setdefault(actor.person, set())
            self._hurry()

        self._node.wheel.add(look, LEAVE_SECONDS, self._node.now())

    # --- looking

    def _hurry(self) -> None:
        if not self._looking:
            self._looking = True
            self._node.spawn(self._look())

    async def _look(self) -> None:
        """Whoever came or changed, some hundred at a time."""
        try:
            while self._came:
                some = dict(list(self._came.items())[:AT_ONCE])
                for person in some:
                    del self._came[person]
                try:
                    await self._see(some)
                except (PresenceUnknown, *DATABASE_AWAY) as error:
                    logger.info("presence is not known now", why=type(error).__name__)
                    for person, sockets in some.items():  # the next round tries again
                        self._came.setdefault(person, set()).update(sockets)
                    return
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._looking = False

    async def _see(self, came: "dict[str, set[Seat]]") -> None:
        assert self._store is not None
        assert self._company_of is not None
        here = [person for person in came if self._node.registry.find(person) is not None]
        left = [p for p in came if p in self._known and self._has_left(p)]
        found: dict[str, Known] = {}
        for person, room, other in await self._company_of(here):
            known = found.setdefault(person, Known())
            known.rooms.add(room)
            known.others.add(other)
        alone = [person for person in here if person in self._known and person not in found]
        places = {person: self._known.pop(person).rooms for person in (*left, *alone)}
        new = {
            person: known.rooms - self._known[person].rooms if person in self._known else set()
            for person, known in found.items()
        }
        self._known.update(found)
        places |= {person: known.rooms for person, known in found.items()}
        if not places:
            return
        before = await self._store.of(list(places), self._node.now_ms())
        await self._mark(list(places))
        others = {other for known in found.values() for other in known.others}
        after = await self._store.of([*places, *others], self._node.now_ms())
        for person, rooms in places.items():
            changed = before[person] != after[person]
            self._announce(person, after[person], rooms if changed else new.get(person, set()))
        for person, known in found.items():
            self._show(came[person], known.others, after)

    async def _mark(self, people: Sequence[str]) -> None:
        assert self._store is not None
        said = {person: self._status_here(person) for person in people}
        await self._store.mark(self._node.node, said, self._node.now_ms())
        for person, status in said.items():
            if status == "offline":
                self._said.pop(person, None)
                self._gone_at.pop(person, None)
            else:
                self._said[person] = status

    def _has_left(self, person: str) -> bool:
        """Not here any more, and for so long that it is no mere change of trains."""
        gone_at = self._gone_at.get(person, 0.0)
        away = self._node.registry.find(person) is None
        return away and self._node.now() - gone_at >= LEAVE_SECONDS

    def _status_here(self, person: str) -> Status:
        if person not in self._known or self._has_left(person):
            return "offline"
        actor = self._node.registry.find(person)
        if actor is None:
            return self._said.get(person, "online")
        self._gone_at.pop(person, None)
        return "away" if all(socket in self._away for socket in actor.sockets) else "online"

    # --- telling

    def _announce(self, person: str, status: Status, rooms: set[str]) -> None:
        """To everybody in these rooms, on whatever node."""
        event = encode_json(Presence(person=person, status=status))
        for room in rooms:
            self._node.tails.hear(room, event)
            self._node.bus.whisper(room, event)

    def _show(self, sockets: "set[Seat]", others: set[str], how: dict[str, Status]) -> None:
        """The others who are here, to sockets that have just come."""
        for other in others:
            self._told[other] = how[other]
            if how[other] == "offline":
                continue
            one = heard(encode_json(Presence(person=other, status=how[other])))
            for socket in sockets:
                socket.hear(one)
        for socket in sockets:
            socket.flush()

    def _round(self, now: float) -> None:
        self._node.wheel.add(self._round, ROUND_SECONDS, now)
        if self._store is not None and (self._known or self._came):
            self._node.spawn(self._go_round())

    async def _go_round(self) -> None:
        """Say again who is here; tell what changed unheard, as when a node died."""
        assert self._store is not None
        left = [person for person in self._known if self._has_left(person)]
        for person in left:
            self._came.setdefault(person, set())
        if self._came:
            self._hurry()
        try:
            await self._mark([person for person in self._known if person not in left])
            others = {other for known in self._known.values() for other in known.others}
            how = await self._store.of(list(others), self._node.now_ms())
        except PresenceUnknown:
            return
        changed = {one for one, status in how.items() if self._told.get(one) != status}
        self._told = how
        for person, known in tuple(self._known.items()):
            actor = self._node.registry.find(person)
            if actor is None:
                continue
            for other in known.others & changed:
                actor.hear(heard(encode_json(Presence(person=other, status=how[other]))))
