"""The bus in memory: the twin of the one over Valkey, for tests and for reading what is promised.

Nodes share a `Store`. It can be taken away, wiped, or made to lose pushes, as the real one can.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from storage.bus.ports import (
    Appended,
    BusDown,
    Deliver,
    Entry,
    Head,
    Kept,
    Lease,
    Place,
    StaleFence,
    Wanted,
    Whisper,
)


@dataclass
class _Log:
    generation: str
    pos: int = 0
    fence: int = 0
    node: str = ""
    entries: list[Entry] = field(default_factory=list)
    open: dict[str, bytes] = field(default_factory=dict)


@dataclass
class _Session:
    owner: str
    person: str
    epoch: str
    record: bytes
    anchors: list[bytes] = field(default_factory=list)


class Store:
    """What the nodes share."""

    def __init__(self, *, log_entries: int = 4096) -> None:
        self.log_entries = log_entries
        self.up = True
        self.deaf = False  # pushes are lost
        self.logs: dict[str, _Log] = {}
        self.sessions: dict[str, _Session] = {}
        self.nodes: dict[str, MemoryBus] = {}
        self._generations = (f"g{n}" for n in itertools.count(1))

    def log(self, name: str) -> _Log:
        """The log of this name, begun if there is none."""
        if name not in self.logs:
            self.logs[name] = _Log(next(self._generations))
        return self.logs[name]

    def renew(self, name: str) -> _Log:
        """A new generation of a log that lost entries."""
        old = self.logs[name]
        self.logs[name] = _Log(next(self._generations), fence=old.fence, node=old.node)
        return self.logs[name]

    def away(self) -> None:
        """The store does not answer any more."""
        self.up = False

    def back(self) -> None:
        """It answers again, and every node finds its connection anew."""
        self.up = True
        for node in self.nodes.values():
            node.gap()

    def wipe(self) -> None:
        """Everything is lost."""
        self.logs.clear()
        self.sessions.clear()


class MemoryBus:
    """See storage/bus/ports.py."""

    def __init__(self, store: Store) -> None:
        self.gap: Callable[[], None] = lambda: None
        self._store = store
        self._node = ""
        self._followed: dict[str, int] = {}
        self._deliver: Deliver = lambda *_: None
        self._whisper: Whisper = lambda *_: None

    async def start(
        self, node: str, deliver: Deliver, whisper: Whisper, gap: Callable[[], None]
    ) -> None:
        """See the port."""
        self._here()
        if node in self._store.nodes:
            raise BusDown(f"another living server is called {node!r} on this bus")
        self._node, self._deliver, self._whisper, self.gap = node, deliver, whisper, gap
        self._store.nodes[node] = self
        gap()

    async def close(self) -> None:
        """See the port."""
        self._store.nodes.pop(self._node, None)

    def _here(self) -> Store:
        if not self._store.up:
            raise BusDown("the bus does not answer")
        return self._store

    def _push(self, log: str, told: Callable[["MemoryBus"], None]) -> None:
        loop = asyncio.get_running_loop()
        for node in tuple(self._store.nodes.values()):
            if node is not self and log in node._followed and not self._store.deaf:
                loop.call_soon(told, node)

    async def append(
        self,
        log: str,
        fence: int,
        entries: Sequence[Wanted],
        state: dict[str, bytes | None],
        known: Place | None = None,
    ) -> Appended:
        """See the port. Nothing is ever half done here, so there is nothing to repeat."""
        await asyncio.sleep(0)
        store = self._here()
        kept = store.log(log)
        if kept.fence > fence:
            raise StaleFence(log)
        if known and known.generation == kept.generation and known.pos > kept.pos:
            kept = store.renew(log)
        first, kept.fence = kept.pos + 1, fence
        for pos, one in enumerate(entries, first):
            kept.entries.append(Entry(pos, one.at, one.to, one.reply, one.event))
        kept.pos += len(entries)
        del kept.entries[: -store.log_entries]
        for reply, how in state.items():
            if how is None:
                kept.open.pop(reply, None)
            else:
                kept.open[reply] = how
        told = (log, kept.generation, first, tuple(entries))
        self._push(log, lambda node: node._deliver(*told))
        return Appended(kept.generation, first, kept.pos)

    async def head(self, log: str) -> Head:
        """See the port."""
        await asyncio.sleep(0)
        kept = self._here().logs.get(log)
        if kept is None:
            return Head("", 0, 0, "", {})
        return Head(kept.generation, kept.pos, kept.fence, kept.node, dict(kept.open))

    async def heads(self, logs: Sequence[str], *, partly: bool = False) -> dict[str, Place]:
        """See the port."""
        await asyncio.sleep(0)
        if partly and not self._store.up:
            return {}
        known = self._here().logs
        return {log: Place(known[log].generation, known[log].pos) for log in logs if log in known}

    async def read(self, log: str, after: int, limit: int) -> list[Entry]:
        """See the port."""
        await asyncio.sleep(0)
        kept = self._here().logs.get(log)
        return [e for e in kept.entries if e.pos > after][:limit] if kept else []

    async def take(self, log: str, floor: int) -> Lease:
        """See the port. The store's clock is no part of the twin's promise."""
        await asyncio.sleep(0)
        kept = self._here().log(log)
        if kept.node and kept.node != self._node and kept.node in self._store.nodes:
            return Lease(0, kept.node)
        kept.fence, kept.node = max(kept.fence, floor) + 1, self._node
        return Lease(kept.fence, self._node)

    async def release(self, log: str, fence: int) -> None:
        """See the port."""
        kept = self._here().logs.get(log)
        if kept is not None and kept.fence == fence:
            kept.node = ""

    async def living(self) -> list[str]:
        """See the port."""
        return sorted(self._here().nodes)

    def follow(self, log: str) -> None:
        """See the port."""
        self._followed[log] = self._followed.get(log, 0) + 1

    def unfollow(self, log: str) -> None:
        """See the port."""
        self._followed[log] = self._followed.get(log, 0) - 1
        if self._followed[log] <= 0:
            del self._followed[log]

    def whisper(self, log: str, payload: bytes) -> None:
        """See the port."""
        if self._store.up:
            self._push(log, lambda node: node._whisper(log, payload))

    async def begin(self, session: str, owner: str, record: bytes) -> None:
        """See the port."""
        await asyncio.sleep(0)
        person, epoch = msgspec.msgpack.decode(record)[:2]
        self._here().sessions[session] = _Session(owner, person, epoch, record)

    async def touch(
        self, session: str, owner: str, record: bytes | None, anchors: Sequence[bytes]
    ) -> bool | None:
        """See the port."""
        await asyncio.sleep(0)
        kept = self._here().sessions.get(session)
        if kept is None:
            return None
        if kept.owner != owner:
            return False
        if record is not None:
            kept.record, kept.anchors = record, list(anchors)
        return True

    async def anchor(self, session: str, owner: str, anchor: bytes) -> bool | None:
        """See the port."""
        await asyncio.sleep(0)
        kept = self._here().sessions.get(session)
        if kept is None:
            return None
        if kept.owner != owner:
            return False
        kept.anchors.append(anchor)
        return True

    async def own(self, session: str, owner: str, person: str, epoch: str) -> Kept | None:
        """See the port."""
        await asyncio.sleep(0)
        kept = self._here().sessions.get(session)
        if kept is None or (kept.person, kept.epoch) != (person, epoch):
            return None
        kept.owner = owner
        return Kept(kept.record, list(kept.anchors))
