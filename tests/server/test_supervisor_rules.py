"""When a dead child is started again: rules without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from server.supervisor.restarts import Again, Deaths, GiveUp, RestartPolicy, how_it_ended, tell

POLICY = RestartPolicy(
    first_seconds=0.5, factor=2.0, most_seconds=3.0, deaths=5, window_seconds=60.0
)


def test_each_death_in_a_row_waits_longer_up_to_a_bound() -> None:
    deaths, waits = Deaths(), []
    for now in range(4):
        deaths, what = deaths.add(float(now), POLICY)
        assert isinstance(what, Again)
        waits.append(what.after_seconds)
    assert waits == [0.5, 1.0, 2.0, 3.0]


def test_too_many_deaths_within_the_window_end_it() -> None:
    deaths = Deaths((1.0, 2.0, 3.0, 4.0))
    _, what = deaths.add(5.0, POLICY)
    assert what == GiveUp(5)


def test_deaths_of_long_ago_are_forgotten() -> None:
    deaths, what = Deaths((1.0, 2.0, 3.0, 4.0)).add(100.0, POLICY)
    assert what == Again(0.5)
    assert deaths.at_seconds == (100.0,)


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=40).map(sorted))
def test_waiting_is_bounded_and_memory_too(moments: list[float]) -> None:
    deaths = Deaths()
    for now in moments:
        deaths, what = deaths.add(now, POLICY)
        match what:
            case Again(after_seconds=wait):
                assert 0 < wait <= POLICY.most_seconds
                assert len(deaths.at_seconds) < POLICY.deaths
            case GiveUp():
                return


def test_the_sentence_says_what_happens_next() -> None:
    assert tell("The bus", how_it_ended(-9), Again(0.1)) == (
        "The bus was ended by SIGKILL; starting it again."
    )
    assert "giving up" in tell("The bus", how_it_ended(1), GiveUp(5))
