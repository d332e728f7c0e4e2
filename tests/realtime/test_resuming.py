"""Whether a session can go on, and with what: by its last number, its record and the logs."""

import asyncio

import pytest

from realtime.numbering import Anchor, Record, encode_anchor, encode_record
from realtime.resuming import Missed, NotResumable, in_order, missed
from realtime.told import Told
from storage.bus.memory import Store
from storage.bus.ports import Kept, Place, Wanted
from tests.realtime.test_tails import Node, write


def kept(acked: int, log: str, base: dict[str, Place], *anchors: Anchor) -> Kept:
    record = Record("u_me", "e_1", "si_1", acked, log, base)
    return Kept(encode_record(record), [encode_anchor(anchor) for anchor in anchors])


async def resume(node: Node, what: Kept, seq: int, *logs: str) -> Missed:
    live = {log: place for log in logs if (place := node.tails.place(log)) is not None}
    return await missed(node.tails, live, dict.fromkeys(logs), "u_me", what, seq)


@pytest.fixture
async def node() -> Node:
    started = await Node(Store(log_entries=50), "a").start()
    await write(started.bus, "r_1", 10)
    await started.follow("r_1", "r_2")
    return started


async def test_what_comes_next_is_found_by_counting_from_the_anchor(node: Node) -> None:
    record = kept(0, "", {}, Anchor(1, "r_1", "g1", 3))
    found = await resume(node, record, 4, "r_1", "r_2")
    assert [told.pos for told in found.replay] == [7, 8, 9, 10]
    assert found.base == {"r_1": Place("g1", 6)}


async def test_entries_that_come_while_reading_are_not_replayed_too(node: Node) -> None:
    record = kept(0, "", {}, Anchor(1, "r_1", "g1", 3))
    live = {"r_1": Place("g1", 10)}
    resuming = asyncio.ensure_future(missed(node.tails, live, {"r_1": None}, "u_me", record, 1))
    for pos in (11, 12):
        done = await node.bus.append("r_1", 1, [Wanted(1, "", "", b"{}")], {})
        node.tails.deliver("r_1", done.generation, pos, [Wanted(1, "", "", b"{}")])
    assert [told.pos for told in (await resuming).replay] == [4, 5, 6, 7, 8, 9, 10]
    again = await missed(node.tails, live, {"r_1": None}, "u_me", record, 7)
    assert [told.pos for told in again.replay] == [10]


@pytest.mark.parametrize(
    ("record", "seq", "reason"),
    [
        (kept(0, "", {}), 1, "seq_ahead"),
        (kept(0, "", {"r_1": Place("g1", 10)}, Anchor(1, "r_1", "g1", 8)), 9, "seq_ahead"),
        (kept(5, "r_1", {"r_1": Place("g1", 8)}), 4, "window"),
        (kept(0, "", {"r_1": Place("g0", 3)}), 0, "log_lost"),
        (kept(0, "", {"r_2": Place("g1", 3)}), 0, "log_lost"),
        (kept(0, "", {"r_1": Place("g1", 99)}), 0, "log_lost"),
    ],
)
async def test_what_cannot_go_on_says_why(node: Node, record: Kept, seq: int, reason: str) -> None:
    with pytest.raises(NotResumable) as refused:
        await resume(node, record, seq, "r_1", "r_2")
    assert refused.value.reason == reason


async def test_a_log_trimmed_beyond_what_was_seen_is_out_of_the_window(node: Node) -> None:
    record = kept(0, "", {"r_1": Place("g1", 2)})
    await write(node.bus, "r_1", 100)
    late = await Node(node.bus._store, "b").start()
    await late.follow("r_1")
    with pytest.raises(NotResumable) as refused:
        await resume(late, record, 0, "r_1")
    assert refused.value.reason == "window"


def test_logs_are_woven_by_time_and_never_turned_round() -> None:
    def told(log: str, pos: int, at: int) -> Told:
        return Told.of(log, "g", pos, Wanted(at, "", "", b"{}"))

    a = [told("a", 1, 10), told("a", 2, 5), told("a", 3, 30)]  # a clock went back
    b = [told("b", 1, 7), told("b", 2, 20)]
    woven = [(t.log, t.pos) for t in in_order([a, b])]
    assert woven == [("b", 1), ("a", 1), ("a", 2), ("b", 2), ("a", 3)]


async def test_a_node_that_was_pushed_less_than_somebody_saw_reads_on_before_it_answers() -> None:
    store = Store(log_entries=50)
    ahead, behind = await Node(store, "a").start(), await Node(store, "b").start()
    await write(ahead.bus, "r_1", 5)
    await behind.follow("r_1")
    store.deaf = True
    await write(ahead.bus, "r_1", 5)
    live = {"r_1": Place("g1", 5)}
    assert behind.tails.place("r_1") == live["r_1"]
    seen_to_8 = kept(0, "", {}, Anchor(1, "r_1", "g1", 1))
    found = await missed(behind.tails, live, {"r_1": None}, "u_me", seen_to_8, 8)
    assert [told.pos for told in found.replay] == [9, 10]
    assert live == {"r_1": Place("g1", 10)}


async def test_a_room_one_came_into_later_is_read_from_there_on(node: Node) -> None:
    live, fresh = {"r_1": Place("g1", 10)}, kept(0, "", {})
    found = await missed(node.tails, live, {"r_1": Place("g1", 8)}, "u_me", fresh, 0)
    assert [told.pos for told in found.replay] == [9, 10]
    elsewhere = {"r_1": Place("another generation", 8)}
    assert len((await missed(node.tails, live, elsewhere, "u_me", fresh, 0)).replay) == 10
