"""What a node is told of a log has no gap and no repeat, however pushes are lost or doubled."""

import asyncio
from collections.abc import Coroutine

import pytest

from realtime.tails import RING_MAX, Tails
from realtime.told import Heard, Told
from storage.bus.memory import MemoryBus, Store
from storage.bus.ports import BusDown, Place, Wanted


class Node:
    """A bus and tails, and one follower that keeps what it is told."""

    def __init__(self, store: Store, name: str) -> None:
        self.bus, self.name = MemoryBus(store), name
        self.tasks: set[asyncio.Task[None]] = set()
        self.tails = Tails(self.bus, self.spawn, lambda: asyncio.get_running_loop().time())
        self.told: list[Told] = []
        self.heard: list[Heard] = []

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    async def start(self) -> "Node":
        tails = self.tails
        await self.bus.start(self.name, tails.deliver, tails.hear, tails.reconnected)
        return self

    async def follow(self, *logs: str) -> None:
        await self.tails.follow(logs, self.told.append, self.heard.append)

    async def settle(self) -> None:
        """Let everything that is under way come to its end."""
        for _ in range(20):
            await asyncio.sleep(0)
        if self.tasks:
            await asyncio.wait(self.tasks)
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def positions(self) -> list[int]:
        return [told.pos for told in self.told]


@pytest.fixture
def store() -> Store:
    return Store()


async def write(bus: MemoryBus, log: str, count: int) -> None:
    for _ in range(count):
        await bus.append(log, 1, [Wanted(1, "", "", b'{"type":"notice"}')], {})


async def test_a_follower_starts_where_the_log_stands(store: Store) -> None:
    writer, reader = await Node(store, "a").start(), await Node(store, "b").start()
    await write(writer.bus, "r_1", 3)
    await reader.follow("r_1", "r_none")
    assert reader.tails.place("r_1") == Place("g1", 3)
    assert reader.tails.place("r_none") is None
    await write(writer.bus, "r_1", 2)
    await reader.settle()
    assert reader.positions == [4, 5]
    assert [t.pos for t in await reader.tails.after("r_1", 1, 100)] == [2, 3, 4, 5]


async def test_lost_pushes_are_read_before_anything_later_is_told(store: Store) -> None:
    writer, reader = await Node(store, "a").start(), await Node(store, "b").start()
    await reader.follow("r_1")
    await write(writer.bus, "r_1", 2)
    await reader.settle()
    store.deaf = True
    await write(writer.bus, "r_1", 5)
    store.deaf = False
    await write(writer.bus, "r_1", 1)
    await reader.settle()
    assert reader.positions == list(range(1, 9))


async def test_a_lost_last_push_is_found_by_looking_at_the_heads(store: Store) -> None:
    writer, reader = await Node(store, "a").start(), await Node(store, "b").start()
    await reader.follow("r_1")
    store.deaf = True
    await write(writer.bus, "r_1", 3)
    await reader.settle()
    assert reader.positions == []
    await reader.tails.check_heads()
    await reader.settle()
    assert reader.positions == [1, 2, 3]
    await reader.tails.check_heads()
    await reader.settle()
    assert reader.positions == [1, 2, 3]


async def test_doubled_pushes_are_told_once(store: Store) -> None:
    reader = await Node(store, "b").start()
    await reader.follow("r_1")
    await write(reader.bus, "r_1", 1)
    one = [Wanted(1, "", "", b'{"type":"notice"}')]
    for first in (1, 1, 2, 2, 1):
        reader.tails.deliver("r_1", "g1", first, one)
    assert reader.positions == [1, 2]


async def test_an_outage_is_a_pause(store: Store) -> None:
    writer, reader = await Node(store, "a").start(), await Node(store, "b").start()
    await reader.follow("r_1")
    store.deaf = True
    await write(writer.bus, "r_1", 3)
    store.deaf = False
    store.away()
    with pytest.raises(BusDown):
        await write(writer.bus, "r_1", 1)
    with pytest.raises(BusDown):
        await reader.follow("r_2")
    assert reader.tails.place("r_2") is None
    store.back()
    await reader.settle()
    assert reader.positions == [1, 2, 3]
    await reader.follow("r_2")  # a failed following left nothing behind
    await write(writer.bus, "r_2", 1)
    await reader.settle()
    assert reader.positions == [1, 2, 3, 1]


async def test_a_new_generation_is_told_from_its_beginning(store: Store) -> None:
    writer, reader = await Node(store, "a").start(), await Node(store, "b").start()
    await reader.follow("r_1")
    await write(writer.bus, "r_1", 3)
    await reader.settle()
    store.wipe()
    store.deaf = True
    await write(writer.bus, "r_1", 1)
    store.deaf = False
    await write(writer.bus, "r_1", 1)
    await reader.settle()
    assert [(t.generation, t.pos) for t in reader.told][3:] == [("g2", 1), ("g2", 2)]


async def test_the_last_entries_are_kept_for_those_who_come_back_soon(store: Store) -> None:
    node = await Node(store, "a").start()
    await node.follow("r_1")
    for i in range(1, RING_MAX + 50):
        done = await node.bus.append("r_1", 1, [Wanted(1, "", "", b"{}")], {})
        node.tails.deliver("r_1", done.generation, i, [Wanted(1, "", "", b"{}")])
    store.away()  # no reading from the bus: these come from memory
    recent = await node.tails.after("r_1", RING_MAX + 40, 100)
    assert [told.pos for told in recent] == list(range(RING_MAX + 41, RING_MAX + 50))
    with pytest.raises(BusDown):
        await node.tails.after("r_1", 1, 100)


async def test_two_who_follow_at_once_both_know_where_the_log_stands(store: Store) -> None:
    node = await Node(store, "a").start()
    await write(node.bus, "r_1", 4)
    other: list[Told] = []
    both = (node.follow("r_1"), node.tails.follow(["r_1"], other.append, lambda _: None))
    await asyncio.gather(*both)
    assert node.tails.place("r_1") == Place("g1", 4)
