"""What the bus promises, held against all: in memory, a real Valkey, a real cluster of three."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from storage.bus.memory import MemoryBus, Store
from storage.bus.ports import Bus, BusDown, Kept, Place, StaleFence
from storage.bus.valkey import ValkeyBus
from tests.storage.bus.node import Node, wanted

pytestmark = pytest.mark.stores


Make = Callable[[str], Awaitable[Node]]


@pytest.fixture(params=["memory", "valkey", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the bus is; empty for the one in memory."""
    if request.param == "valkey":
        return str(request.getfixturevalue("stores").valkey.url())
    if request.param == "cluster":
        return str(request.getfixturevalue("cluster").url())
    return ""


@pytest.fixture
async def make(url: str) -> AsyncIterator[Make]:
    nodes: list[Node] = []
    store = Store(log_entries=64)

    async def one(name: str) -> Node:
        bus: Bus = ValkeyBus(url, log_entries=64, log_seconds=60) if url else MemoryBus(store)
        node = await Node(bus, name).start()
        nodes.append(node)
        return node

    yield one
    for node in nodes:
        await node.bus.close()


@pytest.fixture
def log() -> str:
    return "r_" + secrets.token_hex(8)


async def test_positions_are_dense_and_what_was_appended_is_read_back(make: Make, log: str) -> None:
    node = await make("gw-1")
    first = await node.bus.append(log, 1, [wanted("a"), wanted("b", "u_1")], {})
    second = await node.bus.append(log, 1, [wanted("c", "", "m_1")], {})
    assert (first.first, first.last, second.first, second.last) == (1, 2, 3, 3)
    assert first.generation == second.generation != ""
    read = await node.bus.read(log, 0, 100)
    assert [(e.pos, e.event, e.to, e.reply) for e in read] == [
        (1, b"a", "", ""),
        (2, b"b", "u_1", ""),
        (3, b"c", "", "m_1"),
    ]
    assert [e.pos for e in await node.bus.read(log, 2, 100)] == [3]
    assert [e.pos for e in await node.bus.read(log, 0, 2)] == [1, 2]


async def test_a_log_that_never_was_has_no_generation(make: Make, log: str) -> None:
    node = await make("gw-1")
    head = await node.bus.head(log)
    assert (head.generation, head.pos, head.open) == ("", 0, {})
    assert await node.bus.read(log, 0, 10) == []
    assert await node.bus.heads([log]) == {}


async def test_an_older_fence_writes_nothing_more(make: Make, log: str) -> None:
    node = await make("gw-1")
    await node.bus.append(log, 7, [wanted("new holder")], {})
    with pytest.raises(StaleFence):
        await node.bus.append(log, 6, [wanted("zombie")], {})
    assert [e.event for e in await node.bus.read(log, 0, 10)] == [b"new holder"]


async def test_open_replies_are_kept_until_they_end(make: Make, log: str) -> None:
    node = await make("gw-1")
    await node.bus.append(log, 1, [wanted("s")], {"m_1": b"start", "m_2": b"other"})
    await node.bus.append(log, 1, [wanted("d")], {"m_1": b"more"})
    assert (await node.bus.head(log)).open == {"m_1": b"more", "m_2": b"other"}
    await node.bus.append(log, 1, [wanted("e")], {"m_1": None})
    assert (await node.bus.head(log)).open == {"m_2": b"other"}


async def test_many_appends_at_once_all_get_a_place(make: Make, log: str) -> None:
    nodes = [await make("gw-1"), await make("gw-2")]
    done = await asyncio.gather(
        *(nodes[i % 2].bus.append(log, 0, [wanted(str(i))], {}) for i in range(40))
    )
    assert sorted(one.first for one in done) == list(range(1, 41))
    texts = [e.event for e in await nodes[0].bus.read(log, 0, 100)]
    assert sorted(texts, key=int) == [str(i).encode() for i in range(40)]


async def test_other_nodes_are_told_in_order_and_the_writer_is_not(make: Make, log: str) -> None:
    here, there = await make("gw-1"), await make("gw-2")
    await there.follows(log, here)
    here.bus.follow(log)
    for i in range(5):
        await here.bus.append(log, 1, [wanted(f"{i}a"), wanted(f"{i}b")], {})
    await there.until(lambda: len(there.told) == 5)
    assert [first for _, _, first, _ in there.told] == [1, 3, 5, 7, 9]
    assert [e.event for _, _, _, es in there.told for e in es][:3] == [b"0a", b"0b", b"1a"]
    assert here.told == []


async def test_a_log_no_longer_followed_is_silent(make: Make, log: str) -> None:
    here, there = await make("gw-1"), await make("gw-2")
    await there.follows(log, here)
    there.bus.follow(log)
    there.bus.unfollow(log)  # one of two followers left
    here.bus.whisper(log, b"still")
    await there.until(lambda: (log, b"still") in there.heard)
    there.bus.unfollow(log)
    fence = log + "x"
    await there.follows(fence, here)  # what was sent before has certainly arrived
    here.bus.whisper(log, b"gone")
    here.bus.whisper(fence, b"end")
    await there.until(lambda: (fence, b"end") in there.heard)
    assert (log, b"gone") not in there.heard


async def test_a_lease_has_one_holder_and_each_taking_a_higher_fence(make: Make, log: str) -> None:
    one, two = await make("gw-1"), await make("gw-2")
    first = await one.bus.take(log, 41)
    assert first.fence > 41
    assert first.holder == "gw-1"
    assert await two.bus.take(log, 0) == type(first)(0, "gw-1")
    again = await one.bus.take(log, 0)
    assert again.fence > first.fence
    await one.bus.release(log, first.fence)  # an old fence gives nothing back
    assert (await two.bus.take(log, 0)).fence == 0
    await one.bus.release(log, again.fence)
    assert (await two.bus.take(log, 0)).fence > again.fence


async def test_racing_for_a_lease_has_one_winner(make: Make, log: str) -> None:
    nodes = [await make(f"gw-{i}") for i in range(4)]
    leases = await asyncio.gather(*(node.bus.take(log, 0) for node in nodes))
    winners = [lease for lease in leases if lease.fence]
    assert len(winners) == 1
    assert {lease.holder for lease in leases} == {winners[0].holder}


async def test_a_dead_nodes_room_is_free(make: Make, log: str) -> None:
    one, two = await make("gw-1"), await make("gw-2")
    held = await one.bus.take(log, 0)
    assert sorted(await two.bus.living()) == ["gw-1", "gw-2"]
    await one.bus.close()
    assert await two.bus.living() == ["gw-2"]
    assert (await two.bus.take(log, 0)).fence > held.fence


async def test_two_living_nodes_cannot_have_one_name(make: Make) -> None:
    await make("gw-1")
    with pytest.raises(BusDown, match="called 'gw-1'"):
        await make("gw-1")


async def test_a_log_that_lost_entries_goes_on_as_a_new_generation(make: Make, log: str) -> None:
    node = await make("gw-1")
    done = await node.bus.append(log, 1, [wanted("a")], {})
    later = Place(done.generation, 9)  # the writer saw nine; the store has one
    anew = await node.bus.append(log, 1, [wanted("b")], {}, later)
    assert anew.generation != done.generation
    assert (anew.first, anew.last) == (1, 1)
    assert [e.event for e in await node.bus.read(log, 0, 10)] == [b"b"]
    same = await node.bus.append(log, 1, [wanted("c")], {}, Place(anew.generation, 1))
    assert (same.generation, same.first) == (anew.generation, 2)


async def test_a_session_is_its_owners_until_another_takes_it(make: Make) -> None:
    bus = (await make("gw-1")).bus
    session = "s_" + secrets.token_hex(8)
    record = msgspec.msgpack.encode(["u_1", "e_1", "rest"])
    await bus.begin(session, "old", record)
    assert await bus.anchor(session, "old", b"a1")
    assert await bus.own(session, "thief", "u_2", "e_1") is None
    assert await bus.own(session, "thief", "u_1", "e_2") is None
    assert await bus.own(session, "new", "u_1", "e_1") == Kept(record, [b"a1"])
    assert await bus.anchor(session, "old", b"late") is False
    assert await bus.touch(session, "old", record, [b"late"]) is False
    assert await bus.anchor("s_unknown", "old", b"late") is None
    assert await bus.touch("s_unknown", "old", None, []) is None
    assert await bus.touch(session, "new", None, [])
    later = msgspec.msgpack.encode(["u_1", "e_1", "later"])
    assert await bus.touch(session, "new", later, [b"a2", b"a3"])
    assert await bus.own(session, "newer", "u_1", "e_1") == Kept(later, [b"a2", b"a3"])
    assert await bus.own("s_unknown", "x", "u_1", "e_1") is None


async def test_a_log_is_capped(make: Make, log: str) -> None:
    bus = (await make("gw-1")).bus
    for _ in range(40):
        await bus.append(log, 1, [wanted(str(j)) for j in range(10)], {})
    read = await bus.read(log, 0, 1_000)
    assert len(read) < 400  # trimmed in whole nodes of the stream
    assert read[-1].pos == 400
    assert (await bus.heads([log]))[log].pos == 400


async def test_a_lease_is_taken_from_a_dead_holder_by_one_alone(make: Make, log: str) -> None:
    dead, *nodes = [await make(f"gw-{i}") for i in range(4)]
    held = await dead.bus.take(log, 0)
    await dead.bus.close()
    leases = await asyncio.gather(*(node.bus.take(log, 0) for node in nodes))
    winners = [lease for lease in leases if lease.fence]
    assert len(winners) == 1
    assert winners[0].fence > held.fence
    assert {lease.holder for lease in leases} == {winners[0].holder}


async def test_a_lost_push_shows_in_the_heads(make: Make, log: str) -> None:
    here, there = await make("gw-1"), await make("gw-2")
    done = await here.bus.append(log, 1, [wanted("a")], {})
    assert there.told == []  # it did not follow: as good as lost
    assert await there.bus.heads([log], partly=True) == {log: Place(done.generation, 1)}
    assert [e.event for e in await there.bus.read(log, 0, 10)] == [b"a"]


async def test_logs_of_many_slots_are_asked_for_at_once(make: Make) -> None:
    bus = (await make("gw-1")).bus
    logs = ["r_" + secrets.token_hex(8) for _ in range(50)]
    await asyncio.gather(*(bus.append(log, 1, [wanted(log)], {}) for log in logs))
    heads = await bus.heads([*logs, "r_never_was"])
    assert {log: place.pos for log, place in heads.items()} == dict.fromkeys(logs, 1)
