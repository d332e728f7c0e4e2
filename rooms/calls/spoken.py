"""What is said aloud in a call besides replies: that it is an AI, that it is recorded, goodbye.

The words are data (config/safety/spoken.toml), in the person's language where there are any.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

SPOKEN_FILE = Path(__file__).parents[2] / "config" / "safety" / "spoken.toml"
Saying = Literal[
    "greeting",
    "again",
    "out_of_credits",
    "time_used_up",
    "failed",
    "server_restarting",
    "recording",
    "not_recording",
]


def spoken(saying: Saying, language: str, name: str) -> str:
    """The words for a saying, in this language (BCP 47) or else in English."""
    words = shipped_words()[saying]
    tongue = language.split("-")[0].lower()
    return words.get(tongue, words["en"]).format(name=name)


@cache
def shipped_words() -> dict[Saying, dict[str, str]]:
    """The data in config/safety/spoken.toml."""
    return msgspec.convert(
        tomllib.loads(SPOKEN_FILE.read_text("utf-8")), dict[Saying, dict[str, str]]
    )
