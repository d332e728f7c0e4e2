"""What a reply costs, by hand-reckoned examples and for any prices."""

from hypothesis import given
from hypothesis import strategies as st

from config.plans import Plan, PriceBook
from rooms.credits.prices import is_unmetered, least_case, milli_microcredits, price, worst_case

BOOK = PriceBook()  # 100 microcredits a token either way, 10,000 at least
books = st.builds(
    PriceBook,
    input_microcredits_per_1k=st.integers(0, 10**7),
    output_microcredits_per_1k=st.integers(0, 10**7),
    minimum_microcredits=st.integers(0, 10**6),
)
plans = st.builds(Plan, discount_percent=st.integers(0, 100))
counts = st.integers(0, 200_000)


def test_a_reply_costs_its_tokens() -> None:
    reckoned = price(BOOK, Plan(), 600, 400)
    assert reckoned.microcredits == 100_000
    assert [(line.what, line.quantity, line.microcredits) for line in reckoned.lines] == [
        ("input tokens", 600, 60_000),
        ("output tokens", 400, 40_000),
    ]
    assert not reckoned.minimum_applied


def test_a_short_reply_costs_the_minimum_and_says_so() -> None:
    reckoned = price(BOOK, Plan(), 20, 30)
    assert reckoned.microcredits == 10_000
    assert reckoned.minimum_applied


def test_the_discount_comes_off_before_the_minimum() -> None:
    assert price(BOOK, Plan(discount_percent=20), 600, 400).microcredits == 80_000
    assert price(BOOK, Plan(discount_percent=99), 600, 400).microcredits == 10_000


def test_fractions_round_up_once_at_the_end() -> None:
    book = PriceBook(
        input_microcredits_per_1k=1, output_microcredits_per_1k=1, minimum_microcredits=0
    )
    assert price(book, Plan(), 1, 1).microcredits == 1  # 0.002, not 1 for each line
    assert price(book, Plan(), 1000, 1).microcredits == 2


def test_a_plan_that_includes_its_words_costs_nothing_and_has_no_minimum() -> None:
    assert is_unmetered(Plan(discount_percent=100), BOOK)
    assert price(BOOK, Plan(discount_percent=100), 5_000, 5_000).microcredits == 0
    free = PriceBook(input_microcredits_per_1k=0, output_microcredits_per_1k=0)
    assert is_unmetered(Plan(), free)
    assert price(free, Plan(), 5_000, 5_000).microcredits == 0


@given(books, plans, counts, counts)
def test_the_least_hold_covers_the_prompt_and_never_passes_the_worst_case(
    book: PriceBook, plan: Plan, read: int, written: int
) -> None:
    least, worst = least_case(book, plan, read, written), worst_case(book, plan, read, written)
    assert price(book, plan, read, 0).microcredits <= least <= worst


@given(books, plans, counts, counts, st.integers(0, 500))
def test_more_words_never_cost_less(
    book: PriceBook, plan: Plan, read: int, written: int, more: int
) -> None:
    one, other = price(book, plan, read, written), price(book, plan, read, written + more)
    assert one.microcredits <= other.microcredits


@given(books, plans, counts, counts)
def test_a_price_is_the_exact_sum_rounded_up_or_the_minimum(
    book: PriceBook, plan: Plan, read: int, written: int
) -> None:
    exact = milli_microcredits(book, plan, read, written)
    cost = price(book, plan, read, written).microcredits
    if is_unmetered(plan, book):
        assert cost == 0
    elif cost != book.minimum_microcredits:
        assert 0 <= cost * 100_000 - exact < 100_000
