"""What drivers measure adds up: merged histograms are the whole's, however it was cut up."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.bench_resume import Person
from loadtest.measure import (
    AMONG,
    COUNTERS,
    LONGEST_SECONDS,
    Loop,
    Measures,
    Part,
    Window,
    seconds_at,
)
from loadtest.outcome import Totals, note_of, warnings_of
from loadtest.thresholds import judge, parse

SECONDS = st.floats(1e-6, 3000)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["ack", "reply"]), SECONDS), max_size=25
)


@settings(max_examples=12, deadline=None)
@given(SAMPLES, st.integers(1, 50))
def test_the_merged_parts_equal_the_whole(
    samples: list[tuple[int, str, float]], at_once: int
) -> None:
    """Three drivers, told in parts of any size, against one that saw everything."""
    whole, merged = Measures(), Measures()
    drivers = [Measures() for _ in range(3)]
    for n, (driver, name, seconds) in enumerate(samples):
        for one in (whole, drivers[driver]):
            one.time(name, seconds)
            one.count("turns")
        if n % at_once == 0:
            merged.add(*drivers[driver].take())
    for driver in drivers:
        merged.add(*driver.take())
    assert merged.counts["turns"] == whole.counts["turns"] == len(samples)
    assert merged.times.keys() == whole.times.keys()
    for name, one in whole.times.items():
        assert merged.times[name].encode() == one.encode(), "every count of every bucket"
        assert merged.times[name].get_max_value() == one.get_max_value()
        assert merged.times[name].get_min_value() == one.get_min_value()
        assert seconds_at(merged.times[name], 99) == seconds_at(one, 99)


@settings(max_examples=30, deadline=None)
@given(st.lists(SECONDS, min_size=1))
def test_a_percentile_is_right_to_three_digits(samples: list[float]) -> None:
    measures = Measures()
    for seconds in samples:
        measures.time("ack", seconds)
    for percent in (50, 95, 100):
        rank = max(1, -(-len(samples) * percent // 100))
        exact = sorted(samples)[rank - 1]
        assert abs(seconds_at(measures.times["ack"], percent) - exact) <= exact * 0.002 + 2e-6


def test_odd_times_are_kept_within_bounds() -> None:
    measures = Measures()
    for seconds in (-1.0, 0.0, 10 * LONGEST_SECONDS):
        measures.time("ack", seconds)
    assert measures.times["ack"].total_count == 3
    assert seconds_at(measures.times["ack"], 100) >= LONGEST_SECONDS * 0.99


def test_what_was_taken_is_gone() -> None:
    measures = Measures()
    measures.time("ack", 1)
    measures.error("slow")
    assert measures.take()[1] == {"errors": 1, "errors.slow": 1}
    assert measures.take() == ({}, {})


def part(driver: int, at: float, loop: Loop | None = None, **counts: int) -> Part:
    measures = Measures()
    measures.time("ack", at / 10)
    times, _ = measures.take()
    return Part(
        driver=driver, at_seconds=at, times=times, counts=counts, people=5, connected=4,
        loop=loop or Loop(cpu_share=0.1),
    )  # fmt: skip


def test_seconds_of_several_drivers_become_one_series() -> None:
    totals = Totals()
    for at, driver in itertools.product((1.01, 2.01, 3.0), (0, 1)):
        totals.add(part(driver, at, turns=3))
    totals.close_second()
    assert [(one.at, one.people, one.counts["turns"]) for one in totals.series] == [
        (0, 10, 6), (1, 10, 6), (2, 10, 6),
    ]  # fmt: skip
    assert totals.counted("turns") == 18
    assert totals.counted("ack") == 6
    assert totals.rate("turns") == 6


def test_shares_are_of_what_they_are_counted_among() -> None:
    totals = Totals()
    totals.add(part(0, 1, starts=200, dropped_starts=3, turns=50, errors=5))
    totals.whole.counts["errors.slow"] = 2
    assert totals.share("dropped_starts") == 0.015
    assert totals.share("errors") == 0.1
    assert totals.share("errors.slow") == 0.04
    assert totals.share("lost_events") is None, "there were no events to lose"
    assert totals.counted("lost_events") == 0
    assert totals.counted("eggs") is None
    assert judge(parse("dropped_starts>1%"), totals).failed
    assert not judge(parse("dropped_starts>2%"), totals).failed
    assert set(AMONG) | set(AMONG.values()) <= set(COUNTERS)


def test_a_saturated_driver_is_named_with_its_reason() -> None:
    well, busy = Loop(cpu_share=0.5), Loop(cpu_share=0.97, lag_max_seconds=0.2)
    starved = Loop(waited_share=0.6)
    late = Loop(lag_p99_seconds=0.2, lag_max_seconds=0.3)
    for loop, reason in (
        (busy, "used 97% of a core"), (starved, "waited for a core 60%"), (late, "300 ms late"),
    ):  # fmt: skip
        note = note_of(1, [well] * 5 + [loop] * 5, died=False)
        [warning] = warnings_of([note], {})
        assert "Driver 2 was saturated in 5 of 10 seconds" in warning
        assert reason in warning
    assert warnings_of([note_of(0, [well] * 20 + [busy], died=False)], {}) == []
    assert "died" in warnings_of([note_of(0, [], died=True)], {})[0]


def test_late_and_dropped_starts_are_warned_of() -> None:
    late, dropped = warnings_of([], {"late_starts": 3, "dropped_starts": 4, "starts": 9})
    assert late.startswith("3 starts were over 50 ms late")
    assert dropped.startswith("4 starts were dropped")


def test_of_a_run_with_a_window_the_times_count_that_began_within_it() -> None:
    now = time.perf_counter()
    measures = Measures(Window(now - 10, now - 5))
    for ago in (10.5, 9.0, 6.0, 4.0):  # before it, within, within, when people were leaving
        measures.time("reply", ago)
        measures.count("replies")
    found = measures.times["reply"]
    assert found.total_count == 2
    assert seconds_at(found, 100) == pytest.approx(9.0, rel=0.01)
    assert measures.counts["replies"] == 4


def test_the_bench_of_a_death_counts_what_is_missing_and_what_comes_twice() -> None:
    person = Person("token", 1)
    person.seq = 4
    for seq in (5, 6, 8, 8, 9):
        person._heard(None, b'{"type":"reply.delta","seq":%d}' % seq)  # type: ignore[arg-type]
    assert (person.events, person.missed, person.repeated) == (5, 1, 1)
