"""What can be wrong with the settings, said so that it can be put right at once.

A problem names its place (file and line, variable or flag), the key, what is wrong and the
nearest right key. All problems of a start are reported together, not one per attempt.
"""

from collections.abc import Sequence

from msgspec import Struct

Key = tuple[str, ...]


class Origin(Struct, frozen=True):
    """Where a value came from: a file with its line, a variable, a flag, or the default."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.source} line {self.line}" if self.line else self.source


DEFAULT = Origin("default")


class Problem(Struct, frozen=True, kw_only=True):
    """One thing to put right."""

    origin: Origin
    key: Key
    message: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        return f"{self.origin}: {self.message}{hint}"


class SettingsError(Exception):
    """The settings cannot be used. `problems` lists everything found, in reading order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))
