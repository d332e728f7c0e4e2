"""What a person in crisis is answered: words with care, and who listens where they live.

The words and numbers are data (config/safety/help.toml); this answer is never charged.
"""

import tomllib
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from rooms.shapes import Link

HELP_FILE = Path(__file__).parents[2] / "config" / "safety" / "help.toml"


class Help(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file: replies and notices by language, lines by country."""

    reply: dict[str, str]
    notice: dict[str, str]
    lines: dict[str, list[Link]]


class Care(Struct, frozen=True):
    """One answer: what the companion says, the notice beside it, and the lines to call."""

    reply: str
    notice: str
    links: list[Link]


def care_for(country: str, language: str) -> Care:
    """The answer for a person of this country (ISO 3166) and language (BCP 47)."""
    shipped = shipped_help()
    tongue = language.split("-")[0].lower()
    lines = shipped.lines.get(country.upper(), [])
    return Care(
        reply=shipped.reply.get(tongue, shipped.reply["en"]),
        notice=shipped.notice.get(tongue, shipped.notice["en"]),
        links=[*lines, *shipped.lines["default"]],
    )


@cache
def shipped_help() -> Help:
    """The data in config/safety/help.toml."""
    return msgspec.convert(tomllib.loads(HELP_FILE.read_text("utf-8")), Help)
