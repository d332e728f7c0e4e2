"""An entry for many sockets in one loop; whoever cannot take it there gets it the long way."""

import socket
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from realtime.lanes import NOT_NOW, Lane, spread
from realtime.told import Told
from storage.bus.memory import MemoryBus, Store
from storage.bus.ports import Wanted
from tests.realtime.client import Client
from tests.realtime.node import Node, World, running

LOG, GENERATION = "r_1", "g1"


class Sender:
    """What a lane leaves to others."""

    def __init__(self) -> None:
        self.left: list[bytes] = []

    def late(self, told: Told) -> None: ...

    def rest(self, data: bytes) -> None:
        self.left.append(data)


class Reader:
    """A session's lane, and the far end of its socket."""

    def __init__(self, seq: int, pos: int) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.lane = Lane(seq)
        self.lane.log, self.lane.generation, self.lane.pos = LOG, GENERATION, pos
        self.lane.fd, self.lane.sender = self.near.fileno(), Sender()

    def read(self) -> bytes:
        try:
            return self.far.recv(1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    made: list[Reader] = []
    yield made
    for one in made:
        one.close()


def told(pos: int, words: str = "x") -> Told:
    event = msgspec.json.encode({"type": "notice", "words": words})
    return Told.of(LOG, GENERATION, pos, Wanted(5, "", "", event))


def payload(frame: bytes) -> bytes:
    size = frame[1] if frame[1] < 126 else int.from_bytes(frame[2:4], "big")
    head = 2 if frame[1] < 126 else 4
    assert len(frame) == head + size
    return frame[head:]


def test_everybody_who_keeps_up_gets_it_under_their_own_number(readers: list[Reader]) -> None:
    for seq in (0, 8, 9, 8, 9_999, 4_095, 100_000):
        readers.append(Reader(seq, 3))
    one = told(4)
    assert spread([reader.lane for reader in readers], one) == []
    for reader, seq in zip(readers, (1, 9, 10, 9, 10_000, 4_096, 100_001), strict=True):
        assert payload(reader.read()) == one.frame(seq, "json")
        assert (reader.lane.seq, reader.lane.pos) == (seq, 4)


def test_whoever_stands_elsewhere_or_waits_comes_back_untouched(readers: list[Reader]) -> None:
    for _ in range(6):
        readers.append(Reader(1, 3))
    behind, ahead, closed, other_log, other_generation, fine = readers
    behind.lane.pos, ahead.lane.pos, closed.lane.fd = 2, 4, NOT_NOW
    other_log.lane.log, other_generation.lane.generation = "r_2", "g2"
    late = spread([reader.lane for reader in readers], told(4))
    assert late == [reader.lane for reader in readers[:5]]
    assert [reader.lane.seq for reader in readers] == [1, 1, 1, 1, 1, 2]
    assert not any(reader.read() for reader in readers[:5])
    assert fine.read()


def test_what_the_kernel_does_not_take_is_left_and_lost_by_nobody(readers: list[Reader]) -> None:
    readers += [Reader(0, 0), Reader(0, 0), Reader(0, 0)]
    full, gone, fine = readers
    full.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    gone.far.close()
    big = told(1, "w" * 100_000)
    assert spread([reader.lane for reader in readers], big) == []
    left = full.lane.sender
    assert isinstance(left, Sender)
    frame = full.read() + b"".join(left.left)
    assert frame[:2] == b"\x81\x7f"
    assert frame[10:] == big.frame(1, "json")
    assert isinstance(gone.lane.sender, Sender)
    assert b"".join(gone.lane.sender.left)[10:] == big.frame(1, "json")
    assert fine.read()[10:] == big.frame(1, "json")


# --- with everything around it


@pytest.fixture
def world() -> World:
    made = World()
    made.members["r_1"] = {"u_ann", "u_bob", "u_cat"}
    made.words, made.gap_seconds = 60, 0.002
    return made


@pytest.fixture
async def node(world: World) -> AsyncIterator[Node]:
    async with running(MemoryBus(Store()), world, straight=True) as started:
        yield started


def lanes_of(node: Node, person: str) -> list[int]:
    actor = node.realtime.registry.find(person)
    assert actor is not None
    return [one.out.lane.fd for one in actor.sockets if one.out.lane is not None]


async def test_a_reply_goes_by_lanes_to_those_who_can_and_to_all_exactly_once(
    node: Node, world: World
) -> None:
    async with (
        Client(node.url, "u_ann") as ann,
        Client(node.url, "u_ann") as phone,
        Client(node.url, "u_bob", packed=True) as bob,
        Client(node.url, "u_cat") as cat,
    ):
        ack = await ann.ask("message.send", room="r_1", text="Hi", key="k1")
        await cat.until(lambda: cat.kinds.count("reply.delta") > 10)
        assert min(lanes_of(node, "u_cat")) > NOT_NOW
        actor = node.realtime.registry.find("u_cat")
        assert actor is not None
        (left,) = (one.out.lane for one in actor.sockets)
        cat.drop()  # in mid-sentence
        for one in (ann, phone, bob, cat):
            await one.done(ack["reply"])
            assert one.kinds.count("message.created") == 1
            assert one.resyncs == []
        assert left is not None
        assert left.fd == NOT_NOW, "the number of a closed socket may be somebody else's by now"
        assert len(lanes_of(node, "u_ann")) == 2
        assert lanes_of(node, "u_bob") == []  # MessagePack has frames of its own


async def test_what_is_acknowledged_opens_a_new_run_and_no_number_is_given_twice(
    node: Node, world: World
) -> None:
    world.words = 30
    async with Client(node.url, "u_ann") as ann:
        for turn in range(3):
            ack = await ann.ask("message.send", room="r_1", text="Hi", key=f"k{turn}")
            await ann.done(ack["reply"])
            await ann.send({"type": "ping", "seq": ann.seq})
            before = ann.seq
            ann.drop()
            await ann.until(lambda: ann._connected.is_set())
            assert ann.seq >= before
        assert ann.resyncs == []
