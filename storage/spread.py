"""How long things took, in few numbers: a histogram that costs an eighth of a microsecond.

The lower rooms keep their own instead of a metrics library's: no lock, no label lookup, no import.
server/observability/ tells them to whoever asks.
"""

from bisect import bisect_left

WORDS_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
FIRST_WORD_SECONDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
ANSWER_SECONDS = (0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.1, 1.4, 1.8, 2.5, 4.0, 8.0)
TURN_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 180.0)
PICTURE_RATES = (15, 24, 30, 36, 45, 60, 72, 80, 90, 120)  # pictures a second, of headsets
CALL_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Spread:
    """`see` what was measured; read `counts`, one per bound and one for what lies above."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def see(self, value: float) -> None:
        """One measurement."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)
