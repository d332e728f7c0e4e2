"""Counts what a reply has cost so far, in memory, token by token.

It refuses before it would go beyond the hold, so that nothing unpaid is ever shown. Counting
is exact: fractions of a microcredit are carried, not rounded, until the price is asked for.
"""

from config.plans import Plan, PriceBook
from rooms.credits.prices import is_unmetered, milli_microcredits, price


class OutOfHold(Exception):
    """The next words would cost more than is held."""


class Meter:
    """One reply's meter. `spent_microcredits` is what has been charged, minimum included."""

    __slots__ = (
        "_exact",
        "_least",
        "_limit",
        "_per_token",
        "_unmetered",
        "output_tokens",
        "spent_microcredits",
    )

    def __init__(self, book: PriceBook, plan: Plan, input_tokens: int, limit: int) -> None:
        """`limit`: the microcredits held. The prompt is charged with the first words."""
        self.output_tokens = 0
        self.spent_microcredits = 0
        self._limit = limit
        self._unmetered = is_unmetered(plan, book)
        self._per_token = milli_microcredits(book, plan, 0, 1)
        self._exact = milli_microcredits(book, plan, input_tokens, 0)
        self._least = price(book, plan, input_tokens, 0).microcredits if not self._unmetered else 0

    def charge(self, tokens: int) -> None:
        """Charge for `tokens` more of a reply. Raises OutOfHold, and then nothing was charged."""
        exact = self._exact + tokens * self._per_token
        spent = -(-exact // 100_000)
        if spent < self._least:
            spent = self._least
        if spent > self._limit and not self._unmetered:
            raise OutOfHold
        self._exact = exact
        self.output_tokens += tokens
        self.spent_microcredits = 0 if self._unmetered else spent
