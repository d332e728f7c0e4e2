"""What the doctor finds, as plain data: parts, their surroundings, and the whole report.

The same shapes are printed for people and, with --json, for programs.
"""

from typing import Literal

from msgspec import Struct

Condition = Literal["fine", "idle", "waiting", "wrong"]


class Part(Struct, frozen=True, kw_only=True):
    """One part in use."""

    name: str
    what: str
    version: str
    licence: str
    origin: str
    state: str
    condition: Condition
    replace: str


class Surrounding(Struct, frozen=True, kw_only=True):
    """One thing around it that can go wrong."""

    name: str
    value: str
    condition: Condition
    advice: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """All of it."""

    kindred: str
    running: bool
    url: str
    parts: list[Part]
    surroundings: list[Surrounding]

    @property
    def wrong(self) -> bool:
        """Whether anything needs attention."""
        conditions = [part.condition for part in self.parts]
        conditions += [item.condition for item in self.surroundings]
        return "wrong" in conditions
