"""A mood shows on every face, also on one that smiles at rest."""

import numpy as np
import pytest

from media.avatar.face import measure
from media.avatar.fields import State
from media.avatar.motion.expressions import EXPRESSIONS
from media.avatar.paint_mouth import gap, lips, smiling
from media.avatar.state import COLUMN, row
from media.avatar.traits import Traits, colour_rows, number_row
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast

SHIPPED = {one.slug: measure(one.appearance) for one in read_cast(CAST)}


def posed(slug: str, mood: str) -> tuple[State, Traits]:
    values = {name: value for name, value in EXPRESSIONS[mood].items() if name in COLUMN}
    face = SHIPPED[slug]
    traits = Traits(number_row(face)[None], colour_rows(face)[None])
    return State(row(**values)[None]), traits


def corners(slug: str, mood: str) -> float:
    """How far the corners of the mouth stand above its middle, in canvas pixels."""
    state, traits = posed(slug, mood)
    half = float(traits["mouth_width"][0, 0, 0])
    at = lips(np, np.array([[[256.0, 256.0 + 0.9 * half]]], np.float32), state, traits)
    return float(at.line[0, 0, 0] - at.line[0, 0, 1])


@pytest.mark.parametrize("slug", sorted(SHIPPED))
def test_nobody_smiles_who_is_sad_or_angry(slug: str) -> None:
    for mood in ("sad", "angry"):
        state, traits = posed(slug, mood)
        assert float(gap(np, state, traits).max()) < 2.0, mood
        assert corners(slug, mood) < corners(slug, "neutral") - 1.0, mood
    assert corners(slug, "sad") < 1.0
    assert corners(slug, "joy") > 2.0


def test_a_smile_goes_from_what_it_is_at_rest_to_none_and_to_its_contrary() -> None:
    slug = max(SHIPPED, key=lambda one: SHIPPED[one].look.expression.smile)
    _, traits = posed(slug, "neutral")
    rest = SHIPPED[slug].look.expression.smile
    told = [float(smiling(np, State(row(smile=now)[None]), traits).max())
            for now in (-1.0, -0.5, 0.0, 0.5)]  # fmt: skip
    assert told == pytest.approx([-1.0, (rest - 1) / 2, rest, rest + 0.5], abs=1e-5)
