"""Takes hidden reasoning out of a stream: what stands between <think> and </think> is never shown.

Pure; tags may be split across pieces in any way.
"""

_OPEN = "<think>"
_CLOSE = "</think>"


class ReasoningFilter:
    """Feed pieces in order; get what may be shown."""

    __slots__ = ("_held", "_inside", "_skips_blanks")

    def __init__(self) -> None:
        self._inside = False
        self._skips_blanks = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """The part of the text so far that is surely not reasoning and was not given out yet."""
        if "<" not in piece and not self._held and not self._inside and not self._skips_blanks:
            return piece
        text, shown = self._held + piece, ""
        self._held = ""
        while text:
            tag = _CLOSE if self._inside else _OPEN
            before, found, text = text.partition(tag)
            if not found:
                kept = _tail_that_may_begin(before, tag)
                self._held = before[len(before) - kept :]
                before = before[: len(before) - kept]
            shown += self._shown(before)
            if found:
                self._skips_blanks = self._inside
                self._inside = not self._inside
        return shown

    def finish(self) -> str:
        """What was held back because it looked like the beginning of a tag."""
        held, self._held = self._held, ""
        return "" if self._inside else held

    def _shown(self, text: str) -> str:
        """`text` unless it is reasoning; the blanks that follow reasoning belong to it."""
        if self._inside:
            return ""
        if self._skips_blanks:
            text = text.lstrip()
            self._skips_blanks = not text
        return text


def _tail_that_may_begin(text: str, tag: str) -> int:
    """How many last characters of `text` are a beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0
