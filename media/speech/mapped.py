"""Text that is rewritten and still knows where each of its characters came from.

What is said differs from what is written: "Dr. K. *smiles* 3:30" has no spoken character at the
place it was read from. What was heard is told in code points of the original all the same.
"""

import re
from collections.abc import Callable
from typing import Self


class Mapped:
    """`text`, and for each of its characters the span of the original that it stands for."""

    __slots__ = ("origin", "text")

    def __init__(self, text: str, origin: list[tuple[int, int]] | None = None) -> None:
        self.text = text
        self.origin = [(at, at + 1) for at in range(len(text))] if origin is None else origin
        assert len(self.origin) == len(text)

    def sub(
        self, pattern: re.Pattern[str], to: str | Callable[[re.Match[str]], str | None]
    ) -> Self:
        """Rewrite every match; a function that gives None leaves it as it is.

        A replacement stands for the whole match, unless it is a stretch of the match itself
        (brackets stripped, say): then its characters keep their own places.
        """
        text: list[str] = []
        origin: list[tuple[int, int]] = []
        done = 0
        for match in pattern.finditer(self.text):
            told = match.expand(to) if isinstance(to, str) else to(match)
            if told is None or told == match[0]:
                continue
            text += self.text[done : match.start()], told
            origin += self.origin[done : match.start()]
            origin += self._places(match, told)
            done = match.end()
        if not done:
            return self
        text.append(self.text[done:])
        origin += self.origin[done:]
        return type(self)("".join(text), origin)

    def _places(self, match: re.Match[str], told: str) -> list[tuple[int, int]]:
        within = match[0].find(told) if told else -1
        if within >= 0:
            begin = match.start() + within
            return self.origin[begin : begin + len(told)]
        whole = self.span(match.start(), match.end())
        return [whole] * len(told)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's code points that characters [start, end) stand for."""
        places = self.origin[start:end]
        assert places
        return min(first for first, _ in places), max(last for _, last in places)
