"""How far the model server is, for the person who waits: read from the lines it writes.

It writes `progress requantise 40` and `progress load 0`; a person reads a sentence now and
then, with the time that is left.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

_LINE = re.compile(r"^progress (requantise|load) (\d+)\s*$", re.MULTILINE)
_LEAST_SECONDS = 2.0


class ModelProgress:
    """Looks at the log when asked, and tells at most every two seconds."""

    def __init__(
        self,
        log: Path,
        tell: Callable[[str], None],
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._tell = tell
        self._now_seconds = now_seconds
        self._offset = 0
        self._began = self._told_at = 0.0
        self._told = ""

    def begin(self) -> None:
        """A new process writes from here on."""
        self._offset = self._log.stat().st_size if self._log.exists() else 0
        self._began = self._told_at = self._now_seconds()
        self._told = ""

    def look(self) -> None:
        """Read what is new in the log and tell it, if there is something to tell."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                found = _LINE.findall(file.read(65_536).decode(errors="replace"))
        except OSError:
            return
        now = self._now_seconds()
        if not found or now - self._told_at < _LEAST_SECONDS:
            return
        text = sentence(found[-1][0], int(found[-1][1]), now - self._began)
        if text != self._told:
            self._tell(text)
        self._told, self._told_at = text, now


def sentence(what: str, percent: int, seconds: float) -> str:
    """One line of progress as a person reads it."""
    if what == "load":
        return "Loading the language model ..."
    text = f"Preparing the demonstration model, this once: {percent} %"
    if 0 < percent < 100:
        text += f", about {max(1, round(seconds * (100 - percent) / percent))} s left"
    return text
