"""What a session that says nothing costs the bus, and that it can be resumed all the same."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from realtime.service import Realtime
from realtime.socket import Socket
from storage.bus.memory import MemoryBus, Store
from storage.bus.ports import SESSION_SECONDS
from tests.realtime.node import World, realtime_on

pytestmark = pytest.mark.looptime(noop_cycles=3, idle_step=0.01)
BEAT_SECONDS = 25.0


class Counting(MemoryBus):
    """When which session's record was renewed."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.renewed: list[float] = []

    async def touch(
        self, session: str, owner: str, record: bytes | None, anchors: Sequence[bytes]
    ) -> bool | None:
        kept = await super().touch(session, owner, record, anchors)
        self.renewed.append(asyncio.get_running_loop().time())
        return kept


class Peer:
    """Takes everything."""

    paused = False

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.codes: list[int] = []

    def write(self, payloads: Sequence[bytes]) -> None:
        self.frames += map(msgspec.json.decode, payloads)

    def close(self, code: int, reason: str) -> None:
        self.codes.append(code)


async def signed_in(node: Realtime, peer: Peer) -> Socket:
    socket = Socket(node, peer, "json")
    socket.opened()
    socket.received(b'{"type":"auth","id":"1","token":"u_ann"}')
    while socket.session.state != "live":  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
    return socket


async def beat(socket: Socket, times: int, seq: int = 0) -> None:
    for _ in range(times):
        await asyncio.sleep(BEAT_SECONDS)
        socket.received(b'{"type":"ping","seq":%d}' % seq)
    await asyncio.sleep(0.1)


async def test_a_silent_session_is_renewed_as_often_as_it_must_be_and_no_more() -> None:
    bus = Counting(Store())
    node = realtime_on(bus, World(), "gw-1")
    await node.start()
    peer = Peer()
    socket = await signed_in(node, peer)
    await beat(socket, 40)
    window = node.settings.resume_window_ms / 1000
    gaps = [b - a for a, b in zip(bus.renewed, bus.renewed[1:], strict=False)]
    assert 6 <= len(bus.renewed) <= 11, "forty heartbeats, not forty renewals"
    assert max(gaps) + BEAT_SECONDS + window <= SESSION_SECONDS, "it outlives the last heartbeat"
    assert not peer.codes
    await node.drain(1.0)


async def test_what_was_acknowledged_is_kept_with_the_next_heartbeat() -> None:
    bus, world = Counting(Store()), World()
    world.members["r_1"] = {"u_ann"}
    node = realtime_on(bus, world, "gw-1")
    await node.start()
    peer = Peer()
    socket = await signed_in(node, peer)
    await beat(socket, 1)
    assert bus.renewed == []
    for turn in range(1, 4):
        command = {"type": "message.send", "id": str(turn), "room": "r_1", "text": "Hi"}
        socket.received(msgspec.json.encode(command))
        await asyncio.sleep(1)
        seen = max(frame.get("seq", 0) for frame in peer.frames)
        assert seen > 0
        await beat(socket, 1, seen)
        assert len(bus.renewed) == turn
    await node.drain(1.0)


async def test_after_the_bus_was_away_every_session_is_renewed_with_its_next_heartbeat() -> None:
    store = Store()
    bus = Counting(store)
    node = realtime_on(bus, World(), "gw-1")
    await node.start()
    socket = await signed_in(node, Peer())
    await beat(socket, 1)
    assert bus.renewed == []
    store.away()
    await beat(socket, 1)
    store.wipe()
    store.back()
    await beat(socket, 1)
    assert len(bus.renewed) >= 1
    assert socket.session.session in store.sessions, "written anew"
    await node.drain(1.0)
