"""The meter's promises: never beyond the hold, never off the price, nothing charged on refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.plans import Plan, PriceBook
from rooms.credits.meter import Meter, OutOfHold
from rooms.credits.prices import is_unmetered, price, worst_case
from tests.rooms.credits.test_prices import books, counts, plans

BOOK = PriceBook()
chunks = st.lists(st.integers(1, 40), max_size=60)


def test_the_first_words_cost_the_minimum() -> None:
    meter = Meter(BOOK, Plan(), 20, 50_000)
    assert meter.spent_microcredits == 0
    meter.charge(1)
    assert meter.spent_microcredits == 10_000


def test_the_prompt_is_charged_with_the_first_words() -> None:
    meter = Meter(BOOK, Plan(), 1_000, 200_000)
    meter.charge(1)
    assert meter.spent_microcredits == 100_100


def test_a_refused_charge_charges_nothing() -> None:
    meter = Meter(BOOK, Plan(), 100, 10_500)
    meter.charge(5)
    with pytest.raises(OutOfHold):
        meter.charge(1)
    assert (meter.spent_microcredits, meter.output_tokens) == (10_500, 5)


def test_a_hold_below_the_minimum_shows_no_word() -> None:
    meter = Meter(BOOK, Plan(), 20, 9_999)
    with pytest.raises(OutOfHold):
        meter.charge(1)
    assert meter.spent_microcredits == 0


@given(books, plans, counts, chunks, st.integers(0, 10**9))
def test_the_meter_never_goes_beyond_its_hold(
    book: PriceBook, plan: Plan, read: int, said: list[int], limit: int
) -> None:
    meter = Meter(book, plan, read, limit)
    for tokens in said:
        before = (meter.spent_microcredits, meter.output_tokens)
        try:
            meter.charge(tokens)
        except OutOfHold:
            assert (meter.spent_microcredits, meter.output_tokens) == before
            assert price(book, plan, read, before[1] + tokens).microcredits > limit
        assert meter.spent_microcredits <= limit


@given(books, plans, counts, chunks)
def test_the_meter_never_drifts_from_the_exact_price(
    book: PriceBook, plan: Plan, read: int, said: list[int]
) -> None:
    meter = Meter(book, plan, read, worst_case(book, plan, read, sum(said)))
    for tokens in said:
        meter.charge(tokens)
        assert meter.spent_microcredits == price(book, plan, read, meter.output_tokens).microcredits
    assert meter.output_tokens == sum(said)


@given(books, plans, counts, chunks)
def test_unmetered_words_cost_nothing_and_never_stop(
    book: PriceBook, plan: Plan, read: int, said: list[int]
) -> None:
    if not is_unmetered(plan, book):
        plan = Plan(discount_percent=100)
    meter = Meter(book, plan, read, 0)
    for tokens in said:
        meter.charge(tokens)
    assert meter.spent_microcredits == 0
