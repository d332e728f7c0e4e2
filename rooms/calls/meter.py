"""Counts what a call costs, millisecond by millisecond of connected time, within what is held.

Pure: exact integers, rounded up once when a price is asked for. It says how much must be held
next and how long what is held will last; it never goes beyond.
"""

from typing import Final

from msgspec import Struct

from config.plans import Plan, PriceBook
from rooms.shapes import CallKind, ReceiptLine

_EXACT: Final = 100_000  # milliseconds x percent


class CallPrice(Struct, frozen=True):
    """A second's listed price, and what the plan takes off it."""

    microcredits_per_second: int
    discount_percent: int = 0

    @property
    def free(self) -> bool:
        """The plan includes calls, or they cost nothing here."""
        return self.microcredits_per_second == 0 or self.discount_percent >= 100

    @property
    def microcredits_per_minute(self) -> int:
        """What people are told."""
        return self.of(60_000)

    def of(self, milliseconds: int) -> int:
        """What so much connected time costs."""
        assert milliseconds >= 0
        exact = milliseconds * self.microcredits_per_second * (100 - self.discount_percent)
        return 0 if self.free else -(-exact // _EXACT)

    def milliseconds_for(self, microcredits: int) -> int:
        """How much time so many credits pay for; of a free call only its limits end it."""
        assert not self.free
        exact = self.microcredits_per_second * (100 - self.discount_percent)
        return microcredits * _EXACT // exact

    def lines(self, milliseconds: int) -> tuple[ReceiptLine, ...]:
        """The one line of a receipt; a quantity is a second."""
        seconds = -(-milliseconds // 1000)
        listed = -(-milliseconds * self.microcredits_per_second // 1000)
        unit = self.microcredits_per_second * 1000
        line = ReceiptLine(
            what="seconds of the call",
            quantity=seconds,
            unit_microcredits_per_1k=unit,
            microcredits=listed,
        )
        return (line,)


def picture_lines(book: PriceBook, pictures: int) -> tuple[ReceiptLine, ...]:
    """A receipt's line for the pictures a companion was shown; none for none."""
    if not pictures or not book.calls_include_replies:
        return ()
    line = ReceiptLine(
        what="pictures of the camera",
        quantity=pictures,
        unit_microcredits_per_1k=book.camera_microcredits * 1000,
        microcredits=pictures * book.camera_microcredits,
    )
    return (line,)


def call_price(book: PriceBook, plan: Plan, kind: CallKind) -> CallPrice:
    """A plan's price of a kind of call: its own, or the book's less the plan's discount."""
    if plan.unmetered:
        return CallPrice(0)
    voice, video = book.voice_microcredits_per_second, book.video_microcredits_per_second
    return CallPrice(voice if kind == "voice" else video, plan.discount_percent)


class CallMeter:
    """One call's meter. `spent_microcredits` never exceeds `held_microcredits`."""

    __slots__ = ("beside_microcredits", "free_ms", "held_microcredits", "metered_ms", "price")

    def __init__(self, price: CallPrice, held_microcredits: int) -> None:
        self.price = price
        self.held_microcredits = held_microcredits
        self.metered_ms = 0
        self.free_ms = 0  # of those, what is not charged (care in a crisis)
        self.beside_microcredits = 0  # beside the time: pictures that were shown

    def count(self, milliseconds: int, *, charged: bool = True) -> int:
        """More connected time went by; how much of it was paid for, or is free.

        What lies beyond the hold is not counted: the call ends there.
        """
        assert milliseconds >= 0
        free = self.price.free or not charged
        counted = milliseconds if free else min(milliseconds, self.left_ms)
        self.metered_ms += counted
        if not charged:
            self.free_ms += counted
        return counted

    def add(self, microcredits: int) -> int:
        """Something beside the time, as far as the hold goes; what of it is charged."""
        added = min(microcredits, self.held_microcredits - self.spent_microcredits)
        self.beside_microcredits += added
        return added

    @property
    def spent_microcredits(self) -> int:
        """What the call has cost."""
        due = self.price.of(self.metered_ms - self.free_ms) + self.beside_microcredits
        return min(due, self.held_microcredits)

    @property
    def left_ms(self) -> int:
        """How long what is held still lasts."""
        if self.price.free:
            return 2**62
        paid_ms = self.price.milliseconds_for(self.held_microcredits - self.beside_microcredits)
        return max(0, paid_ms - (self.metered_ms - self.free_ms))

    def wanted(self, ahead_ms: int) -> int:
        """How much more must be held so that `ahead_ms` more can follow."""
        due = self.price.of(self.metered_ms - self.free_ms + ahead_ms)
        return max(0, due + self.beside_microcredits - self.held_microcredits)
