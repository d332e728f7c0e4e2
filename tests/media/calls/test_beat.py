"""One frame every 20 ms by one clock: caught up with, never in a burst, never twice."""

from hypothesis import given
from hypothesis import strategies as st

from media.calls.beat import FRAME_US, MOST_AT_ONCE, Beat


def drive(beat: Beat, times: list[int]) -> list[int]:
    sent = []
    for now in times:
        count = beat.due(now)
        for _ in range(count):
            beat.left()
        sent.append(count)
    return sent


def test_a_frame_is_due_every_20_ms() -> None:
    beat = Beat(1_000)
    assert drive(beat, [1_000, 1_000, 20_999, 21_000, 41_000]) == [1, 0, 0, 1, 1]
    assert beat.sample == 3 * 480


def test_a_short_stop_is_caught_up_with_two_at_a_time() -> None:
    beat = Beat(0)
    times = [0, 100_000, 110_000, 120_000, 130_000, 140_000]
    assert drive(beat, times) == [1, 2, 2, 2, 0, 1]


def test_a_long_stop_is_passed_over() -> None:
    beat = Beat(0)
    assert drive(beat, [0, 2_000_000, 2_000_000, 2_020_000]) == [1, 1, 0, 1]
    assert beat.skipped == 99
    assert beat.sample_at(2_040_000) == beat.sample


def test_behind_it_looks_again_soon_and_otherwise_at_the_next_frame() -> None:
    beat = Beat(0)
    assert beat.wake_us(70_000) == 70_000 + FRAME_US // 2
    drive(beat, [0])
    assert beat.wake_us(5_000) == 20_000


def test_after_rest_the_next_frame_leaves_at_once() -> None:
    beat = Beat(0)
    drive(beat, [0])
    beat.hasten(7_000)
    assert beat.due(7_000) == 1
    beat.left()
    assert beat.due_us == 27_000


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=200))
def test_never_a_burst_and_never_ahead_of_the_clock(steps: list[int]) -> None:
    beat, now = Beat(0), 0
    for step in steps:
        now += step
        count = beat.due(now)
        assert 0 <= count <= MOST_AT_ONCE
        for _ in range(count):
            assert beat.due_us <= now
            beat.left()
