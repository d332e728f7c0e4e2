"""One timer for all: nothing is called early, late by more than a slot, or forgotten."""

import random

from realtime.wheel import Wheel


def test_everything_is_called_once_and_within_a_slot_of_its_time() -> None:
    rng = random.Random(7)
    wheel, called = Wheel(0.25, 1_000.0), {}
    wanted = {i: rng.uniform(0, 50) for i in range(500)}
    for i, seconds in wanted.items():
        wheel.add(lambda now, i=i: called.setdefault(i, []).append(now), seconds, 1_000.0)
    now = 1_000.0
    while now < 1_060:
        now += 0.25
        wheel.turn(now)
    assert called.keys() == wanted.keys()
    for i, times in called.items():
        assert len(times) == 1
        assert wanted[i] <= times[0] - 1_000.0 <= wanted[i] + 0.5


def test_what_lies_beyond_the_wheel_is_called_early_and_may_ask_again() -> None:
    wheel, called = Wheel(0.25, 0.0), []
    wheel.add(called.append, 500.0, 0.0)
    wheel.turn(wheel.longest_seconds + 1)
    assert len(called) == 1


def test_a_loop_that_stood_still_catches_up_without_calling_twice() -> None:
    wheel, called = Wheel(0.25, 0.0), []
    for seconds in (0.1, 1.0, 30.0, 60.0):
        wheel.add(called.append, seconds, 0.0)
    wheel.turn(10_000.0)
    wheel.turn(10_000.25)
    assert called == [10_000.0] * 4
    wheel.add(called.append, 1.0, 10_000.25)
    wheel.turn(10_001.6)
    assert len(called) == 5
