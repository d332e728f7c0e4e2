"""Who is pushed an entry: everybody who listens but the writer, and nobody where only they do.

The writer has it by the answer of its append; a push to it alone costs a node and the store a
wake-up each for every streamed line.
"""

import secrets
from collections.abc import AsyncIterator

import pytest

from storage.bus.valkey import ValkeyBus
from tests.storage.bus.node import Node, wanted

pytestmark = pytest.mark.stores


@pytest.fixture(params=["valkey", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "valkey":
        return str(request.getfixturevalue("stores").valkey.url())
    return str(request.getfixturevalue("cluster").url())


def counted(node: Node) -> list[bytes]:
    """Everything that is pushed to a node from here on."""
    bus, pushed = node.bus, list[bytes]()
    assert isinstance(bus, ValkeyBus)
    through = bus._way._pushed

    def count(message: list[bytes]) -> None:
        pushed.append(message[2])
        through(message)

    bus._way._pushed = count
    return pushed


@pytest.fixture
async def pair(url: str) -> AsyncIterator[tuple[Node, Node]]:
    """Who writes, and somebody else."""
    buses = [ValkeyBus(url, log_entries=64, log_seconds=60) for _ in range(2)]
    yield await Node(buses[0], "writer").start(), await Node(buses[1], "other").start()
    for bus in buses:
        await bus.close()


async def test_a_writer_who_listens_alone_is_pushed_nothing_and_others_everything(
    pair: tuple[Node, Node],
) -> None:
    log, (writer, other) = "r_" + secrets.token_hex(8), pair
    await writer.follows(log, other)
    pushed = counted(writer)
    await writer.bus.append(log, 1, [wanted("alone")], {})
    await other.follows(log, writer)
    pushed.clear()
    await writer.bus.append(log, 1, [wanted("together")], {})
    await other.until(lambda: bool(other.told))
    assert [told[2:] for told in other.told] == [(2, [wanted("together")])]
    assert [one.split(b" ", 2)[1] for one in pushed] in ([], [b"2"])
    other.bus.unfollow(log)
    while await alone_is_pushed(writer, other, log, pushed):
        pass
    assert pushed == []


async def alone_is_pushed(writer: Node, other: Node, log: str, pushed: list[bytes]) -> bool:
    """Whether an append is still pushed to its writer; a whisper behind it says when to look."""
    pushed.clear()
    writer.heard.clear()
    await writer.bus.append(log, 1, [wanted("again")], {})
    other.bus.whisper(log, b"looked")
    await writer.until(lambda: bool(writer.heard))
    pushed[:] = [one for one in pushed if not one.startswith(b"~")]
    return bool(pushed)


async def test_a_writer_who_does_not_listen_has_its_entries_pushed(pair: tuple[Node, Node]) -> None:
    log, (writer, other) = "r_" + secrets.token_hex(8), pair
    await other.follows(log, writer)
    await writer.bus.append(log, 1, [wanted("for the other")], {})
    await other.until(lambda: bool(other.told))
