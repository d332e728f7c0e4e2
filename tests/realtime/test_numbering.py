"""Numbers alone say what was seen: whatever dies, a resume goes on exactly after the last one."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.numbering import (
    Anchor,
    Numbering,
    Record,
    Rest,
    decode_record,
    encode_record,
    rests,
    standing,
)
from realtime.outbox import Outbox, merged
from realtime.told import Told
from storage.bus.ports import Place, Wanted

ME, OTHER = "u_me", "u_other"
LOGS = ("u_me", "r_a", "r_b")


@dataclass
class World:
    """Logs, one session with its record on a bus, and a client that knows only its numbers."""

    logs: dict[str, list[Told]] = field(default_factory=lambda: {log: [] for log in LOGS})
    record: bytes = b""
    anchors: list[Anchor] = field(default_factory=list)
    numbering: Numbering = field(default_factory=lambda: Numbering({}))
    outbox: Outbox = field(default_factory=lambda: Outbox(1 << 30))
    seen: list[tuple[int, str, str]] = field(default_factory=list)  # (seq, log, text)
    seq: int = 0

    def __post_init__(self) -> None:
        self.keep()

    def keep(self) -> None:
        """The heartbeat: the record and its anchors, in one step."""
        self.record = encode_record(self.numbering.record(ME, "e_1", "si_1"))
        self.anchors = self.numbering.anchors()

    def tell(self, log: str, to: str, reply: str) -> None:
        """Something is logged; the session is told of it if it may be."""
        entries = self.logs[log]
        offset = sum(1 for e in entries if reply and e.reply == reply)
        text = f"{len(entries) + 1};"
        event = b'{"type":"reply.delta","offset":%d,"text":"%s"}' % (offset, text.encode())
        told = Told.of(log, "g1", len(entries) + 1, Wanted(len(entries), to, reply, event))
        entries.append(told)
        if told.visible(ME):
            self.outbox.put(told)

    def flush(self, count: int, arrive: int) -> None:
        """Up to `count` frames leave; of those the client receives the first `arrive`."""
        for i in range(count):
            told = self.outbox.take()
            if told is None:
                return
            anchor = self.numbering.number(told.log, told.generation, told.pos, merged=told.merged)
            if anchor is not None:
                self.anchors.append(anchor)
            if i < arrive:
                assert self.numbering.seq == self.seq + 1
                self.seq = self.numbering.seq
                self.seen.append((self.seq, told.log, told.event.decode()))

    def resume(self) -> None:
        """Another node takes the session up by the client's number alone."""
        record: Record = decode_record(self.record)
        base, replay = {}, []
        found = rests(record, self.anchors, self.seq)
        assert found is not None
        for log in LOGS:
            rest = found.get(log)
            after, visible = (rest.after, rest.visible) if rest else (0, 0)
            entries = [e for e in self.logs[log] if e.pos > after and e.visible(ME)]
            assert visible <= len(entries)
            if visible:
                after = entries[visible - 1].pos
            base[log] = Place("g1", after)
            replay += entries[visible:]
        self.numbering, self.outbox = Numbering(base, self.seq), Outbox(1 << 30)
        self.outbox.load(merged(replay))  # the record stays as it is until the next heartbeat


texts = st.tuples(
    st.just("tell"),
    st.sampled_from(LOGS),
    st.sampled_from(["", "", ME, OTHER]),
    st.sampled_from(["", "m_1", "m_2"]),
)
flushes = st.tuples(st.just("flush"), st.integers(0, 12), st.integers(0, 12))
steps = st.lists(
    st.one_of(
        texts,
        texts,
        texts,
        flushes,
        st.tuples(st.just("die")),
        st.tuples(st.just("ack"), st.integers(0, 8), st.booleans()),
        st.tuples(st.just("ack"), st.integers(0, 8), st.booleans()),
    ),
    max_size=120,
)


def joined(seen: list[tuple[int, str, str]], log: str) -> list[str]:
    """What a client read of a log, delta by delta, whether merged or not."""
    texts = [event.split('"text":"')[1].split('"')[0] for _, name, event in seen if name == log]
    return "".join(texts).split(";")[:-1]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_after_any_deaths_merges_and_acks_nothing_is_lost_repeated_or_out_of_order(
    steps: list[tuple[object, ...]],
) -> None:
    world = World()
    lost = False  # frames that were numbered but never arrived: only a resume goes on after them
    for step in steps:
        match step:
            case ("tell", str(log), str(to), str(reply)):
                world.tell(log, to, reply)
            case ("flush", int(count), int(arrive)) if not lost:
                world.flush(count, arrive)
                lost = world.numbering.seq > world.seq
            case ("ack", int(back), kept):
                world.numbering.ack(world.seq - back)
                if kept:
                    world.keep()
            case ("die",):
                world.resume()
                lost = False
    world.resume()
    world.flush(10_000, 10_000)
    world.resume()  # and nothing is left over
    assert world.outbox.empty
    assert [seq for seq, _, _ in world.seen] == list(range(1, len(world.seen) + 1))
    for log in LOGS:
        expected = [str(e.pos) for e in world.logs[log] if e.visible(ME)]
        assert joined(world.seen, log) == expected


def test_one_room_needs_one_anchor() -> None:
    numbering = Numbering({"r_a": Place("g1", 7)})
    anchors = [numbering.number("r_a", "g1", pos, merged=False) for pos in range(8, 100)]
    assert anchors[0] == Anchor(1, "r_a", "g1", 8)
    assert anchors[1:] == [None] * 91


def test_a_merge_a_switch_and_a_new_generation_are_anchored() -> None:
    numbering = Numbering({})
    numbering.number("r_a", "g1", 1, merged=False)
    assert numbering.number("r_a", "g1", 4, merged=True) == Anchor(2, "r_a", "g1", 4)
    assert numbering.number("r_a", "g1", 5, merged=False) is None
    assert numbering.number("u_me", "g9", 1, merged=False) == Anchor(4, "u_me", "g9", 1)
    assert numbering.number("u_me", "g10", 1, merged=False) == Anchor(5, "u_me", "g10", 1)


def test_an_acknowledgement_in_the_middle_of_a_run_is_exact() -> None:
    numbering = Numbering({"r_a": Place("g1", 10)})
    for pos in range(11, 31):
        numbering.number("r_a", "g1", pos, merged=False)
    for seq in (1, 5, 6, 20):
        numbering.ack(seq)
        record = numbering.record(ME, "e_1", "si_1")
        assert record.base == {"r_a": Place("g1", 10 + seq)}
        assert record.log == "r_a"
        assert rests(record, numbering.anchors(), 20) == {"r_a": Rest("g1", 10 + seq, 20 - seq)}


def test_a_number_given_again_voids_what_followed_it() -> None:
    first = [Anchor(1, "r_a", "g1", 1), Anchor(3, "r_b", "g1", 1), Anchor(5, "r_a", "g1", 9)]
    again = Anchor(3, "r_a", "g1", 4)
    assert standing([*first, again]) == [first[0], again]


def test_what_is_acknowledged_is_forgotten() -> None:
    numbering = Numbering({})
    for i in range(1, 5_000):
        numbering.number(LOGS[i % 3], "g1", i, merged=False)
    assert len(numbering.anchors()) <= 1_024  # even if nothing is ever acknowledged
    numbering.ack(numbering.seq)
    assert numbering.anchors() == []
    record = numbering.record(ME, "e_1", "si_1")
    assert record.acked == 4_999
    assert record.base["r_a"] == Place("g1", 4_999)
    assert numbering.number("r_a", "g1", 5_000, merged=False) is None  # it goes on as it was
