"""The rule screen: patterns for minors, self-harm and serious harm, with contexts that clear them.

The rules are data (config/safety/rules.toml). Screening is pure and takes tens of microseconds,
because it runs on every message and on a reply's last words while they stream.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from rooms.ports import Verdict

RULES_FILE = Path(__file__).parents[2] / "config" / "safety" / "rules.toml"
_CLEARING_CHARACTERS = 60  # how far from a match a clearing context may stand
_ALLOWED = Verdict(action="allow")


class Category(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One category as written in the rules file."""

    name: str
    action: Literal["block", "crisis"]
    severity: Literal["low", "medium", "high", "critical"]
    any: list[str] = []
    both: list[str] = []
    near_characters: int = 120
    unless: list[str] = []
    stems: list[str] = []
    only_minors: bool = False
    only_replies: bool = False


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    category: list[Category]


class RuleScreen:
    """Screens text by the rules; see rooms/ports.py `Screen`."""

    def __init__(self, rules: Rules) -> None:
        self._categories = [
            (
                category,
                [re.compile(p, re.IGNORECASE) for p in category.any],
                [re.compile(p, re.IGNORECASE) for p in category.both],
                [re.compile(p, re.IGNORECASE) for p in category.unless],
            )
            for category in rules.category
        ]

    def screen(self, text: str, *, minor: bool, from_person: bool) -> Verdict:
        """Judge `text`: the gravest category that matches outside a clearing context."""
        folded = _folded(text.replace("\u2019", "'"))
        lowered = folded.lower()
        for category, anyone, both, unless in self._categories:
            if (category.only_minors and not minor) or (category.only_replies and from_person):
                continue
            if category.stems and not _has_any(lowered, category.stems):
                continue
            if category.name == "self_harm" and not from_person:
                continue  # a companion may speak of it with care; it is the person we look after
            spans = _alone(anyone, folded) if anyone else _together(both, folded, category)
            if any(not _cleared(span, unless, folded) for span in spans):
                return Verdict(category.action, category.name, category.severity)
        return _ALLOWED


def _folded(text: str) -> str:
    """Each run of blanks as one. Splitting takes a quarter of what replacing them does."""
    folded = " ".join(text.split())
    before = " " if text[:1].isspace() else ""
    return f"{before}{folded} " if text[-1:].isspace() and folded else f"{before}{folded}"


def _alone(patterns: list[re.Pattern[str]], text: str) -> list[tuple[int, int]]:
    return [match.span() for pattern in patterns for match in pattern.finditer(text)]


def _has_any(text: str, stems: list[str]) -> bool:
    # By `map` and not by a generator, which takes longer than all the looking.
    return any(map(text.__contains__, stems))


def _together(
    patterns: list[re.Pattern[str]], text: str, category: Category
) -> list[tuple[int, int]]:
    firsts = [m.span() for m in patterns[0].finditer(text)]
    seconds = [m.span() for m in patterns[1].finditer(text)] if firsts else []
    return [
        (min(a[0], b[0]), max(a[1], b[1]))
        for a in firsts
        for b in seconds
        if max(a[0], b[0]) - min(a[1], b[1]) <= category.near_characters
    ]


def _cleared(span: tuple[int, int], unless: list[re.Pattern[str]], text: str) -> bool:
    start = max(0, span[0] - _CLEARING_CHARACTERS)
    around = text[start : span[1] + _CLEARING_CHARACTERS]
    return any(pattern.search(around) for pattern in unless)


@cache
def shipped_rules() -> Rules:
    """The rules in config/safety/rules.toml."""
    return msgspec.convert(tomllib.loads(RULES_FILE.read_text("utf-8")), Rules)
