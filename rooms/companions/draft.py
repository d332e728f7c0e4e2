"""What somebody writes who makes a companion, and the whole document it becomes. Pure.

A person says who it is, how it looks and how it talks; everything else a document needs is
filled in so that an evening's work is enough.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from media.avatar.appearance import Appearance, Hue, Origin, Unit
from media.speech.voices import VOICES
from rooms.commands import NO_NUL
from rooms.companions.archetypes import ARCHETYPES, Archetype
from rooms.companions.companion import (
    ADULT_YEARS,
    Companion,
    CompanionInvalid,
    Gender,
    Language,
    Style,
    Visibility,
    companion_from_table,
)

Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=NO_NUL)]
Line = Annotated[str, Meta(max_length=120, pattern=NO_NUL)]
Words = Annotated[str, Meta(max_length=600, pattern=NO_NUL)]
Story = Annotated[str, Meta(max_length=4000, pattern=NO_NUL)]
Lines = Annotated[list[Annotated[str, Meta(min_length=1, max_length=80, pattern=NO_NUL)]],
                  Meta(max_length=12)]  # fmt: skip
PRONOUNS: Final[dict[str, str]] = {
    "woman": "she/her", "man": "he/him", "non-binary": "they/them",
}  # fmt: skip
BOUNDS: Final = [
    "Says when something is a guess",
    "Never claims to be a person, and never asks anyone to stay",
]


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A companion as its maker writes it. Empty words are filled in."""

    name: Name
    age: Annotated[int, Meta(ge=ADULT_YEARS, le=120)]
    gender: Gender
    origin: Origin
    appearance: Appearance
    archetype: Archetype = "confidant"
    personality: dict[str, Unit] = {}
    conversation_style: Style = "warm"
    tagline: Line = ""
    culture: Line = ""
    background: Line = ""
    speaking_style: Words = ""
    greeting: Words = ""
    backstory: Story = ""
    opinion: Words = ""
    secret: Words = ""
    interests: Lines = []
    likes: Lines = []
    dislikes: Lines = []
    boundaries: Lines = []
    tags: Lines = []
    languages: Annotated[list[Language], Meta(min_length=1, max_length=6)] = field(
        default_factory=lambda: ["en"]
    )
    rating: Literal["general", "teen"] = "general"
    hue: Hue = 200
    voice: Annotated[str, Meta(max_length=40)] = ""
    pitch: Unit = 0.5
    rate: Unit = 0.5
    visibility: Visibility = "private"


def companion_of(draft: Draft, slug: str) -> Companion:
    """The whole document. Raises CompanionInvalid, naming the field."""
    d = draft
    if unknown := set(d.personality) - set(ARCHETYPES[d.archetype].__struct_fields__):
        raise CompanionInvalid(f"$.personality: no trait is called {min(unknown)!r}")
    voice = d.voice or _voice(d.gender)
    if voice not in VOICES:
        raise CompanionInvalid(f"$.voice: no voice is called {voice!r}")
    said = {name: getattr(d, name) or filler for name, filler in _fillers(d).items()}
    table: dict[str, object] = {
        "slug": slug, "name": d.name, "full_name": d.name, "age": d.age, "gender": d.gender,
        "pronouns": PRONOUNS[d.gender], "origin": d.origin, "archetype": d.archetype,
        "personality": d.personality, "conversation_style": d.conversation_style,
        "tags": [tag.lower() for tag in d.tags], "languages": d.languages, "rating": d.rating,
        "tier": "free", "hue": d.hue, "visibility": d.visibility, "examples": [],
        "voice": {"id": voice, "pitch": d.pitch, "rate": d.rate},
        "appearance": _builtins(d.appearance, d.origin), "demo_persona": _brief(d),
        **{name: value for name, value in said.items() if name != "greeting"},
        "greetings": [said["greeting"]],
    }  # fmt: skip
    return companion_from_table(table, "draft")


def draft_of(companion: Companion) -> Draft:
    """What its maker goes on writing at."""
    c = companion
    traits = {key: getattr(c.personality, key) for key in c.personality.__struct_fields__}
    preset = ARCHETYPES[c.archetype]
    draft = Draft(
        name=c.name, age=c.age, gender=c.gender, origin=c.origin, appearance=c.appearance,
        archetype=c.archetype,
        personality={key: value for key, value in traits.items() if value != getattr(preset, key)},
        conversation_style=c.conversation_style, tagline=c.tagline, culture=c.culture,
        background=c.background, speaking_style=c.speaking_style, greeting=c.greetings[0],
        backstory=c.backstory, opinion=c.opinion, secret=c.secret, interests=c.interests,
        likes=c.likes, dislikes=c.dislikes, boundaries=c.boundaries, tags=c.tags,
        languages=c.languages, rating="teen" if c.rating == "teen" else "general", hue=c.hue,
        voice=c.voice.id, pitch=c.voice.pitch, rate=c.voice.rate, visibility=c.visibility,
    )  # fmt: skip
    unsaid: dict[str, object] = {
        name: type(filler)()
        for name, filler in _fillers(draft).items()
        if getattr(draft, name) == filler
    }
    return msgspec.structs.replace(draft, **unsaid)


def _fillers(draft: Draft) -> dict[str, str | list[str]]:
    """What stands in a document where its maker wrote nothing."""
    d = draft
    return {
        "culture": d.origin.replace("_", " ").title(),
        "background": "Somebody to talk to",
        "speaking_style": f"Talks in a {d.conversation_style} way, in short and plain sentences.",
        "tagline": "Good company",
        "greeting": f"Hello, I am {d.name}. What is on your mind?",
        "backstory": f"{d.name} is {d.age}. The rest is told in talking.",
        "secret": "There is none yet.",
        "opinion": "That most people are more interesting than they let on.",
        "interests": ["conversation"],
        "likes": ["good questions"],
        "dislikes": ["being hurried"],
        "boundaries": BOUNDS,
    }


def written(draft: Draft) -> str:
    """Every word of it that others will read or a model will be told."""
    d = draft
    lines = [d.name, d.tagline, d.culture, d.background, d.speaking_style, d.greeting]
    lines += [d.backstory, d.opinion, d.secret, *d.interests, *d.likes, *d.dislikes]
    return "\n".join([*lines, *d.boundaries, *d.tags])


def _voice(gender: Gender) -> str:
    return {"woman": "mezzo-warm", "man": "baritone-soft", "non-binary": "alto"}[gender]


def _brief(draft: Draft) -> str:
    who = draft.background or draft.tagline
    text = f"You are {draft.name}, a {draft.conversation_style} AI companion"
    text += f": {who}" if who else ""
    return f"{text[:180].rstrip('. ')}. You are brief and ask simple questions."


def _builtins(look: Appearance, origin: Origin) -> dict[str, object]:
    table: dict[str, object] = msgspec.to_builtins(look)
    return table | {"origin": origin}
