"""Engines by name: each opens where it can, and says in a word why it cannot."""

from pathlib import Path

import pytest

from media.avatar.engines import ENGINES, load_engine, open_engine
from media.avatar.painter import AvatarError


def test_the_drawn_face_opens_without_a_device(tmp_path: Path) -> None:
    load_engine("rig")
    engine = open_engine("rig", "cpu", tmp_path)
    assert engine.caps.commercial_ok
    assert engine.caps.device == "cpu"
    assert {256, 384, 512} <= set(engine.caps.sizes)


@pytest.mark.parametrize(
    ("name", "device", "reasons"),
    [
        ("none", "cpu", {"unknown_engine"}),
        ("rig", "cuda:9", {"no_device", "no_library"}),
        ("musetalk", "cpu", {"bad_weights"}),
    ],
)
def test_what_cannot_open_says_why(
    tmp_path: Path, name: str, device: str, reasons: set[str]
) -> None:
    with pytest.raises(AvatarError) as refused:
        open_engine(name, device, tmp_path)
    assert refused.value.reason in reasons


def test_every_engine_of_the_settings_is_known() -> None:
    from typing import get_args, get_type_hints

    from config.faces import FaceSettings

    assert set(get_args(get_type_hints(FaceSettings)["engine"])) == set(ENGINES)
