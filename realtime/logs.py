"""The pens: how rooms and accounts write into the bus, and how what they wrote is delivered here.

Logged before shown: delivery on this node happens on the append's answer, elsewhere by push.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import structlog

from realtime.codec import encode_json
from realtime.tails import ORDER_MARK, Tails
from rooms.events import MessageCreated, ReplyDelta, ReplyDone, ReplyStarted, RoomEvent
from rooms.ports import LogStale, LogStalled, Metered, Telling, Unfinished
from storage.bus.ports import Bus, BusDown, StaleFence, Wanted

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
        state = self._state(tellings)
        try:
            async with asyncio.timeout(STALL_SECONDS):
                done = await self._bus.append(self.room, self.fence, entries, state)
        except StaleFence as error:
            self.stale = True
            raise LogStale(self.room) from error
        except (BusDown, TimeoutError) as error:
            raise LogStalled(self.room) from error
        self._tails.deliver(self.room, done.generation, done.first, entries)

    def _state(self, tellings: Sequence[Telling]) -> dict[str, bytes | None]:
        state: dict[str, bytes | None] = {}
        for telling in tellings:
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
            if not head.open:
                return []
            entries = await self._bus.read(self.room, 0, READ_MAX)
        except BusDown as error:
            raise LogStalled(self.room) from error
        texts: dict[str, list[str]] = {reply: [] for reply in head.open}
        for entry in entries:
            if entry.reply in texts:
                texts[entry.reply].append(msgspec.json.decode(entry.event)["text"])
        left = []
        for reply, raw in head.open.items():
            kept = msgspec.msgpack.decode(raw, type=OpenReply)
            metered = Metered(reply, kept.person, kept.hold, kept.offset, kept.microcredits)
            text = "".join(texts[reply])
            left.append(Unfinished(metered, kept.companion, kept.parent, kept.continues, text))
        return left

    async def last_n(self) -> int:
        """The number of the newest message the log has told of; 0 if it tells of none."""
        entries = await self._bus.read(self.room, 0, READ_MAX)
        created: list[Any] = [msgspec.json.decode(entry.event) for entry in entries]
        kinds = {MessageCreated.__struct_config__.tag, ReplyDone.__struct_config__.tag}
        numbers = [e["message"]["n"] for e in created if e["type"] in kinds and e.get("message")]
        return max(numbers, default=0)

    def mention(self, event: RoomEvent) -> None:
        """See the port."""
        payload = encode_json(event)
        self._tails.hear(self.room, payload)
        self._bus.whisper(self.room, payload)


class Kick(msgspec.Struct, frozen=True, tag="kick"):
    """An order to every node: close this person's sockets. `sign_in` empty is all of them."""

    sign_in: str
    code: int
    reason: str


class Replaced(msgspec.Struct, frozen=True, tag="replaced"):
    """An order to every node: this session goes on under another owner."""

    session: str
    owner: str


Order = Kick | Replaced
_decode_order = msgspec.json.Decoder(Order).decode


def order_in(payload: bytes) -> Order | None:
    """The order in a whisper, if it is one."""
    return _decode_order(payload[1:]) if payload.startswith(ORDER_MARK) else None


class AccountPen:
    """See rooms/ports.py `AccountLog`."""

    def __init__(self, bus: Bus, tails: Tails) -> None:
        self._bus = bus
        self._tails = tails

    async def tell(self, person: str, event: RoomEvent) -> None:
        """See the port. While the bus is away the event waits in nobody's memory: it is dropped
        with a warning, for history holds what matters."""
        entries = [Wanted(now_ms(), "", "", encode_json(event))]
        try:
            async with asyncio.timeout(STALL_SECONDS):
                done = await self._bus.append(person, 0, entries, {})
        except (BusDown, TimeoutError):
            logger.warning("an account event was not told")
            return
        self._tails.deliver(person, done.generation, done.first, entries)

    async def kick(self, person: str, session: str | None, code: int, reason: str) -> None:
        """See the port."""
        self.order(person, Kick(session or "", code, reason))

    def order(self, person: str, order: Order) -> None:
        """Send an order to every node that has this person's sockets."""
        payload = ORDER_MARK + encode_json(order)
        self._tails.hear(person, payload)
        self._bus.whisper(person, payload)
