"""The live end of every log that somebody on this node follows, without gaps or repeats.

Entries come in process from our own appends and by push from other nodes; a jump in the
positions, a lost connection, or a look at the heads now and then is filled from the log before
anything later is delivered. The last entries are kept, for those who come back soon.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from typing import Final

import structlog

from realtime.lanes import Lane, spread
from realtime.tallies import SocketTally
from realtime.told import Heard, Told, heard
from storage.bus.ports import Bus, BusDown, Place, Wanted

logger = structlog.get_logger(__name__)
Sink = Callable[[Told], None]
Hear = Callable[[Heard], None]
# The lanes of a follower who sees every entry of this log after this place; else None.
Lanes = Callable[[str, Place], "Sequence[Lane] | None"]
READ_MAX: Final = 4_096
CATCH_UP_SECONDS: Final = 5.0
RING_MAX: Final = 256
RING_SECONDS: Final = 120.0
CHECKED_AT_ONCE: Final = 1_000
ORDER_MARK: Final = b"!"  # what follows is for nodes, not for people
TO_NODES: Final = "!"  # an entry for nodes: no person's session sees or numbers it


class Tail:
    """One log's end on this node."""

    __slots__ = (
        "filled",
        "filling",
        "generation",
        "hearers",
        "held",
        "known",
        "lanes",
        "log",
        "others",
        "pos",
        "ring",
        "sinks",
    )

    def __init__(self, log: str) -> None:
        self.log = log
        self.generation = ""
        self.pos = 0
        self.known: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self.filling = True  # until its head is known
        self.filled: asyncio.Future[None] | None = None  # for whoever waits until it is not
        self.held: list[tuple[str, int, Sequence[Wanted]]] | None = None
        self.ring: deque[Told] | None = None
        self.sinks: list[tuple[Sink, Lanes | None]] = []
        self.hearers: list[Hear] = []
        # Of the followers those with lanes, and the others, as far as they have been sorted.
        self.lanes: list[Lane] | None = None
        self.others: list[Sink] = []

    def sort(self) -> list[Lane]:
        """Find out who can be written to past their actors, the entry at `pos` included."""
        self.lanes, self.others = [], []
        here = Place(self.generation, self.pos - 1)
        for sink, lanes in self.sinks:
            found = lanes(self.log, here) if lanes is not None else None
            if found is None:
                self.others.append(sink)
            else:
                self.lanes += found
        return self.lanes


class Tails:
    """All of them. `spawn` runs small tasks; it belongs to the node's TaskGroup."""

    def __init__(
        self,
        bus: Bus,
        spawn: Callable[[Coroutine[object, object, None]], None],
        now: Callable[[], float],
    ) -> None:
        self._bus = bus
        self._spawn = spawn
        self._now = now
        self._tails: dict[str, Tail] = {}
        # When what came, by its place: what a full ring has let go of is not kept by its age.
        self._ringing: deque[tuple[float, str, str, int]] = deque()
        self._checked = 0
        # Orders to nodes come here, whether whispered or logged: (person or node, payload).
        self.on_order: Callable[[str, bytes], None] = _nobody_listens
        self.tally = SocketTally()

    def __len__(self) -> int:
        return len(self._tails)

    # --- following

    async def follow(
        self, logs: Sequence[str], sink: Sink, hear: Hear, lanes: Lanes | None = None
    ) -> None:
        """Deliver these logs to `sink` from now on. Raises BusDown, and follows none then.

        Where `lanes` gives any, entries for everybody go there instead; `resort` when it would
        give others.
        """
        new = []
        for log in logs:
            tail = self._tails.get(log)
            if tail is None:
                tail = self._tails[log] = Tail(log)
                self._bus.follow(log)
                new.append(log)
            tail.sinks.append((sink, lanes))
            tail.hearers.append(hear)
            tail.lanes = None
        try:
            if new:
                heads = await self._bus.heads(new)
                for log in new:
                    self._begin(log, heads.get(log, Place("", 0)))
            for log in logs:
                if (known := self._tails[log].known) is not None:
                    await asyncio.shield(known)  # somebody else is just asking
        except BaseException:
            self._forget_asking(new)
            self.unfollow(logs, sink, hear)
            raise

    def _forget_asking(self, logs: Sequence[str]) -> None:
        """Nobody learnt where these logs end: whoever waits for that asks again."""
        for log in logs:
            tail = self._tails.get(log)
            if tail is not None and tail.known is not None and not tail.known.done():
                tail.known.set_exception(BusDown("the bus does not answer"))
                tail.known.exception()

    def unfollow(self, logs: Sequence[str], sink: Sink, hear: Hear) -> None:
        """No more; a log nobody follows is forgotten."""
        for log in logs:
            tail = self._tails.get(log)
            found = next((one for one in tail.sinks if one[0] == sink), None) if tail else None
            if tail is None or found is None:
                continue
            tail.sinks.remove(found)
            tail.hearers.remove(hear)
            tail.lanes = None
            if not tail.sinks:
                del self._tails[log]
                self._bus.unfollow(log)

    def resort(self, logs: Sequence[str]) -> None:
        """A follower of these has other lanes than before."""
        for log in logs:
            tail = self._tails.get(log)
            if tail is not None:
                tail.lanes = None

    def place(self, log: str) -> Place | None:
        """How far a followed log was delivered here; None if there is no such log yet."""
        tail = self._tails.get(log)
        return Place(tail.generation, tail.pos) if tail is not None and tail.generation else None

    async def after(self, log: str, pos: int, limit: int) -> list[Told]:
        """The entries after a position up to where it was delivered: kept here, else read."""
        tail = self._tails[log]
        ring = tail.ring
        if ring and ring[0].pos <= pos + 1 and ring[0].generation == tail.generation:
            return list(islice(ring, pos + 1 - ring[0].pos, None))
        generation, end = tail.generation, tail.pos
        entries = await self._bus.read(log, pos, limit)
        return [Told.of(log, generation, e.pos, e) for e in entries if e.pos <= end]

    async def catch_up(self, log: str) -> None:
        """Read on to where a log ends: somebody has seen more of it than was pushed here."""
        tail = self._tails.get(log)
        if tail is None or tail.known is not None:
            return
        if tail.filled is None:
            tail.filled = asyncio.get_running_loop().create_future()
        if not tail.filling:
            self._fill(log, tail, None)
        await asyncio.wait([tail.filled], timeout=CATCH_UP_SECONDS)

    # --- what comes

    def deliver(self, log: str, generation: str, first: int, entries: Sequence[Wanted]) -> None:
        """Entries at positions `first`... of a log; see storage/bus/ports.py `Deliver`."""
        tail = self._tails.get(log)
        if tail is None:
            return
        if tail.filling:
            tail.held = [*(tail.held or ()), (generation, first, entries)]
            return
        if generation != tail.generation:
            if first != 1:
                return self._fill(log, tail, (generation, first, entries))
            tail.generation, tail.pos, tail.ring = generation, 0, None
        if first > tail.pos + 1:
            return self._fill(log, tail, (generation, first, entries))
        generation = tail.generation  # the same object each time: sessions compare it often
        for pos, wanted in enumerate(entries, first):
            if pos > tail.pos:
                self._show(tail, Told.of(tail.log, generation, pos, wanted))

    def _show(self, tail: Tail, told: Told) -> None:
        tail.pos = told.pos
        if told.to == TO_NODES:
            self.on_order(told.log, told.event)
        if tail.ring is None:
            tail.ring = deque(maxlen=RING_MAX)
        tail.ring.append(told)
        self._ringing.append((self._now(), told.log, told.generation, told.pos))
        if told.to:
            for sink, _ in tuple(tail.sinks):
                sink(told)
            return
        lanes = tail.lanes if tail.lanes is not None else tail.sort()
        others = tuple(tail.others)
        late = spread(lanes, told)
        self.tally.frames_out += len(lanes) - len(late)
        for lane in late:
            if lane.sender is not None:
                lane.sender.late(told)
        for sink in others:
            sink(told)

    def hear(self, log: str, payload: bytes) -> None:
        """Something ephemeral, or an order to this node."""
        if payload.startswith(ORDER_MARK):
            self.on_order(log, payload[1:])
            return
        tail = self._tails.get(log)
        if tail is not None:
            one = heard(payload)
            for hear in tuple(tail.hearers):
                hear(one)

    # --- gaps

    def reconnected(self) -> None:
        """The bus was away: whatever was pushed meanwhile is read from the logs."""
        for log, tail in self._tails.items():
            if not tail.filling:
                self._fill(log, tail, None)

    async def check_heads(self) -> None:
        """Compare what was delivered with where the logs end; a lost last push shows here."""
        logs = list(self._tails)
        if not logs:
            return
        begin = self._checked % len(logs)
        asked = logs[begin : begin + CHECKED_AT_ONCE]
        self._checked = begin + len(asked)
        before = {log: self.place(log) for log in asked}
        try:
            heads = await self._bus.heads(asked, partly=True)
        except BusDown:
            return
        for log, head in heads.items():
            tail, was = self._tails.get(log), before[log]
            if tail is None or tail.filling or self.place(log) != was:
                continue  # it moves: what is missing shows by itself
            if head != was:
                self._fill(log, tail, None)

    def prune(self) -> None:
        """Let go of what has been kept long enough."""
        before = self._now() - RING_SECONDS
        while self._ringing and self._ringing[0][0] < before:
            _, log, generation, pos = self._ringing.popleft()
            tail = self._tails.get(log)
            first = tail.ring[0] if tail is not None and tail.ring else None
            if tail is None or tail.ring is None or first is None:
                continue
            if (first.generation, first.pos) == (generation, pos):
                tail.ring.popleft()
                tail.ring = tail.ring or None

    def _begin(self, log: str, head: Place) -> None:
        tail = self._tails.get(log)
        if tail is None or tail.known is None:
            return
        tail.generation, tail.pos = head.generation, head.pos
        tail.known.set_result(None)
        tail.known = None
        self._release(log, tail)

    def _release(self, log: str, tail: Tail) -> None:
        tail.filling = False
        if tail.filled is not None:
            tail.filled.set_result(None)
            tail.filled = None
        held, tail.held = tail.held, None
        for generation, first, entries in held or ():
            self.deliver(log, generation, first, entries)

    def _fill(self, log: str, tail: Tail, late: tuple[str, int, Sequence[Wanted]] | None) -> None:
        tail.filling = True
        if late is not None:
            tail.held = [*(tail.held or ()), late]
        self._spawn(self._read_gap(log, tail))

    async def _generation(self, log: str) -> str:
        return (await self._bus.heads([log])).get(log, Place("", 0)).generation

    async def _read_gap(self, log: str, tail: Tail) -> None:
        while self._tails.get(log) is tail:
            try:
                head = await self._bus.head(log)
                rolled_back = head.generation == tail.generation and head.pos < tail.pos
                anew = head.generation != tail.generation
                entries = await self._bus.read(log, 0 if anew else tail.pos, READ_MAX)
                if await self._generation(log) != head.generation:
                    continue  # begun anew between the two: these may be another generation's
            except BusDown:
                await asyncio.sleep(0.1)
                continue
            if self._tails.get(log) is not tail:
                return
            if anew and head.generation:
                tail.generation, tail.pos, tail.ring = head.generation, 0, None
            if not rolled_back:  # else the next append begins a new generation
                for entry in entries:
                    if entry.pos > tail.pos:
                        self._show(tail, Told.of(tail.log, tail.generation, entry.pos, entry))
            self._release(log, tail)
            return


def _nobody_listens(*_: object) -> None:
    """Until the node says who."""
