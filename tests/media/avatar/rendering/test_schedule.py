"""Which faces are due, and when a device does with less."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.avatar.rendering.ladder import RUNGS, Ladder
from media.avatar.rendering.schedule import BEAT_US, Schedule


def test_faces_are_spread_over_the_beats_of_an_interval() -> None:
    schedule = Schedule()
    for slot in range(8):
        schedule.add(slot, 0, 25)
    counts = [len(schedule.due(beat * BEAT_US)) for beat in range(4)]
    assert counts == [2, 2, 2, 2]
    assert [len(schedule.due(beat * BEAT_US)) for beat in range(4, 8)] == [2, 2, 2, 2]


@given(
    looks=st.lists(st.integers(1, 200_000), min_size=1, max_size=60),
    fps=st.sampled_from((15, 25, 30)),
)
def test_late_frames_are_skipped_and_never_made_up_for(looks: list[int], fps: int) -> None:
    schedule, now, made = Schedule(), 0, []
    schedule.add(1, 0, fps)
    interval, skipped = 1_000_000 // fps, 0
    for gap in looks:
        now += gap
        for due in schedule.due(now):
            made.append(due.due_us)
            skipped += due.skipped
            assert now - interval < due.due_us <= now
    assert all(b - a >= interval for a, b in pairwise(made))
    assert len(made) + skipped == now // interval + 1 or not made


def test_hurry_makes_the_next_frame_due_now_and_removal_ends_it() -> None:
    schedule = Schedule()
    schedule.add(1, 0, 25)
    schedule.due(0)
    schedule.hurry(1, 5_000)
    assert [due.slot for due in schedule.due(5_000)] == [1]
    assert schedule.next_us() == 45_000
    schedule.pace(1, 10)
    schedule.remove(1)
    assert len(schedule) == 0
    assert schedule.next_us() is None
    assert schedule.due(10**9) == []


def run(ladder: Ladder, share: float, seconds: float, start: int = 0) -> tuple[list[int], int]:
    levels, now = [], start
    for _ in range(int(seconds * 100)):
        now += 10_000
        ladder.note(now, int(10_000 * share))
        levels.append(ladder.level)
    return levels, now


def test_an_overload_costs_frames_first_then_size_within_two_seconds() -> None:
    ladder = Ladder()
    levels, _ = run(ladder, 1.0, 3)
    assert levels[60] == 0
    assert max(levels) == 2
    assert levels.index(1) < 110
    assert levels.index(2) < 210
    assert (RUNGS[1].fps, RUNGS[2].size) == (15, 256)


def test_it_climbs_only_when_the_better_rung_would_be_bearable() -> None:
    ladder = Ladder()
    _, now = run(ladder, 1.0, 1.2)
    assert ladder.level == 1
    levels, now = run(ladder, 0.5, 10, now)  # 0.5 at 15 a second is 0.83 at 25: stay
    assert set(levels) == {1}
    run(ladder, 0.3, 6, now)
    assert ladder.level == 0


def test_skipped_frames_count_as_too_busy() -> None:
    ladder = Ladder()
    for beat in range(200):
        ladder.note(beat * 10_000, 100, skipped=1)
    assert ladder.level >= 1
