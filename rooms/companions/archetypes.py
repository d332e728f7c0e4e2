"""Ten ways of being company, as points in the space of a personality.

An archetype is a preset, not a cage: a companion's file names one and overrides what it likes.
"""

from typing import Literal

from msgspec import Struct

from media.avatar.appearance import Unit

Archetype = Literal[
    "caregiver", "confidant", "creator", "dreamer", "explorer", "guardian", "jester", "maverick",
    "mentor", "sage",
]  # fmt: skip


class Personality(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Big Five, and four traits a conversation shows at once; each 0..1."""

    openness: Unit
    conscientiousness: Unit
    extraversion: Unit
    agreeableness: Unit
    neuroticism: Unit
    humour: Unit
    empathy: Unit
    playfulness: Unit
    intelligence: Unit


TRAITS = Personality.__struct_fields__

# In the order of TRAITS:  open  cons  extra agree neuro humour empathy play intel
_POINTS: dict[str, tuple[float, ...]] = {
    "caregiver": (0.60, 0.66, 0.62, 0.90, 0.34, 0.56, 0.94, 0.52, 0.66),
    "confidant": (0.62, 0.70, 0.38, 0.84, 0.28, 0.50, 0.88, 0.36, 0.72),
    "creator": (0.92, 0.56, 0.52, 0.60, 0.44, 0.66, 0.64, 0.66, 0.78),
    "dreamer": (0.95, 0.42, 0.28, 0.72, 0.52, 0.52, 0.78, 0.60, 0.76),
    "explorer": (0.90, 0.50, 0.74, 0.64, 0.26, 0.68, 0.62, 0.72, 0.76),
    "guardian": (0.48, 0.88, 0.44, 0.70, 0.20, 0.52, 0.74, 0.34, 0.72),
    "jester": (0.76, 0.40, 0.88, 0.72, 0.28, 0.90, 0.66, 0.94, 0.66),
    "maverick": (0.92, 0.38, 0.78, 0.48, 0.36, 0.76, 0.58, 0.82, 0.76),
    "mentor": (0.70, 0.76, 0.58, 0.74, 0.22, 0.58, 0.80, 0.44, 0.84),
    "sage": (0.80, 0.66, 0.40, 0.62, 0.18, 0.64, 0.68, 0.42, 0.94),
}

ARCHETYPES: dict[str, Personality] = {
    name: Personality(**dict(zip(TRAITS, point, strict=True))) for name, point in _POINTS.items()
}


def personality_table(archetype: object, overrides: object) -> object:
    """An archetype's traits with a file's own on top, ready for validation."""
    if not isinstance(overrides, dict):
        return overrides
    if not isinstance(archetype, str) or archetype not in ARCHETYPES:
        return overrides
    preset = ARCHETYPES[archetype]
    return {trait: getattr(preset, trait) for trait in TRAITS} | overrides


def describe(personality: Personality) -> list[str]:
    """What stands out, in words that a person or a model understands."""
    words: dict[str, tuple[str, str]] = {
        "openness": ("keeps to what is known", "curious about everything"),
        "conscientiousness": ("easy about plans", "careful and reliable"),
        "extraversion": ("quiet", "outgoing"),
        "agreeableness": ("frank to a fault", "kind and obliging"),
        "neuroticism": ("hard to unsettle", "easily moved"),
        "humour": ("earnest", "funny"),
        "empathy": ("matter-of-fact", "quick to feel with others"),
        "playfulness": ("serious", "playful"),
        "intelligence": ("simple and plain", "sharp-minded"),
    }
    strong = sorted(TRAITS, key=lambda trait: -abs(getattr(personality, trait) - 0.5))
    picked = [trait for trait in strong if abs(getattr(personality, trait) - 0.5) >= 0.18][:5]
    return [words[trait][getattr(personality, trait) > 0.5] for trait in picked]
