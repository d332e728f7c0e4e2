"""Watching by itself: what is replayed of a reply under way, and the roll of nodes."""

import asyncio
from typing import Any

import msgspec

from realtime.holder import Holder
from realtime.logs import RoomPen
from realtime.outbox import HEARD_MAX
from realtime.told import Heard, Told
from realtime.watch import Watch, entry_frame, under_way
from rooms.oversight import Glance
from storage.bus.memory import MemoryBus, Store
from storage.bus.ports import Wanted
from tests.realtime.node import World, principal, realtime_on


def told(pos: int, event: dict[str, Any], to: str = "") -> Told:
    reply = event["reply"] if event["type"] == "reply.delta" else ""
    return Told.of("r_1", "g", pos, Wanted(1, to, reply, msgspec.json.encode(event)))


def started(pos: int, reply: str) -> Told:
    return told(pos, {"type": "reply.started", "room": "r_1", "reply": reply})


def delta(pos: int, reply: str, text: str, offset: int = 0) -> Told:
    event = {"type": "reply.delta", "room": "r_1", "reply": reply, "offset": offset, "text": text}
    return told(pos, event)


def test_only_replies_that_have_not_ended_are_shown_from_their_beginning() -> None:
    log = [
        delta(1, "m_0", "its beginning is not known"),
        started(2, "m_1"), delta(3, "m_1", "a"), told(4, {"type": "reply.done", "reply": "m_1"}),
        told(5, {"type": "message.created"}), started(6, "m_2"), delta(7, "m_2", "b"),
        told(8, {"type": "wallet.updated"}, to="u_1"), delta(9, "m_2", "c", 1),
    ]  # fmt: skip
    assert [one.pos for one in under_way(log)] == [6, 7, 9]
    assert under_way(log[:5]) == []


class Shown:
    """A socket that keeps what it is shown."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def hear(self, heard: Heard) -> None:
        self.heard.append(heard)

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(one.event) for one in self.heard]


async def test_a_long_reply_is_replayed_whole_and_goes_on_without_gap_or_repeat() -> None:
    shown = Shown()
    watch = Watch(shown, principal("u_1"), "r_1")  # type: ignore[arg-type]
    log = [started(1, "m_1"), *(delta(i + 2, "m_1", "x", i) for i in range(1_000))]
    for one in [*log[-3:], delta(1_002, "m_1", "y", 1_000)]:
        watch.entry(one)  # pushed while the log is being read
    watch.entry(told(1_003, {"type": "wallet.updated"}, to="u_1"))
    assert shown.heard == []
    watch.begin(log)
    assert len(shown.heard) < HEARD_MAX, "or the first of them would be pushed out"
    assert len({one.key for one in shown.heard}) == len(shown.heard)
    text = ""
    for event in shown.events[1:]:
        assert event["event"]["offset"] == len(text)
        text += event["event"]["text"]
    assert text == "x" * 1_000 + "y"


def test_an_entry_is_a_frame_of_its_own_tag_around_the_event() -> None:
    frame = msgspec.json.decode(entry_frame('r_"1', 7, 9, b'{"type":"typing"}'))
    assert frame == {
        "type": "watch.entry", "room": 'r_"1', "pos": 7, "at": 9, "event": {"type": "typing"},
    }  # fmt: skip


async def test_every_living_node_is_asked_and_a_silent_one_is_named() -> None:
    store, world = Store(), World()
    world.members.update({"r_1": {"u_1"}, "r_2": {"u_1"}})
    nodes = [realtime_on(MemoryBus(store), world, name) for name in ("gw-a", "gw-b", "gw-c")]
    for node in nodes:
        await node.start()
    await nodes[0].holder.room("r_1")
    await nodes[1].holder.room("r_2")
    found = await nodes[2].roll(10)
    rooms = {node: [g.room for g in one.glances] for node, one in found.items() if one}
    assert rooms == {"gw-a": ["r_1"], "gw-b": ["r_2"], "gw-c": []}
    nodes[0].bus.unfollow("n_gw-a")
    found = await nodes[2].roll(10)
    assert found["gw-a"] is None
    assert found["gw-b"] is not None
    await nodes[1].drain(1.0)
    assert "gw-b" not in await nodes[2].roll(10), "a node that is gone is asked no more"
    for node in (nodes[0], nodes[2]):
        await node.drain(1.0)


class Quiet:
    """A live room with or without a turn."""

    def __init__(self, name: str, *, idle: bool) -> None:
        self.name, self.idle = name, idle

    def glance(self) -> Glance:
        return Glance(room=self.name)


async def test_the_liveliest_rooms_come_first_and_no_more_than_asked_for() -> None:
    node = realtime_on(MemoryBus(Store()), World(), "gw-1")
    await node.start()
    rooms = {"r_1": True, "r_2": False, "r_3": True, "r_4": False}

    async def opened(name: str, pen: RoomPen) -> Quiet:
        return Quiet(name, idle=rooms[name])

    holder: Holder = node.holder
    holder._open_room = opened  # type: ignore[assignment]
    for name in rooms:
        await holder.room(name)
    assert [one.room for one in holder.glances(3)] == ["r_4", "r_2", "r_3"]
    holder._rooms.clear()
    await asyncio.wait_for(node.drain(1.0), 10)
