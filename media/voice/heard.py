"""What was heard: samples that have left, through the marks of spoken words, to code points.

A word counts once half of it has sounded; punctuation behind it comes with it, the blank before
the next word with that one. So a reply that is cut off always ends with a whole word.
"""

from bisect import bisect_right
from typing import Final

from msgspec import Struct

from media.speech.ports import SpokenWord

_OPENING: Final = frozenset("([{«“‘¿¡\"'")


class Mark(Struct, frozen=True):
    """Once `at_sample` of the epoch has left, so many code points of the utterance are heard."""

    at_sample: int
    code_points: int


class HeardMap:
    """The marks of one utterance, growing as it is synthesised. Samples count from its epoch."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []

    def add(self, text: str, start: int, at_sample: int, words: tuple[SpokenWord, ...]) -> None:
        """Words of a clause whose `text` is the utterance's from code point `start` on, and which
        begins to sound at `at_sample`."""
        for word in words:
            end = start + _with_punctuation(text, min(max(word.end, 0), len(text)))
            half = at_sample + word.at_sample + (word.samples + 1) // 2
            self._push(Mark(half, end))

    def close(self, text: str, start: int, at_sample: int) -> None:
        """A clause has sounded wholly at `at_sample`: it is heard, but for the blank behind it."""
        self._push(Mark(at_sample, start + len(text.rstrip())))

    def heard(self, samples: int) -> int:
        """Code points heard when `samples` have left."""
        at = bisect_right(self._marks, samples, key=lambda mark: mark.at_sample)
        return self._marks[at - 1].code_points if at else 0

    def _push(self, mark: Mark) -> None:
        """Marks never go back, whatever a synthesiser says of its words."""
        if self._marks:
            last = self._marks[-1]
            mark = Mark(
                max(mark.at_sample, last.at_sample), max(mark.code_points, last.code_points)
            )
        self._marks.append(mark)


def _with_punctuation(text: str, end: int) -> int:
    """`end` moved behind whatever closes the word: a comma, a quote, but no blank and no word."""
    while end < len(text) and not text[end].isspace() and not text[end].isalnum():
        if text[end] in _OPENING and end + 1 < len(text) and text[end + 1].isalnum():
            break
        end += 1
    return end
