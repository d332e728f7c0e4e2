"""Numbers without gap or repeat, and exact resumption from any of them, whatever was lost."""

import random

from hypothesis import given
from hypothesis import strategies as st

from realtime.session import Anchor, Bucket, Numbering, Place, Record, rests, standing


class Logs:
    """Some logs, of whose entries one person may see some."""

    def __init__(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        self.entries: dict[str, list[bool]] = {f"r_{i}": [] for i in range(count)}
        self.order: list[tuple[str, int]] = []
        for _ in range(rng.randrange(5, 60)):
            log = rng.choice(list(self.entries))
            self.entries[log].append(rng.random() < 0.8)
            self.order.append((log, len(self.entries[log])))

    def visible_after(self, log: str, after: int) -> list[int]:
        return [pos for pos, seen in enumerate(self.entries[log], 1) if seen and pos > after]


@given(st.integers(0, 100_000), st.integers(1, 4), st.booleans())
def test_what_comes_after_any_number_is_found_from_the_anchors_alone(
    seed: int, logs: int, merging: bool
) -> None:
    """Whatever was merged, interleaved or given twice after a lost socket."""
    world, rng = Logs(seed, logs), random.Random(seed + 1)
    record = Record(person="u", epoch="e", owner="o", sign_in="s", base={})
    anchors: list[Anchor] = []
    shown: list[list[tuple[str, int]]] = []  # frame number - 1 -> the entries it stands for
    numbering = Numbering({})
    queue = [(log, pos) for log, pos in world.order if world.entries[log][pos - 1]]
    while queue:
        log, pos = queue.pop(0)
        frame = [(log, pos)]
        while merging and queue and queue[0][0] == log and rng.random() < 0.3:
            frame.append(queue.pop(0))
        anchor = numbering.number(log, "g", frame[-1][1], merged=len(frame) > 1)
        if anchor is not None:
            anchors.append(anchor)
        shown.append(frame)
        assert numbering.seq == len(shown)
        if rng.random() < 0.1:  # the socket is lost; the client comes back with an earlier number
            back = rng.randrange(len(shown) + 1)
            lost = [entry for frame in shown[back:] for entry in frame]
            del shown[back:]
            queue = sorted(set(queue) | set(lost), key=world.order.index)
            standing_entries = [entry for frame in shown for entry in frame]
            places = {name: Place("g", pos) for name, pos in sorted(standing_entries)}
            numbering = Numbering(places, back)
    for seq in range(len(shown) + 1):
        seen = {entry for frame in shown[:seq] for entry in frame}
        found = rests(record, anchors, seq)
        for log in world.entries:
            rest = found.get(log)
            after, skipped = (rest.after, rest.visible) if rest else (0, 0)
            left = world.visible_after(log, after)[skipped:]
            assert left == [p for p in world.visible_after(log, 0) if (log, p) not in seen]


def test_a_number_given_again_voids_what_followed_it() -> None:
    old = [Anchor(1, "a", "g", 1), Anchor(4, "b", "g", 1), Anchor(6, "a", "g", 5)]
    assert standing([*old, Anchor(4, "a", "g", 4)]) == [old[0], Anchor(4, "a", "g", 4)]


def test_an_entry_is_shown_once() -> None:
    numbering = Numbering({"r": Place("g", 5)})
    assert numbering.shown("r", "g", 5)
    assert not numbering.shown("r", "g", 6)
    assert not numbering.shown("r", "h", 1)
    numbering.number("r", "g", 6, merged=False)
    assert numbering.shown("r", "g", 6)


def test_a_bucket_lets_a_burst_pass_then_a_steady_rate_and_knows_flooding() -> None:
    bucket = Bucket(per_second=10, burst=5, now=0.0)
    assert [bucket.take(0.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(0.0) > 0
    assert bucket.take(1.0) == 0.0
    for _ in range(40):
        bucket.take(1.0)
    assert bucket.flooding()
