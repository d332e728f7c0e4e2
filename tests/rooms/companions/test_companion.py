"""A companion's document says what is wrong with it; the shipped cast has nothing wrong with it."""

from pathlib import Path

import msgspec
import pytest

from media.avatar.appearance import Appearance
from rooms.companions.archetypes import ARCHETYPES, TRAITS, describe
from rooms.companions.catalogue import CAST
from rooms.companions.companion import Companion, CompanionInvalid, read_cast, read_companion
from rooms.companions.persona import persona_of

CAST_SIZE = 12
SHIPPED = read_cast(CAST)


def spoil(tmp_path: Path, before: str, after: str) -> Path:
    """Mira's file with one thing changed."""
    text = (CAST / "mira.toml").read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "mira.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("age = 31", "age = 17", "$.age"),
        ('name = "Mira"', 'nome = "Mira"', "nome"),
        ("openness = 0.93", "openness = 1.4", "$.personality.openness"),
        ('archetype = "explorer"', 'archetype = "siren"', "$.archetype"),
        ("tone = ", "tint = ", "$.appearance.skin"),
        ("hue = 195", "hue = 400", "$.hue"),
        ('slug = "mira"', 'slug = "myra"', "$.slug"),
        ("age = 31", "age = = 31", "TOML"),
    ],
)
def test_a_fault_names_the_file_and_the_field(
    tmp_path: Path, before: str, after: str, field: str
) -> None:
    with pytest.raises(CompanionInvalid) as caught:
        read_companion(spoil(tmp_path, before, after))
    assert "mira.toml" in str(caught.value)
    assert field in str(caught.value)


def test_the_cast_is_varied() -> None:
    assert len(SHIPPED) == CAST_SIZE
    assert len({companion.culture for companion in SHIPPED}) >= 8
    assert {companion.gender for companion in SHIPPED} == {"woman", "man", "non-binary"}
    assert min(companion.age for companion in SHIPPED) <= 25
    assert max(companion.age for companion in SHIPPED) >= 60
    assert len({companion.archetype for companion in SHIPPED}) >= 8
    assert len({companion.voice.id for companion in SHIPPED}) == CAST_SIZE
    tiers = [companion.tier for companion in SHIPPED]
    assert (tiers.count("premium"), tiers.count("exclusive")) == (2, 1)


@pytest.mark.parametrize("companion", SHIPPED, ids=lambda companion: companion.slug)
def test_each_of_the_cast_is_whole(companion: Companion) -> None:
    assert companion.age >= 21
    assert companion.rating in ("general", "teen")
    assert companion.visibility == "public"
    assert len(companion.examples) >= 3
    assert len(companion.backstory.split()) >= 60
    assert min(len(companion.likes), len(companion.dislikes), len(companion.interests)) >= 3
    for greeting in companion.greetings:
        assert 1 <= sum(greeting.count(mark) for mark in ".?!") <= 5
        assert "?" in greeting or "Give me" in greeting
        assert len(greeting) <= 240


@pytest.mark.parametrize("companion", SHIPPED, ids=lambda companion: companion.slug)
def test_the_demo_persona_fits_a_tiny_model(companion: Companion) -> None:
    sentences = companion.demo_persona.rstrip(".").split(". ")
    assert len(sentences) == 2
    assert len(companion.demo_persona.split()) <= 40  # about 1.3 tokens a word
    assert companion.name in companion.demo_persona
    assert "AI companion" in companion.demo_persona


def test_no_two_of_the_cast_share_their_words_or_their_face() -> None:
    for field in ("tagline", "backstory", "secret", "opinion", "demo_persona"):
        assert len({getattr(companion, field) for companion in SHIPPED}) == CAST_SIZE
    faces = [_numbers(companion.appearance) for companion in SHIPPED]
    for i, one in enumerate(faces):
        for other in faces[i + 1 :]:
            assert sum(abs(one[key] - other[key]) for key in one) > 1.6


def _numbers(look: Appearance) -> dict[str, float]:
    tree = msgspec.to_builtins(look)
    parts = ("skin", "shape", "eyes", "brows", "nose", "mouth")
    return {
        f"{part}.{key}": value
        for part in parts
        for key, value in tree[part].items()
        if isinstance(value, float | int)
    }


def test_an_archetype_is_a_preset_that_a_file_overrides() -> None:
    mira = next(companion for companion in SHIPPED if companion.slug == "mira")
    assert mira.personality.openness == 0.93
    assert mira.personality.conscientiousness == ARCHETYPES["explorer"].conscientiousness
    assert len(ARCHETYPES) == 10
    assert len(TRAITS) == 9
    assert all(describe(preset) for preset in ARCHETYPES.values())


def test_the_persona_carries_the_character_and_owns_up_to_being_an_ai() -> None:
    for companion in SHIPPED:
        persona = persona_of(companion)
        assert companion.backstory in persona.sheet
        assert "you are an AI" in persona.sheet
        assert persona.brief == companion.demo_persona
        assert len(persona.examples) >= 3


def test_a_document_survives_being_stored() -> None:
    for companion in SHIPPED:
        assert msgspec.convert(msgspec.to_builtins(companion), Companion) == companion
