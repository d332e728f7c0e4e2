"""A worker takes calls up to three quarters of a core, and counts those that are still coming."""

from media.calls.load import SHARES, Load


def test_it_is_busy_by_what_it_used_of_the_last_two_seconds() -> None:
    load = Load()
    for second in range(10):
        load.look(float(second), 0.5 * second)
    assert abs(load.busy(9.0) - 0.5) < 0.01
    for second in range(10, 14):
        load.look(float(second), 5.0)
    assert load.busy(13.0) < 0.01


def test_above_three_quarters_nobody_comes() -> None:
    load = Load()
    load.look(0.0, 0.0)
    load.look(1.0, 0.72)
    assert not load.has_room(1.0, "voice")
    load.look(3.0, 1.0)
    load.look(5.0, 1.2)
    assert load.has_room(5.0, "voice")


def test_a_rush_is_counted_before_it_shows() -> None:
    load, taken = Load(), 0
    while load.has_room(0.0, "voice") and taken < 1000:
        load.promise(0.0, "voice")
        taken += 1
    assert taken == int(0.75 / SHARES["voice"] + 1e-9)
    assert load.has_room(10.0, "voice")


def test_calls_one_after_another_never_fill_it() -> None:
    load = Load()
    for n in range(1_000):
        now = n * 0.1
        assert load.has_room(now, "voice"), n
        load.over(load.promise(now, "voice"))
    assert load.busy(100.0) == 0.0


def test_what_is_promised_twice_is_taken_back_once() -> None:
    load = Load()
    first, second = load.promise(0.0, "voice"), load.promise(0.0, "voice")
    load.over(first)
    load.over(first)
    assert load.busy(0.0) == SHARES["voice"]
    load.over(second)
    assert load.busy(0.0) == 0.0
