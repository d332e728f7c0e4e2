"""The pens: how rooms and accounts write into the bus, and how what they wrote is delivered here.

Logged before shown: delivery on this node happens on the append's answer, elsewhere by push.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec
import structlog

from media.calls.leg import LegAddress
from realtime.codec import encode_json
from realtime.orders import Kick, Left, Order, encode_order
from realtime.tails import ORDER_MARK, TO_NODES, Tails
from realtime.told import seat_place
from rooms.events import ReplyDelta, ReplyDone, ReplyStarted, RoomEvent, RoomLeft
from rooms.ports import CallMark, LogStale, LogStalled, Metered, Telling, Unfinished
from storage.bus.ports import Bus, BusDown, Place, StaleFence, Wanted
from storage.overdue import Overdue

logger = structlog.get_logger(__name__)
STALL_SECONDS: Final = 10.0
READ_MAX: Final = 8_192


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class OpenReply(msgspec.Struct, frozen=True, array_like=True):
    """What the log keeps of a reply under way, to settle it if its holder dies."""

    person: str
    hold: str
    offset: int
    microcredits: int
    companion: str
    parent: str | None
    continues: str | None
    at_pos: int = 0
    call: bool = False  # it is a call: `offset` is its metered milliseconds
    free_ms: int = 0  # and these say the rest of its mark (rooms/ports.py)
    care_ms: int = 0
    leg: LegAddress | None = None
    beside_microcredits: int = 0
    pictures: int = 0


class RoomPen:
    """See rooms/ports.py `RoomLog`. One per lease."""

    def __init__(
        self,
        bus: Bus,
        tails: Tails,
        room: str,
        fence: int,
        begun: Callable[[str, str], None],
        done: Callable[[str], None],
    ) -> None:
        """`begun(reply, room)` and `done(reply)` let the node find a reply's room."""
        self.room = room
        self.fence = fence
        self.stale = False
        self._bus = bus
        self._tails = tails
        self._begun = begun
        self._done = done
        self._open: dict[str, OpenReply] = {}
        self._known: Place | None = None  # where this pen saw the log end
        self._overdue = Overdue(STALL_SECONDS)

    async def append(self, tellings: Sequence[Telling]) -> None:
        """See the port: one atomic append, delivered here when it is answered."""
        if not tellings:
            return
        at = now_ms()
        entries = [
            Wanted(
                at,
                telling.to or "",
                telling.event.reply if isinstance(telling.event, ReplyDelta) else "",
                encode_json(telling.event),
            )
            for telling in tellings
        ]
        await self._append(entries, self._state(tellings))

    async def mark(self, mark: CallMark) -> None:
        """See the port: the state alone, in the same place as a reply's."""
        await self._append([], {mark.call: None if mark.over else _marked(mark)})

    async def _append(self, entries: list[Wanted], state: dict[str, bytes | None]) -> None:
        try:
            appending = self._bus.append(self.room, self.fence, entries, state, self._known)
            done = await self._overdue.wait(appending)
        except StaleFence as error:
            self.stale = True
            raise LogStale(self.room) from error
        except (BusDown, TimeoutError) as error:
            raise LogStalled(self.room) from error
        self._known = Place(done.generation, done.last)
        self._tails.deliver(self.room, done.generation, done.first, entries)

    def _state(self, tellings: Sequence[Telling]) -> dict[str, bytes | None]:
        state: dict[str, bytes | None] = {}
        for telling in tellings:
            if telling.mark is not None:
                state[telling.mark.call] = None if telling.mark.over else _marked(telling.mark)
            match telling.event:
                case ReplyStarted(reply=reply, companion=companion) as event:
                    metered = telling.metered
                    assert metered is not None, "a reply begins with its hold"
                    self._open[reply] = OpenReply(
                        metered.person,
                        metered.hold,
                        0,
                        0,
                        companion,
                        event.parent,
                        event.continues,
                    )
                    state[reply] = msgspec.msgpack.encode(self._open[reply])
                    self._begun(reply, self.room)
                case ReplyDelta(reply=reply) if telling.metered and reply in self._open:
                    self._open[reply] = msgspec.structs.replace(
                        self._open[reply],
                        offset=telling.metered.offset,
                        microcredits=telling.metered.microcredits,
                    )
                    state[reply] = msgspec.msgpack.encode(self._open[reply])
                case ReplyDone(reply=reply):
                    self._open.pop(reply, None)
                    state[reply] = None
                    self._done(reply)
                case _:
                    pass
        return state

    async def unfinished(self) -> list[Unfinished]:
        """See the port: read back from the log, text and all."""
        try:
            head = await self._bus.head(self.room)
            kept_of = {reply: _kept(raw) for reply, raw in head.open.items()}
            replies = {reply: kept for reply, kept in kept_of.items() if not kept.call}
            if not replies:
                return []
            entries = await self._bus.read(self.room, 0, READ_MAX)
        except BusDown as error:
            raise LogStalled(self.room) from error
        texts: dict[str, list[str]] = {reply: [] for reply in replies}
        for entry in entries:
            if entry.reply in texts:
                texts[entry.reply].append(msgspec.json.decode(entry.event)["text"])
        left = []
        for reply, kept in replies.items():
            metered = Metered(reply, kept.person, kept.hold, kept.offset, kept.microcredits)
            text = "".join(texts[reply])
            left.append(Unfinished(metered, kept.companion, kept.parent, kept.continues, text))
        return left

    async def open_calls(self) -> list[CallMark]:
        """See the port."""
        try:
            head = await self._bus.head(self.room)
        except BusDown as error:
            raise LogStalled(self.room) from error
        found = ((call, _kept(raw)) for call, raw in head.open.items())
        return [_mark_of(call, kept) for call, kept in found if kept.call]

    async def place(self) -> str:
        """See the port."""
        if self._known is None:
            try:
                head = await self._bus.head(self.room)
            except BusDown as error:
                raise LogStalled(self.room) from error
            self._known = Place(head.generation, head.pos)
        return seat_place(self._known)

    def mention(self, event: RoomEvent) -> None:
        """See the port."""
        payload = encode_json(event)
        self._tails.hear(self.room, payload)
        self._bus.whisper(self.room, payload)


def _kept(raw: bytes) -> OpenReply:
    return msgspec.msgpack.decode(raw, type=OpenReply)


def _marked(mark: CallMark) -> bytes:
    kept = OpenReply(
        mark.person,
        mark.hold,
        mark.metered_ms,
        mark.microcredits,
        mark.companion,
        None,
        None,
        call=True,
        free_ms=mark.free_ms,
        care_ms=mark.care_ms,
        leg=mark.leg,
        beside_microcredits=mark.beside_microcredits,
        pictures=mark.pictures,
    )
    return msgspec.msgpack.encode(kept)


def _mark_of(call: str, kept: OpenReply) -> CallMark:
    return CallMark(
        call,
        kept.person,
        kept.hold,
        kept.companion,
        kept.offset,
        kept.microcredits,
        free_ms=kept.free_ms,
        care_ms=kept.care_ms,
        leg=kept.leg,
        beside_microcredits=kept.beside_microcredits,
        pictures=kept.pictures,
    )


class AccountPen:
    """See rooms/ports.py `AccountLog`."""

    def __init__(self, bus: Bus, tails: Tails) -> None:
        self._bus = bus
        self._tails = tails

    async def tell(self, person: str, event: RoomEvent) -> None:
        """See the port. When the bus stays away the event is dropped with a warning, for what it
        tells of is in the database."""
        if not await self._append(person, Wanted(now_ms(), "", "", encode_json(event))):
            logger.warning("an account event was not told")

    async def left(self, person: str, room: str, reason: Literal["left", "removed"]) -> None:
        """See the port. In the log, so that no node misses it."""
        payload = encode_order(Left(room))
        self._tails.on_order(person, payload)
        if not await self._append(person, Wanted(now_ms(), TO_NODES, "", payload)):
            logger.warning("other nodes were not told that somebody left a room")
        await self.tell(person, RoomLeft(room=room, reason=reason))

    async def kick(self, person: str, session: str | None, code: int, reason: str) -> None:
        """See the port. Here at once; elsewhere through the log, so that no node misses it."""
        payload = encode_order(Kick(session or "", code, reason))
        self._tails.on_order(person, payload)
        if not await self._append(person, Wanted(now_ms(), TO_NODES, "", payload)):
            logger.warning("other nodes were not told that a sign-in ended")

    async def _append(self, person: str, wanted: Wanted) -> bool:
        known = self._tails.place(person)
        try:
            async with asyncio.timeout(STALL_SECONDS):
                done = await self._bus.append(person, 0, [wanted], {}, known)
        except (BusDown, TimeoutError):
            return False
        self._tails.deliver(person, done.generation, done.first, [wanted])
        return True

    def order(self, person: str, order: Order) -> None:
        """Whisper an order to every node that has this person's sockets."""
        payload = encode_order(order)
        self._tails.on_order(person, payload)
        self._bus.whisper(person, ORDER_MARK + payload)
