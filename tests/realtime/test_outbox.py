"""A reader that lags gets less frames, never less words; what is paid for is never dropped."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from realtime.outbox import LAGGING, Outbox, merged
from realtime.told import Told, heard, joined
from storage.bus.ports import Wanted


def delta(log: str, pos: int, reply: str, offset: int, text: str) -> Told:
    event = msgspec.json.encode(
        {"type": "reply.delta", "room": log, "reply": reply, "offset": offset, "text": text}
    )
    return Told.of(log, "g1", pos, Wanted(pos, "", reply, event))


def other(log: str, pos: int) -> Told:
    return Told.of(log, "g1", pos, Wanted(pos, "", "", b'{"type":"notice","text":"paid"}'))


def drained(box: Outbox) -> list[Told]:
    taken = []
    while (told := box.take()) is not None:
        taken.append(told)
    return taken


def test_a_reader_that_keeps_up_gets_every_delta_as_it_was_logged() -> None:
    box = Outbox(1_000_000)
    for i in range(50):
        one = delta("r_a", i + 1, "m_1", i, "x")
        box.put(one)
        assert box.take() is one
    assert box.empty


def test_deltas_are_merged_when_the_reader_lags_and_always_join() -> None:
    box = Outbox(1_000_000)
    for i in range(100):
        box.put(delta("r_a", i + 1, "m_1", i, "é"))
    taken = drained(box)
    assert len(taken) < 20
    text = ""
    for told in taken:
        event = msgspec.json.decode(told.event)
        assert event["offset"] == len(text)
        text += event["text"]
    assert text == "é" * 100
    assert [told.pos for told in taken][-1] == 100
    assert box.empty


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["r_a", "r_b"]),
            st.sampled_from(["", "m_1", "m_2"]),
            st.integers(0, 3),
        ),
        max_size=200,
    )
)
def test_no_entry_is_dropped_and_each_log_stays_in_order(puts: list[tuple[str, str, int]]) -> None:
    box, logged, taken = Outbox(1 << 30), {"r_a": 0, "r_b": 0}, []
    for log, reply, takes in puts:
        logged[log] += 1
        pos = logged[log]
        box.put(delta(log, pos, reply, 0, f"{pos};") if reply else other(log, pos))
        for _ in range(max(0, takes - 2)):
            taken += [told] if (told := box.take()) is not None else []
    taken += drained(box)
    for log, count in logged.items():
        read: list[str] = []
        for told in taken:
            if told.log == log:
                event = msgspec.json.decode(told.event)
                last = event["text"].split(";")[:-1] if told.reply else [str(told.pos)]
                read += last
                assert told.pos == int(last[-1])
        assert read == [str(n + 1) for n in range(count)]


def test_a_delta_never_joins_one_that_has_left() -> None:
    box = Outbox(1_000_000)
    box.put(delta("r_a", 1, "m_1", 0, "a"))
    for pos in range(1, 12):
        box.put(other("r_b", pos))
    assert box.take() is not None
    late = delta("r_a", 2, "m_1", 1, "b")
    box.put(late)
    assert drained(box)[-1] is late


def test_more_than_its_bytes_is_too_much_but_a_replay_is_not() -> None:
    box = Outbox(1_000)
    box.load([delta("r_a", i, "m_1", i, "x" * 100) for i in range(50)])
    assert not box.full
    for i in range(50, 60):
        box.put(delta("r_b", i, "m_2", i, "x" * 100))
    assert box.full
    drained(box)
    assert not box.full


def test_of_what_is_ephemeral_only_the_latest_waits() -> None:
    box = Outbox(1_000)
    for on in (b"true", b"false", b"true"):
        box.hear(heard(b'{"type":"typing","room":"r_a","person":"u_1","on":' + on + b"}"))
    box.hear(heard(b'{"type":"typing","room":"r_a","person":"u_2","on":true}'))
    box.hear(heard(b'{"type":"presence","person":"u_1","status":"away"}'))
    for i in range(1_000):
        box.hear(heard(b'{"type":"read","room":"r_%d","person":"u_1","n":1}' % i))
    waiting = box.take_heard()
    assert len(waiting) == 256
    assert waiting[-1].key == "read/r_999/u_1"
    assert box.take_heard() == []
    assert box.empty


def shapes(epoch: int, at_sample: int, size: int = 1) -> bytes:
    visemes = b",".join([b'["aa",0,2400]'] * size)
    return (
        b'{"type":"call.viseme","room":"r_a","call":"call_1","person":"u_1","epoch":%d,'
        b'"at_sample":%d,"visemes":[%b]}' % (epoch, at_sample, visemes)
    )


def test_mouth_shapes_of_one_utterance_all_wait_and_those_of_a_cut_one_do_not() -> None:
    box = Outbox(1_000)
    for at_sample in range(0, 24_000, 2_400):
        box.hear(heard(shapes(1, at_sample)))
    box.hear(heard(b'{"type":"typing","room":"r_a","person":"u_2","on":true}'))
    for at_sample in (0, 2_400):
        box.hear(heard(shapes(2, at_sample)))
    box.hear(heard(shapes(2, 2_400)))
    waiting = [one.key for one in box.take_heard()]
    assert waiting == [
        "typing/r_a/u_2", "call.viseme/r_a/u_1/2/0", "call.viseme/r_a/u_1/2/2400"
    ]  # fmt: skip


def test_where_the_sound_stands_is_told_by_the_latest_word_alone() -> None:
    box = Outbox(1_000)
    told = b'{"type":"call.sounding","room":"r_a","person":"u_1","epoch":1,"samples":%d}'
    for samples in (480, 24_480):
        box.hear(heard(told % samples))
    (one,) = box.take_heard()
    assert b"24480" in one.event
    assert one.to == "u_1"


def test_a_reader_that_takes_nothing_keeps_few_bytes_of_what_is_ephemeral() -> None:
    box = Outbox(1_000)
    for at_sample in range(300):
        box.hear(heard(shapes(1, at_sample, 100)))
    waiting = box.take_heard()
    assert sum(len(one.event) for one in waiting) <= 65_536
    assert waiting[-1].key.endswith("/1/299")
    box.hear(heard(shapes(2, 0, 10_000)))
    assert len(box.take_heard()) == 1, "one that is too long alone still goes"


def test_a_merged_delta_has_the_newest_cost() -> None:
    first = delta("r_a", 1, "m_1", 0, "a")
    event = {"type": "reply.delta", "reply": "m_1", "offset": 1, "text": "b"}
    costly = {**event, "cost_microcredits": 7}
    second = Told.of("r_a", "g1", 2, Wanted(2, "", "m_1", msgspec.json.encode(costly)))
    told = joined([first, second])
    assert msgspec.json.decode(told.event)["cost_microcredits"] == 7
    assert (told.pos, told.merged) == (2, True)


def test_a_replay_merges_neighbours_only() -> None:
    replay = [delta("r_a", 1, "m_1", 0, "a"), delta("r_a", 2, "m_1", 1, "b"), other("r_a", 3)]
    replay += [delta("r_a", 4, "m_1", 2, "c"), delta("r_b", 1, "m_2", 0, "d")]
    assert [told.pos for told in merged(replay)] == [2, 3, 4, 1]
    assert LAGGING > 1
