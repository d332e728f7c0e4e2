"""Ratings follow verified age, tiers follow the plan, and a minor never gets beyond general."""

from hypothesis import given
from hypothesis import strategies as st

from config.plans import Plan
from rooms.companions.access import Assurance, plans_that_open, ratings_open, tiers_open

PLANS = {
    "free": Plan(price_cents=0),
    "premium": Plan(price_cents=999),
    "vip": Plan(price_cents=2999),
}
LEVELS: tuple[Assurance, ...] = ("declared", "contact", "document", "bank")


def test_a_declared_age_opens_general_content_only() -> None:
    assert ratings_open("declared", minor=False) == ("general",)
    assert ratings_open("contact", minor=False) == ("general", "teen")
    assert ratings_open("document", minor=False) == ("general", "teen", "mature")


def test_explicit_needs_a_document_and_the_operators_leave() -> None:
    assert "explicit" in ratings_open("document", minor=False, explicit_allowed=True)
    assert "explicit" not in ratings_open("contact", minor=False, explicit_allowed=True)


@given(st.sampled_from(LEVELS), st.booleans())
def test_a_minor_never_gets_beyond_general(level: Assurance, allowed: bool) -> None:
    assert ratings_open(level, minor=True, explicit_allowed=allowed) == ("general",)


def test_a_person_can_narrow_but_not_widen() -> None:
    assert ratings_open("document", minor=False, wanted="teen") == ("general", "teen")
    assert ratings_open("declared", minor=False, wanted="mature") == ("general",)


def test_tiers_open_with_the_plan_and_say_what_would_open_them() -> None:
    assert tiers_open(PLANS, "free") == {"free"}
    assert tiers_open(PLANS, "premium") == {"free", "premium"}
    assert tiers_open(PLANS, "vip") == {"free", "premium", "exclusive"}
    assert tiers_open(PLANS, "unheard of") == {"free"}
    assert plans_that_open(PLANS, "premium") == ["premium", "vip"]
    assert plans_that_open(PLANS, "exclusive") == ["vip"]
