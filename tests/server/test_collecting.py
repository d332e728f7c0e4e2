"""When a process of many sessions looks for cycles: the young every second, all of it on growth."""

import gc

from server.collecting import LEAST_GROWN, LONGEST_SECONDS, Collecting, Growth, next_look


def test_a_process_that_stays_as_large_is_never_looked_at_whole() -> None:
    growth = Growth()
    growth.looked(1_000_000)
    assert not any(growth.came(net) for net in [400_000] + 3_600 * [20])


def test_what_has_grown_by_half_is_looked_at_and_then_counts_as_kept() -> None:
    growth = Growth()
    growth.looked(1_000_000)
    assert not growth.came(500_000)
    assert growth.came(1)
    growth.looked(1_500_000)
    assert not growth.came(700_000)


def test_a_small_process_is_not_looked_at_for_every_hundred_more() -> None:
    growth = Growth()
    assert not growth.came(LEAST_GROWN)
    assert growth.came(1)


def test_a_look_is_taken_as_often_as_keeps_it_short() -> None:
    assert next_look(1, 0.0) == LONGEST_SECONDS
    assert next_look(10, 0.010) == 5
    assert next_look(5, 0.005) == 5
    assert next_look(1, 0.5) == 1


class Knot:
    def __init__(self) -> None:
        self.itself = self


def test_cycles_go_though_nothing_looks_by_itself_and_it_ends_as_it_began() -> None:
    collecting = Collecting()
    try:
        assert not gc.isenabled()
        for _ in range(1_000):
            Knot()
        collecting.young()
        assert not any(type(one) is Knot for one in gc.get_objects())
    finally:
        collecting.close()
    assert gc.isenabled()
