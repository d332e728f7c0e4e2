"""The bus when servers die, freeze and give their slots away: nothing lost, nothing twice.

Real servers of a test's own, killed and stopped as processes are.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio.cluster import RedisCluster

from storage.bus.valkey import ValkeyBus
from storage.clients import client_of
from storage.limits import RateLimits
from storage.presence import Presences
from tests.storage.bus.node import Node, wanted
from tests.storage.bus.servers import Cluster, Server, free_ports, until

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
COUNT = 200


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "valkey", free_ports(1)[0], durable=True)
    server.start()
    yield server
    server.end()


@pytest.fixture
async def nodes() -> AsyncIterator[list[Node]]:
    started: list[Node] = []
    yield started
    for node in started:
        await node.bus.close()


async def two(nodes: list[Node], url: str) -> tuple[Node, Node]:
    for name in ("gw-1", "gw-2"):
        bus = ValkeyBus(url, log_entries=4_096, log_seconds=60)
        nodes.append(await Node(bus, f"{name}-{secrets.token_hex(3)}").start())
    return nodes[0], nodes[1]


async def write(node: Node, log: str, count: int) -> list[int]:
    """One entry after another; the positions they got."""
    places = []
    for i in range(count):
        done = await node.bus.append(log, 1, [wanted(f"{log} {i}")], {})
        places.append(done.first)
    return places


async def written(node: Node, log: str) -> list[str]:
    return [entry.event.decode() for entry in await node.bus.read(log, 0, 10_000)]


def all_of(log: str, count: int) -> list[str]:
    return [f"{log} {i}" for i in range(count)]


async def test_a_server_killed_in_mid_append_loses_and_repeats_nothing(
    durable: Server, nodes: list[Node]
) -> None:
    here, there = await two(nodes, durable.url)
    log = "r_" + secrets.token_hex(6)
    await there.follows(log, here)
    writing = asyncio.create_task(write(here, log, COUNT))
    await there.until(lambda: len(there.told) > 20)
    await asyncio.to_thread(durable.kill)
    durable.start()
    assert await writing == list(range(1, COUNT + 1))
    assert await written(there, log) == all_of(log, COUNT)
    assert there.gaps > 0, "whoever follows is told to read what was pushed meanwhile"


async def test_five_seconds_of_silence_lose_and_repeat_nothing(
    durable: Server, nodes: list[Node]
) -> None:
    here, there = await two(nodes, durable.url)
    log = "r_" + secrets.token_hex(6)
    await there.follows(log, here)
    gaps = there.gaps
    writing = asyncio.create_task(write(here, log, COUNT))
    await there.until(lambda: len(there.told) > 20)
    durable.freeze()
    asyncio.get_running_loop().call_later(5.0, durable.thaw)
    assert await writing == list(range(1, COUNT + 1))
    assert await written(there, log) == all_of(log, COUNT)
    assert there.gaps > gaps


async def test_limits_and_presence_work_over_a_cluster(cluster: Cluster) -> None:
    client = await client_of(cluster.url())
    assert isinstance(client, RedisCluster)
    limits, presences = RateLimits(client), Presences(client)
    taken = [await limits.take("u_1/turn", 3, 60) for _ in range(4)]
    assert [one.yes for one in taken] == [True, True, True, False]
    people = {f"u_{i}": "online" for i in range(20)}
    await presences.mark("gw-1", people, 1_000)  # type: ignore[arg-type]
    assert await presences.of(people, 1_500) == people
    await client.aclose()


async def test_a_slot_that_moves_takes_its_log_and_its_followers_along(
    cluster: Cluster, nodes: list[Node]
) -> None:
    here, there = await two(nodes, cluster.url())
    log = "r_" + secrets.token_hex(6)
    await there.follows(log, here)
    writing = asyncio.create_task(write(here, log, COUNT))
    await there.until(lambda: len(there.told) > 20)
    owner = cluster.owner(log)
    target = next(one for one in cluster.primaries if one is not owner)
    await cluster.move(log, target, [f"{{{log}}}:log", f"{{{log}}}:h"])
    assert await writing == list(range(1, COUNT + 1))
    assert await written(here, log) == all_of(log, COUNT)
    assert cluster.owner(log) is target
    done = await here.bus.append(log, 1, [wanted("after")], {})
    while not any(b"after" in e.event for _, _, _, es in there.told for e in es):
        there.bus.whisper(log, b"again?")
        read = await there.bus.read(log, done.first - 1, 1)
        assert read[0].event == b"after"
        await here.bus.append(log, 1, [wanted("after")], {})


async def test_a_dead_primary_stops_its_own_slots_and_no_others(
    cluster: Cluster, nodes: list[Node]
) -> None:
    here, _ = await two(nodes, cluster.url())
    dying = cluster.primaries[2]
    names = ["r_" + secrets.token_hex(6) for _ in range(60)]
    dead = [log for log in names if cluster.owner(log) is dying]
    alive = [log for log in names if log not in dead]
    assert dead
    assert alive
    for log in names:
        await here.bus.append(log, 1, [wanted("before")], {})
    await asyncio.to_thread(dying.kill)
    waiting = asyncio.create_task(here.bus.append(dead[0], 1, [wanted("waits")], {}))
    for log in alive:
        async with asyncio.timeout(5):
            await here.bus.append(log, 1, [wanted("goes on")], {})
    assert not waiting.done()
    dying.start()
    assert (await waiting).last >= 1


async def test_a_replica_takes_over_and_the_append_under_way_goes_on(
    cluster: Cluster, nodes: list[Node]
) -> None:
    dying, replica = cluster.primaries[1], cluster.servers[3]
    log = next(name for i in range(99) if cluster.owner(name := f"r_{i}") is dying)
    replica.ask("CLUSTER", "REPLICATE", cluster.id_of(dying))
    await asyncio.to_thread(
        until, lambda: "master_link_status:up" in replica.ask_text("INFO"), "a replica in step"
    )
    here, there = await two(nodes, cluster.url())
    await there.follows(log, here)
    await write(here, log, 20)
    assert dying.ask("WAIT", 1, 5_000) >= 1
    dying.kill()
    done = await here.bus.append(log, 1, [wanted("after")], {})
    assert cluster.owner(log) is replica
    assert await written(here, log) == [*all_of(log, 20), "after"]
    assert done.first == 21
    there.heard.clear()
    await there.follows(log, here)  # pushes come from the replica by themselves
    assert await written(there, log) == [*all_of(log, 20), "after"]


async def test_a_node_that_starts_waits_for_a_server_that_settles(
    durable: Server, nodes: list[Node]
) -> None:
    durable.ask("REPLICAOF", "127.0.0.1", "1")  # READONLY until somebody makes it a primary
    loop = asyncio.get_running_loop()
    loop.call_later(0.5, durable.ask, "REPLICAOF", "NO", "ONE")
    here, _ = await two(nodes, durable.url)
    assert (await here.bus.take("r_1", 0)).fence > 0
