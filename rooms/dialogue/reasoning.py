"""Takes hidden reasoning out of a stream: what stands between <think> and </think> is never shown.

Pure; tags may be split across pieces in any way.
"""

_OPEN = "<think>"
_CLOSE = "</think>"


class ReasoningFilter:
    """Feed pieces in order; get what may be shown."""

    def __init__(self) -> None:
        self._inside = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """The part of the text so far that is surely not reasoning and was not given out yet."""
        text, shown = self._held + piece, ""
        self._held = ""
        while text:
            tag = _CLOSE if self._inside else _OPEN
            before, found, after = text.partition(tag)
            if found:
                shown += "" if self._inside else before
                self._inside = not self._inside
                text = after.lstrip() if tag == _CLOSE else after
                continue
            kept = _tail_that_may_begin(text, tag)
            shown += "" if self._inside else text[: len(text) - kept]
            self._held = text[len(text) - kept :]
            break
        return shown

    def finish(self) -> str:
        """What was held back because it looked like the beginning of a tag."""
        held, self._held = self._held, ""
        return "" if self._inside else held


def _tail_that_may_begin(text: str, tag: str) -> int:
    """How many last characters of `text` are a beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0
