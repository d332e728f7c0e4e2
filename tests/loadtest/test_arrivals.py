"""When people come: the schedule adds up, and a late driver is counted, on a clock of our own."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.arrivals import (
    Gate,
    Ramp,
    Unreadable,
    moment,
    moments,
    parse_ramp,
    parse_seconds,
    share,
)

RATES = st.floats(0, 500).map(lambda rate: round(rate, 3))


def due_within(ramp: Ramp, over: float, until: float) -> list[float]:
    return list(itertools.takewhile(lambda at: at < until, moments(ramp, over)))


def test_rates_and_lengths_are_read() -> None:
    assert parse_ramp("1..100/s") == Ramp(1, 100)
    assert parse_ramp("50/s") == Ramp(50, 50)
    assert parse_ramp("600/m") == Ramp(10, 10)
    assert [parse_seconds(one) for one in ("60s", "1.5m", "250ms", "1h", "7")] == [
        60, 90, 0.25, 3600, 7,
    ]  # fmt: skip
    for text in ("", "1..100", "fast/s", "0/s", "-1/s", "1...5/s"):
        with pytest.raises(Unreadable):
            parse_ramp(text)
    for text in ("", "1 week", "-5s", "s"):
        with pytest.raises(Unreadable):
            parse_seconds(text)


@settings(deadline=None)
@given(first=RATES, last=RATES, over=st.floats(0.5, 40))
def test_as_many_come_as_the_rates_add_up_to(first: float, last: float, over: float) -> None:
    wanted = (first + last) / 2 * over
    found = len(due_within(Ramp(first, last), over, over)) if first + last > 0 else 0
    assert abs(found - wanted) <= 1.001


@settings(deadline=None)
@given(first=RATES, last=st.floats(0.001, 500), over=st.floats(0.5, 300))
def test_moments_never_go_back(first: float, last: float, over: float) -> None:
    some = list(itertools.islice(moments(Ramp(first, last), over), 500))
    assert some == sorted(some)
    assert some[0] == 0


def test_a_rising_rate_rises() -> None:
    counts = [0] * 10
    for at in due_within(Ramp(1, 100), 10, 10):
        counts[int(at)] += 1
    assert counts == sorted(counts)
    assert counts[0] < 10 < 80 < counts[9]


def test_after_the_ramp_the_last_rate_goes_on() -> None:
    ramp = Ramp(0, 10)
    late = [at for at in due_within(ramp, 10, 20) if at >= 10]
    assert len(late) == 100
    assert moment(Ramp(5, 0), 10, 26) == float("inf")


def test_people_who_come_independently_come_as_often() -> None:
    found = list(
        itertools.takewhile(lambda at: at < 100, moments(Ramp(20, 20), 100, random.Random(7)))
    )
    assert abs(len(found) - 2000) < 5 * 2000**0.5
    gaps = [b - a for a, b in itertools.pairwise(found)]
    assert max(gaps) > 3 * sum(gaps) / len(gaps)


@settings(deadline=None)
@given(drivers=st.integers(1, 7), rate=st.integers(1, 200))
def test_the_drivers_parts_are_the_whole(drivers: int, rate: int) -> None:
    whole = due_within(Ramp(rate, rate), 5, 5)
    parts = [list(share(whole, i, drivers)) for i in range(drivers)]
    assert sorted(itertools.chain(*parts)) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


class Clock:
    """A clock that a driver looks at; it can be kept from it for a while."""

    def __init__(self, gate: Gate) -> None:
        self.now = 0.0
        self.gate = gate

    def look(self, now: float, free: int) -> list[float]:
        self.now = now
        return self.gate.admit(now, free)


def test_who_is_let_in_at_their_moment_is_neither_late_nor_dropped() -> None:
    gate = Gate([0.0, 0.1, 0.2])
    clock = Clock(gate)
    assert [clock.look(at, 9) for at in (0.0, 0.1, 0.2)] == [[0.0], [0.1], [0.2]]
    assert (gate.started, gate.late, gate.dropped) == (3, 0, 0)
    assert gate.next_at == float("inf")


def test_a_driver_that_sleeps_starts_people_late_and_says_so() -> None:
    """From 1.0 to 2.0 the clock was not looked at: 100 people are late but for the last few."""
    gate = Gate(n / 100 for n in range(300))
    clock = Clock(gate)
    for tick in range(301):
        if not 100 < tick < 200:
            clock.look(tick / 100, 1000)
    assert gate.started == 300
    assert gate.dropped == 0
    assert 90 <= gate.late <= 95


def test_late_people_keep_their_intended_moment() -> None:
    clock = Clock(Gate([1.0, 2.0, 3.0]))
    assert clock.look(10.0, 5) == [1.0, 2.0, 3.0]


def test_whom_nobody_is_free_for_is_dropped_and_counted() -> None:
    gate = Gate(n / 10 for n in range(100))
    clock = Clock(gate)
    started = [clock.look(n / 10, 1 if n % 4 == 0 else 0) for n in range(100)]
    assert sum(map(len, started)) == gate.started == 25
    assert gate.dropped == 75
    assert gate.late == 0


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 50), max_size=60).map(sorted),
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 4)), max_size=60),
)
def test_everybody_who_was_due_is_started_or_dropped(
    due: list[float], looks: list[tuple[float, int]]
) -> None:
    gate = Gate(due)
    now, started = -1.0, 0  # nobody has looked yet
    for passed, free in looks:
        now += passed
        admitted = gate.admit(now, free)
        assert len(admitted) <= free
        started += len(admitted)
    assert started == gate.started
    assert gate.started + gate.dropped == sum(at <= now for at in due)
    assert gate.late <= gate.started
