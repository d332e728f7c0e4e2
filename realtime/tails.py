"""The live end of every log that somebody on this node follows, without gaps or repeats.

Entries come in process from our own appends and by push from other nodes; a jump in the
positions, or a lost connection, is filled from the log before anything later is delivered.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog

from realtime.session import Place
from storage.bus.ports import Bus, BusDown, Wanted

logger = structlog.get_logger(__name__)
Sink = Callable[[str, str, int, Wanted], None]
Hear = Callable[[bytes], None]
READ_MAX = 4_096
ORDER_MARK = b"!"  # what follows is for nodes, not for people


class Tail:
    """One log's end on this node."""

    __slots__ = ("filling", "generation", "hearers", "held", "pos", "sinks")

    def __init__(self) -> None:
        self.generation = ""
        self.pos = 0
        self.filling = True  # until its head is known
        self.held: list[tuple[str, int, Sequence[Wanted]]] = []
        self.sinks: set[Sink] = set()
        self.hearers: set[Hear] = set()


class Tails:
    """All of them. Call `bind` with the node's TaskGroup before anything is followed."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._tails: dict[str, Tail] = {}
        self._tasks: asyncio.TaskGroup | None = None
        # Orders to nodes, and events of people's own logs, go to the node first.
        self.on_order: Callable[[str, bytes], None] = _nobody_listens
        self.on_account: Callable[[str, bytes], None] = _nobody_listens

    def bind(self, tasks: asyncio.TaskGroup) -> None:
        """Gaps are filled by tasks of this group."""
        self._tasks = tasks

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Do something small beside, owned by the node's TaskGroup."""
        assert self._tasks is not None, "bind comes first"
        self._tasks.create_task(work)

    def __len__(self) -> int:
        return len(self._tails)

    async def follow(self, logs: Sequence[str], sink: Sink, hear: Hear) -> dict[str, Place]:
        """Deliver these logs to `sink` from now on; returns where each stands. Raises BusDown."""
        new = []
        for log in logs:
            tail = self._tails.get(log)
            if tail is None:
                tail = self._tails[log] = Tail()
                self._bus.follow(log)
                new.append(log)
            tail.sinks.add(sink)
            tail.hearers.add(hear)
        if new:
            heads = await self._bus.heads(new)
            for log in new:
                self._begin(log, *heads.get(log, ("", 0)))
        return {
            log: Place(tail.generation, tail.pos)
            for log in logs
            if (tail := self._tails.get(log)) is not None and tail.pos
        }

    def unfollow(self, logs: Sequence[str], sink: Sink, hear: Hear) -> None:
        """No more; a log nobody follows is forgotten."""
        for log in logs:
            tail = self._tails.get(log)
            if tail is None:
                continue
            tail.sinks.discard(sink)
            tail.hearers.discard(hear)
            if not tail.sinks:
                del self._tails[log]
                self._bus.unfollow(log)

    def deliver(self, log: str, generation: str, first: int, entries: Sequence[Wanted]) -> None:
        """Entries at positions `first`... of a log; see storage/bus/ports.py `Deliver`."""
        tail = self._tails.get(log)
        if tail is None:
            return
        if tail.filling:
            tail.held.append((generation, first, entries))
            return
        if generation != tail.generation:
            if first != 1:
                return self._fill(log, tail, (generation, first, entries))
            tail.generation, tail.pos = generation, 0
        if first > tail.pos + 1:
            return self._fill(log, tail, (generation, first, entries))
        for pos, entry in enumerate(entries, first):
            if pos > tail.pos:
                tail.pos = pos
                self._show(log, tail, generation, pos, entry)

    def _show(self, log: str, tail: Tail, generation: str, pos: int, entry: Wanted) -> None:
        for sink in tuple(tail.sinks):
            sink(log, generation, pos, entry)
        if log.startswith("u_"):
            self.on_account(log, entry.event)

    def hear(self, log: str, payload: bytes) -> None:
        """Something ephemeral, or an order to this node."""
        if payload.startswith(ORDER_MARK):
            self.on_order(log, payload)
            return
        tail = self._tails.get(log)
        if tail is not None:
            for hear in tuple(tail.hearers):
                hear(payload)

    def reconnected(self) -> None:
        """The bus was away: whatever was pushed meanwhile is read from the logs."""
        for log, tail in self._tails.items():
            if not tail.filling:
                self._fill(log, tail, None)

    def _begin(self, log: str, generation: str, pos: int) -> None:
        tail = self._tails.get(log)
        if tail is None or not tail.filling:
            return
        tail.generation, tail.pos = generation, pos
        self._release(log, tail)

    def _release(self, log: str, tail: Tail) -> None:
        tail.filling = False
        held, tail.held = tail.held, []
        for generation, first, entries in held:
            self.deliver(log, generation, first, entries)

    def _fill(self, log: str, tail: Tail, late: tuple[str, int, Sequence[Wanted]] | None) -> None:
        tail.filling = True
        if late is not None:
            tail.held.append(late)
        assert self._tasks is not None, "bind comes first"
        self._tasks.create_task(self._read_gap(log, tail), name=f"gap {log}")

    async def _read_gap(self, log: str, tail: Tail) -> None:
        while self._tails.get(log) is tail:
            try:
                head = await self._bus.head(log)
                after = tail.pos if head.generation == tail.generation else 0
                entries = await self._bus.read(log, after, READ_MAX)
            except BusDown:
                await asyncio.sleep(0.1)
                continue
            tail.generation = head.generation
            for entry in entries:
                wanted = Wanted(entry.at, entry.to, entry.reply, entry.event)
                tail.pos = entry.pos
                self._show(log, tail, tail.generation, entry.pos, wanted)
            tail.pos = max(tail.pos, head.pos) if head.generation else 0
            self._release(log, tail)
            return


def _nobody_listens(*_: object) -> None:
    """Until the node says who."""
