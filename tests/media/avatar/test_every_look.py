"""Whatever the document allows can be seen in a call; a face looks today as it did yesterday."""

import itertools
import typing
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuAsset
from media.avatar.layers import draw_rig
from media.avatar.state import FEATURES, row
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_companion

GOLDEN = Path(__file__).parent / "golden_faces.json"
SIDE = 24
STATES = {
    "rest": row(),
    "aa": row(jaw=0.8, teeth=0.3),
    "oo": row(jaw=0.3, wide=-1.0),
    "laugh": row(smile=1.0, jaw=0.5, squint=0.7, roll=5.0),
    "aside": row(yaw=15.0, pitch=6.0, gaze_x=0.8, blink_left=0.6, brow=0.5),
}


def named_values(kind: Any) -> dict[str, tuple[Any, ...]]:
    """Every field of a part that is a choice of names."""
    found = {}
    for name, hint in typing.get_type_hints(kind).items():
        if typing.get_origin(hint) is typing.Literal:
            found[name] = typing.get_args(hint)
    return found


def covering() -> list[Appearance]:
    """As few documents as hold every name at least once, with numbers at their ends."""
    parts = typing.get_type_hints(Appearance)
    structs = {
        name: kind
        for name, kind in parts.items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }
    most = max(len(v) for kind in structs.values() for v in named_values(kind).values())
    looks = []
    for i in range(most):
        table: dict[str, Any] = {"origin": named_values(Appearance)["origin"][i % 8]}
        ends = itertools.cycle([0.0, 1.0, 0.5] if i % 2 else [1.0, 0.3, 0.0])
        for name, kind in structs.items():
            table[name] = {
                field: values[i % len(values)] for field, values in named_values(kind).items()
            }
            for field, hint in typing.get_type_hints(kind, include_extras=False).items():
                if hint is float:
                    table[name][field] = next(ends)
        looks.append(msgspec.convert(table, Appearance))
    return looks


LOOKS = covering()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.hair.style)
def test_every_name_in_the_document_can_be_seen_in_a_call(look: Appearance) -> None:
    asset = CpuAsset(draw_rig(look, 128))
    rest = asset.frame(row()[None]).astype(int)
    assert rest.std() > 12
    extremes = [row(**{f.name: f.high for f in FEATURES}), row(**{f.name: f.low for f in FEATURES})]
    for state in (*STATES.values(), *extremes):
        frame = asset.frame(state[None])
        assert frame.shape == (128, 128, 3)
        assert frame.std() > 12
    assert np.abs(asset.frame(STATES["aa"][None]).astype(int) - rest).max() > 40


def small(look: Appearance) -> dict[str, list[int]]:
    """Each state as a small grey picture: what an eye keeps, not what a rounding changes."""
    asset = CpuAsset(draw_rig(look, 128))
    found = {}
    for name, state in STATES.items():
        grey = cv2.cvtColor(asset.frame(state[None]), cv2.COLOR_RGB2GRAY)
        tiny: npt.NDArray[Any] = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        found[name] = [int(value) for value in tiny.ravel()]
    return found


@pytest.mark.parametrize("slug", ["mira", "kwame"])
def test_a_face_looks_as_it_did(slug: str) -> None:
    """A drawing that changed on purpose is written anew: python -m tests.media.avatar.golden."""
    known = msgspec.json.decode(GOLDEN.read_bytes())[slug]
    found = small(read_companion(CAST / f"{slug}.toml").appearance)
    for name, values in found.items():
        difference = np.abs(np.array(values) - np.array(known[name]))
        assert difference.max() <= 6, name
        assert difference.mean() <= 1.0, name
