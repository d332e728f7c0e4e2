"""A recommendation is never someone already met, always says why, and repeats itself exactly."""

from hypothesis import given
from hypothesis import strategies as st

from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast
from rooms.companions.recommend import Taste, recommend

SHIPPED = read_cast(CAST)
BY_SLUG = {companion.slug: companion for companion in SHIPPED}


def test_an_interest_leads_and_is_named() -> None:
    first = recommend(SHIPPED, Taste(interests=("badminton",)), {}, 1)[0]
    assert first.companion.slug == "wei"
    assert "You like badminton on television" in first.because


def test_whoever_is_like_someone_you_talk_with_comes_up_with_their_name() -> None:
    found = recommend(SHIPPED, Taste(met=(BY_SLUG["leila"],)), {}, 12)
    assert "leila" not in [suggested.companion.slug for suggested in found]
    assert any("You talk with Leïla" in reason for reason in found[0].because)


def test_popularity_counts_and_is_said() -> None:
    first = recommend(SHIPPED, Taste(), {"c_maren": 900, "c_mira": 10}, 1)[0]
    assert first.companion.slug == "maren"
    assert "Many people enjoy talking with them" in first.because


@given(
    st.lists(st.text(max_size=12), max_size=5),
    st.lists(st.sampled_from(SHIPPED), max_size=5, unique_by=lambda c: c.slug),
    st.integers(1, 12),
)
def test_nobody_met_no_reasonless_no_repeat(interests: list[str], met: list, limit: int) -> None:  # type: ignore[type-arg]
    taste = Taste(interests=tuple(interests), met=tuple(met))
    found = recommend(SHIPPED, taste, {}, limit)
    assert found == recommend(reversed(SHIPPED), taste, {}, limit)
    ids = [suggested.companion.id for suggested in found]
    assert len(ids) == len(set(ids)) <= limit
    assert not set(ids) & {companion.id for companion in met}
    assert all(suggested.because for suggested in found)
