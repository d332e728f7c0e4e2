"""What a reply costs: pure arithmetic over a price book and a plan, in whole microcredits.

A thousand tokens have a price; the plan's discount comes off the sum, the minimum is applied
last, and nothing delivered costs nothing. Fractions round up once, at the end.
"""

from msgspec import Struct

from config.plans import Plan, PriceBook
from rooms.shapes import ReceiptLine


class Price(Struct, frozen=True):
    """A price and how it came about."""

    microcredits: int
    lines: tuple[ReceiptLine, ...]
    minimum_applied: bool


def is_unmetered(plan: Plan, book: PriceBook) -> bool:
    """Whether words cost nothing here: the plan includes them, or the book prices them at 0."""
    per_token = book.input_microcredits_per_1k + book.output_microcredits_per_1k
    return plan.discount_percent >= 100 or per_token == 0


def price(book: PriceBook, plan: Plan, input_tokens: int, output_tokens: int) -> Price:
    """The price of a delivered reply."""
    assert input_tokens >= 0
    assert output_tokens >= 0
    thousandths = milli_microcredits(book, plan, input_tokens, output_tokens)
    exact = -(-thousandths // 100_000)
    minimum = 0 if is_unmetered(plan, book) else book.minimum_microcredits
    return Price(
        microcredits=max(exact, minimum),
        lines=(
            _line("input tokens", input_tokens, book.input_microcredits_per_1k),
            _line("output tokens", output_tokens, book.output_microcredits_per_1k),
        ),
        minimum_applied=exact < minimum,
    )


def milli_microcredits(book: PriceBook, plan: Plan, input_tokens: int, output_tokens: int) -> int:
    """The discounted price times 100,000: exact, before any rounding."""
    listed = (
        input_tokens * book.input_microcredits_per_1k
        + output_tokens * book.output_microcredits_per_1k
    )
    return listed * (100 - plan.discount_percent)


def worst_case(book: PriceBook, plan: Plan, input_tokens: int, max_output_tokens: int) -> int:
    """What a reply can cost at most: what is held before a word is shown."""
    return price(book, plan, input_tokens, max_output_tokens).microcredits


LEAST_TOKENS = 64  # a hold that covers the prompt and this much is worth starting


def least_case(book: PriceBook, plan: Plan, input_tokens: int, max_output_tokens: int) -> int:
    """The smallest hold worth beginning with when the wallet does not cover the worst case."""
    return price(book, plan, input_tokens, min(LEAST_TOKENS, max_output_tokens)).microcredits


def _line(what: str, tokens: int, per_1k: int) -> ReceiptLine:
    return ReceiptLine(
        what=what,
        quantity=tokens,
        unit_microcredits_per_1k=per_1k,
        microcredits=-(-tokens * per_1k // 1000),
    )
