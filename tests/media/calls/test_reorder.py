"""Packets in any order come out in one; a loss costs what it lost; the clock runs through."""

import random

from hypothesis import given
from hypothesis import strategies as st

from media.calls.reorder import LEAST_WAIT_US, MOST_WAIT_US, Reorder, Step

FRAME = b"\xf8\xff\xfe"  # 20 ms


def feed(reorder: Reorder, packets: list[tuple[int, int]], base: int = 0) -> list[Step]:
    """(number, arrival ms); stamps run with the numbers."""
    steps: list[Step] = []
    for number, at_ms in packets:
        steps += reorder.tick(at_ms * 1000)
        stamp = (base + number * 960) % (1 << 32)
        steps += reorder.add((base + number) % (1 << 16), stamp, FRAME, at_ms * 1000)
    return steps


def test_what_comes_in_order_goes_on_at_once() -> None:
    steps = feed(Reorder(), [(n, 20 * n) for n in range(5)])
    assert [(s.how, s.at_ticks) for s in steps] == [("packet", 960 * n) for n in range(5)]


def test_what_overtook_waits_for_what_it_overtook() -> None:
    steps = feed(Reorder(), [(0, 0), (2, 20), (1, 25), (3, 60)])
    assert [s.at_ticks // 960 for s in steps] == [0, 1, 2, 3]
    assert {s.how for s in steps} == {"packet"}


def test_one_lost_packet_is_repaired_from_the_next_and_costs_one_frame() -> None:
    steps = feed(Reorder(), [(0, 0), (2, 40), (3, 60), (4, 80), (5, 100)])
    assert [(s.how, s.at_ticks // 960) for s in steps[:4]] == [
        ("packet", 0), ("repair", 1), ("packet", 2), ("packet", 3),
    ]  # fmt: skip


def test_ten_lost_packets_cost_ten_frames() -> None:
    reorder = Reorder()
    steps = feed(reorder, [(0, 0), *[(n, 20 * n) for n in range(11, 40)]])
    assert [s.how for s in steps[:6]] == ["packet", *["conceal"] * 5]
    packets = [s.at_ticks // 960 for s in steps if s.how == "packet"]
    assert packets == [0, *range(11, 38), 38, 39][: len(packets)]
    assert len(packets) >= 28
    assert reorder.lost == 10


def test_a_pause_of_the_sender_is_a_jump_of_the_clock_and_no_loss() -> None:
    reorder = Reorder()
    steps = reorder.add(10, 0, FRAME, 0) + reorder.add(11, 48_000, FRAME, 1_000_000)
    assert [(s.how, s.at_ticks) for s in steps] == [("packet", 0), ("packet", 48_000)]
    assert reorder.lost == 0


def test_it_learns_to_wait_for_a_network_that_jitters() -> None:
    reorder, chance = Reorder(), random.Random(4)
    arrivals = sorted((20 * n + chance.uniform(0, 200), n) for n in range(1500))
    late_at = []
    for at_ms, number in arrivals:
        before = reorder.late
        feed(reorder, [(number, int(at_ms))])
        if reorder.late > before:
            late_at.append(number)
    assert LEAST_WAIT_US < reorder.wait_us <= MOST_WAIT_US
    assert sum(number >= 500 for number in late_at) <= 30  # 3 % of what came after it had learnt
    calm = Reorder()
    feed(calm, [(n, 20 * n) for n in range(100)])
    assert calm.wait_us == LEAST_WAIT_US


def test_numbers_and_stamps_wrap_around() -> None:
    steps = feed(Reorder(), [(n, 20 * n) for n in range(10)], base=(1 << 32) - 3)
    assert [s.at_ticks for s in steps] == [960 * n for n in range(10)]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 300)), max_size=80))
def test_whatever_comes_places_only_grow_and_nothing_is_kept_for_good(
    packets: list[tuple[int, int]],
) -> None:
    reorder = Reorder()
    packets = sorted(packets, key=lambda packet: packet[1])
    steps = feed(reorder, packets)
    steps += reorder.tick(10_000_000)
    places = [s.at_ticks for s in steps]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert reorder.wake_us() is None


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 2**32 - 1)), max_size=60))
def test_packets_of_nonsense_do_no_harm(packets: list[tuple[int, int]]) -> None:
    reorder = Reorder()
    for at, (sequence, stamp) in enumerate(packets):
        reorder.add(sequence, stamp, FRAME, at * 20_000)
    reorder.tick(10**9)
    assert reorder.wake_us() is None
