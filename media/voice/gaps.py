"""Which of a person's sound never came, or was made up: nothing can be concluded from it.

Pure. Spans are told before any judgement of them, in their order.
"""

from typing import Final

from media.voice.orders import Lost

MOST_SPANS: Final = 64


class Gaps:
    """The spans of late, on the ear's clock."""

    def __init__(self) -> None:
        self._spans: list[Lost] = []

    def add(self, span: Lost) -> None:
        """Nothing is known of this one."""
        self._spans.append(span)
        del self._spans[:-MOST_SPANS]

    def within(self, begin: int, end: int) -> int:
        """How many samples between these two tell nothing; what lies before is forgotten."""
        if not self._spans:
            return 0
        self._spans = [span for span in self._spans if span.until_sample > begin]
        return sum(
            max(min(span.until_sample, end) - max(span.from_sample, begin), 0)
            for span in self._spans
        )
