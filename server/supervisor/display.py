"""What the terminal shows while things start: a line per thing done, a spinner for the present.

Where the output is not a terminal (a log, a pipe) the same sentences come as plain lines.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status


class Display:
    """The terminal, as the supervisor uses it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line that asks for attention."""
        self._console.print(text, style="yellow", markup=False)

    @contextmanager
    def during(self, text: str, done: str = "") -> Iterator[None]:
        """Show `text` while the block runs, and `done` with the time it took afterwards."""
        began = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(text):
                yield
        else:
            self.say(text)
            yield
        if done:
            self.say(f"{done} ({time.monotonic() - began:.1f} s)")

    def announce(self, url: str, notes: list[str]) -> None:
        """The line everybody waits for."""
        self._console.print("\nKindred is ready: ", style="bold", end="")
        self._console.print(url, style="bold underline")
        for note in notes:
            self._console.print(f"  {note}", style="dim", markup=False)
        self._console.print("  Ctrl-C stops it.", style="dim")


def print_failure(text: str) -> None:
    """Why nothing runs, on standard error, without a traceback."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"Kindred cannot start. {text}", style="red", markup=False
    )
    sys.stderr.flush()
