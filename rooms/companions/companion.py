"""What a companion is: one document, from name to voice, that everything else is made from.

The shipped cast is read from config/cast/*.toml into it, people's own companions will be
written as it, and a document that does not hold together says which field of which file.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from media.avatar.appearance import Appearance, Hue, Origin, Unit
from rooms.companions.archetypes import Archetype, Personality, personality_table

ADULT_YEARS = 18
SCHEMA = 1

Rating = Literal["general", "teen", "mature", "explicit"]
Tier = Literal["free", "premium", "exclusive"]
Visibility = Literal["public", "unlisted", "private"]
Gender = Literal["woman", "man", "non-binary"]
Style = Literal["warm", "witty", "thoughtful", "direct", "playful", "calm"]

Slug = Annotated[str, Meta(pattern=r"\A[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")]
Short = Annotated[str, Meta(min_length=1, max_length=120)]
Text = Annotated[str, Meta(min_length=1, max_length=600)]
Long = Annotated[str, Meta(min_length=1, max_length=6000)]
Few = Annotated[list[Short], Meta(max_length=24)]
Language = Annotated[str, Meta(pattern=r"\A[a-z]{2,3}\Z")]


class CompanionInvalid(Exception):
    """A companion document that cannot be used; the message names the file and the field."""


class Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a companion's parts: immutable, unknown keys refused."""


class Voice(Document, frozen=True, kw_only=True):
    """How a companion sounds. pitch and rate are 0..1 around a speaker's middle at 0.5."""

    id: Slug
    pitch: Unit = 0.5
    rate: Unit = 0.5
    style: Short = "plain"
    locale: Annotated[str, Meta(pattern=r"\A[a-z]{2,3}-[A-Z]{2}\Z")] = "en-US"


class Example(Document, frozen=True, kw_only=True):
    """One exchange that shows how the companion talks."""

    person: Text
    companion: Text


class Companion(Document, frozen=True, kw_only=True):
    """The whole document. `secret`, `examples` and `demo_persona` are for the prompt only."""

    slug: Slug
    name: Short
    full_name: Short
    age: Annotated[int, Meta(ge=ADULT_YEARS, le=120)]
    gender: Gender
    pronouns: Short
    origin: Origin
    culture: Short
    background: Short
    archetype: Archetype
    personality: Personality
    conversation_style: Style
    speaking_style: Text
    tagline: Short
    greetings: Annotated[list[Text], Meta(min_length=1, max_length=6)]
    backstory: Long
    secret: Text
    opinion: Text
    interests: Few
    likes: Few
    dislikes: Few
    boundaries: Annotated[list[Text], Meta(min_length=1, max_length=12)]
    tags: Few
    languages: Annotated[list[Language], Meta(min_length=1, max_length=12)]
    rating: Rating
    tier: Tier
    hue: Hue
    voice: Voice
    appearance: Appearance
    examples: Annotated[list[Example], Meta(max_length=12)]
    demo_persona: Annotated[str, Meta(min_length=1, max_length=260)]
    visibility: Visibility = "public"

    @property
    def id(self) -> str:
        """Stable across restarts and nodes: the shipped cast is known by its slugs."""
        return companion_id(self.slug)


def companion_id(slug: str) -> str:
    """The id of the companion with this slug."""
    return f"c_{slug}"


def read_companion(path: Path) -> Companion:
    """Read one file of the cast. Raises CompanionInvalid, naming the file and the field."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CompanionInvalid(f"{path.name}: not readable as TOML: {error}") from error
    companion = companion_from_table(table, path.name)
    if companion.slug != path.stem:
        raise CompanionInvalid(
            f"{path.name}: $.slug is {companion.slug!r}, but the file is named {path.stem!r}"
        )
    return companion


def companion_from_table(table: dict[str, object], source: str) -> Companion:
    """Complete a table (archetype, origin and hue are said once) and check it."""
    try:
        return msgspec.convert(_completed(table), Companion)
    except msgspec.ValidationError as error:
        raise CompanionInvalid(f"{source}: {error}") from error


def read_cast(folder: Path) -> list[Companion]:
    """Every companion of a folder, by slug. Raises CompanionInvalid."""
    return [read_companion(path) for path in sorted(folder.glob("*.toml"))]


def _completed(table: dict[str, object]) -> dict[str, object]:
    """The table with what it says once told to every part that needs it."""
    whole = {
        key: value.strip() if isinstance(value, str) else value for key, value in table.items()
    }
    whole["personality"] = personality_table(whole.get("archetype"), whole.get("personality", {}))
    look = whole.get("appearance")
    if isinstance(look, dict) and "origin" in whole:
        whole["appearance"] = {"origin": whole["origin"], **look}
    return whole
