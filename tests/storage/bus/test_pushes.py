"""Who is pushed an entry: everybody who listens but the writer, and nobody where only they do.

The writer has it by the answer of its append; a push to it alone costs a node and the store a
wake-up each for every streamed line.
"""

import secrets

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


async def test_a_writer_who_listens_alone_is_pushed_nothing_and_others_everything(url: str) -> None:
    log = "r_" + secrets.token_hex(8)
    writer = await Node(ValkeyBus(url, log_entries=64, log_seconds=60), "writer").start()
    other = await Node(ValkeyBus(url, log_entries=64, log_seconds=60), "other").start()
    try:
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
    finally:
        await writer.bus.close()
        await other.bus.close()


async def alone_is_pushed(writer: Node, other: Node, log: str, pushed: list[bytes]) -> bool:
    """Whether an append is still pushed to its writer; a whisper behind it says when to look."""
    pushed.clear()
    writer.heard.clear()
    await writer.bus.append(log, 1, [wanted("again")], {})
    other.bus.whisper(log, b"looked")
    await writer.until(lambda: bool(writer.heard))
    found = [one for one in pushed if not one.startswith(b"~")]
    pushed[:] = found
    return bool(found)


async def test_a_writer_who_does_not_listen_has_its_entries_pushed(url: str) -> None:
    log = "r_" + secrets.token_hex(8)
    writer = await Node(ValkeyBus(url, log_entries=64, log_seconds=60), "writer").start()
    other = await Node(ValkeyBus(url, log_entries=64, log_seconds=60), "other").start()
    try:
        await other.follows(log, writer)
        await writer.bus.append(log, 1, [wanted("for the other")], {})
        await other.until(lambda: bool(other.told))
    finally:
        await writer.bus.close()
        await other.bus.close()
