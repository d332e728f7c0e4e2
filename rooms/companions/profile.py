"""What everyone may read about a companion: the document without what only the prompt may know."""

from msgspec import Struct

from media.avatar.appearance import Hue, Origin, content_hash
from media.avatar.still import DRAWING_VERSION
from rooms.companions.archetypes import Archetype, Personality, describe
from rooms.companions.companion import (
    Companion,
    Gender,
    Rating,
    Style,
    Tier,
    Visibility,
    Voice,
)
from rooms.shapes import CompanionCard


class Profile(Struct, frozen=True, kw_only=True):
    """A companion in full, as people see them. `locked` says your plan does not open this tier."""

    id: str
    slug: str
    name: str
    full_name: str
    age: int
    gender: Gender
    pronouns: str
    origin: Origin
    culture: str
    background: str
    tagline: str
    archetype: Archetype
    conversation_style: Style
    temperament: list[str]
    greetings: list[str]
    backstory: str
    opinion: str
    interests: list[str]
    likes: list[str]
    dislikes: list[str]
    boundaries: list[str]
    tags: list[str]
    languages: list[str]
    rating: Rating
    tier: Tier
    visibility: Visibility
    hue: Hue
    voice: Voice
    portrait: str
    portrait_svg: str
    is_ai: bool
    locked: bool


class PersonalityView(Struct, frozen=True, kw_only=True):
    """Traits as numbers and in words."""

    companion: str
    archetype: Archetype
    traits: Personality
    in_words: list[str]


_SHARED = tuple(
    field for field in Profile.__struct_fields__ if field in {*Companion.__struct_fields__, "id"}
)


def profile_of(companion: Companion, *, locked: bool) -> Profile:
    """The public side of a companion."""
    return Profile(
        **{field: getattr(companion, field) for field in _SHARED},
        temperament=describe(companion.personality),
        portrait=portrait_path(companion),
        portrait_svg=portrait_path(companion, "svg"),
        is_ai=True,
        locked=locked,
    )


def personality_of(companion: Companion) -> PersonalityView:
    """A companion's traits, for whoever wants to see how they are made."""
    return PersonalityView(
        companion=companion.id,
        archetype=companion.archetype,
        traits=companion.personality,
        in_words=describe(companion.personality),
    )


def card_of(companion: Companion) -> CompanionCard:
    """A companion as lists show it."""
    c = companion
    return CompanionCard(
        id=c.id,
        slug=c.slug,
        name=c.name,
        tagline=c.tagline,
        age=c.age,
        gender=c.gender,
        tier=c.tier,
        rating=c.rating,
        hue=c.hue,
        portrait=portrait_path(c),
        tags=c.tags,
        languages=c.languages,
    )


def portrait_path(companion: Companion, kind: str = "png") -> str:
    """Where the portrait is. The version in it changes with the picture, so it may be kept."""
    version = portrait_version(companion)
    return f"/api/v1/companions/{companion.id}/portrait.{kind}?v={version}"


def portrait_version(companion: Companion) -> str:
    """Changes exactly when the portrait does."""
    return content_hash(companion.appearance, DRAWING_VERSION)[:12]
