"""A frame is aimed as far ahead as frames have lately taken, and never out of order."""

from hypothesis import given
from hypothesis import strategies as st

from media.avatar.rendering.lead import LEAST_US, MOST_US, Lead


def test_a_slow_frame_aims_the_next_ones_further_ahead_and_is_forgotten() -> None:
    lead = Lead()
    lead.passed(0)
    lead.took(9_000)
    assert lead.us == LEAST_US
    lead.took(80_000)
    assert lead.us == 85_000
    lead.passed(2_000_000)
    assert LEAST_US < lead.us < 50_000
    lead.passed(20_000_000)
    assert lead.us < LEAST_US + 100
    lead.took(9_000_000)
    assert lead.us == MOST_US


@given(st.lists(st.tuples(st.integers(1_000, 60_000), st.integers(0, 400_000)), max_size=60))
def test_frames_stay_in_order(steps: list[tuple[int, int]]) -> None:
    lead, now, last = Lead(), 0, -1
    for wait_us, took_us in steps:
        now += wait_us
        lead.passed(now)
        assert now + lead.us > last
        last = now + lead.us
        lead.took(took_us)
