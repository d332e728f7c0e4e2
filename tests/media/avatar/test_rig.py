"""The face in motion: the same state paints the same frame, mouths follow, nothing jumps."""

import itertools
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.layers import MAX_BYTES_AT_512, RigShelf, load, save
from media.avatar.painter import AvatarError
from media.avatar.state import row
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast

SHIPPED = {companion.slug: companion.appearance for companion in read_cast(CAST)}
PLAIN = Appearance(origin="european")
Picture = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> CpuPainter:
    return CpuPainter(tmp_path_factory.mktemp("rigs"))


def shot(painter: CpuPainter, look: Appearance, **state: float) -> Picture:
    """One RGB frame at 256."""
    asset = painter.prepare(look, 256)
    return np.asarray(painter.paint([asset], row(**state)[None], layout="rgb")[0], np.int64)


def opened(frame: Picture, shut: Picture) -> int:
    """How many pixels around the mouth are unlike those of the shut one."""
    return int((np.abs(frame - shut).max(axis=2) > 40)[150:215, 88:160].sum())


def test_the_same_state_paints_the_same_frame(painter: CpuPainter) -> None:
    one = shot(painter, PLAIN, jaw=0.4, yaw=6.0, blink_left=0.3)
    assert np.array_equal(one, shot(painter, PLAIN, jaw=0.4, yaw=6.0, blink_left=0.3))


def test_the_mouth_opens_as_far_as_the_jaw(painter: CpuPainter) -> None:
    shut = shot(painter, PLAIN)
    holes = [opened(shot(painter, PLAIN, jaw=jaw), shut) for jaw in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert holes[0] == 0
    assert all(later > sooner + 60 for sooner, later in itertools.pairwise(holes))


@pytest.mark.parametrize("slug", sorted(SHIPPED))
def test_pressed_lips_are_shut_whatever_the_jaw_does(painter: CpuPainter, slug: str) -> None:
    shut = shot(painter, SHIPPED[slug], jaw=0.9, teeth=1.0, press=1.0)
    rest = shot(painter, SHIPPED[slug], press=1.0)
    assert np.abs(shut - rest).max() < 40


def test_nothing_jumps_while_the_state_moves_smoothly(painter: CpuPainter) -> None:
    moves = {"jaw": 1.0, "smile": 1.0, "wide": -1.0, "blink_left": 1.0, "gaze_x": 1.0,
             "brow": 1.0, "yaw": 12.0, "pitch": 8.0, "roll": 8.0, "tuck": 1.0, "anger": 1.0,
             "sway": 1.0, "press": 1.0}  # fmt: skip
    for name, far in moves.items():
        frames = [shot(painter, PLAIN, **{name: far * t / 40}) for t in range(41)]
        changes = [np.abs(b - a).mean() for a, b in itertools.pairwise(frames)]
        assert max(changes) < 6 * (sum(changes) / 40) + 0.02, name
        assert sum(changes) > 0.05, name


def test_frames_of_a_batch_are_the_frames_alone_and_unchanged_rows_are_kept(
    painter: CpuPainter,
) -> None:
    looks = [PLAIN, SHIPPED["mira"], SHIPPED["kwame"]]
    assets = [painter.prepare(look, 256) for look in looks]
    states = np.stack([row(jaw=0.2), row(smile=0.5), row(yaw=-5.0)])
    batch = painter.paint(assets, states)
    assert batch.shape == (3, 384, 256)
    for place, asset in enumerate(assets):
        alone = painter.paint([asset], states[place : place + 1])[0]
        assert np.array_equal(alone, batch[place])
    into = np.zeros_like(batch)
    painter.paint(assets, states, changed=np.array([True, False, True]), into=into)
    assert [bool(frame.any()) for frame in into] == [True, False, True]


def test_layers_are_kept_by_content_and_bounded(tmp_path: Path) -> None:
    shelf = RigShelf(tmp_path)
    for slug in ("leila", "ngozi"):
        assert shelf.get(SHIPPED[slug], 512).held_bytes <= MAX_BYTES_AT_512
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    shelf.get(SHIPPED["leila"], 512)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


def test_only_so_much_is_held_in_memory(tmp_path: Path) -> None:
    painter = CpuPainter(tmp_path, held_bytes=300_000)
    for seed in range(3):
        painter.prepare(msgspec.structs.replace(PLAIN, seed=seed), 128)
    assert painter.held_bytes <= 300_000


def test_a_broken_rig_is_drawn_again_and_an_unknown_size_is_refused(tmp_path: Path) -> None:
    shelf = RigShelf(tmp_path)
    first = shelf.get(PLAIN, 128)
    path = shelf.path(PLAIN, 128)
    for broken in (b"", path.read_bytes()[:900], b"PK\x03\x04 not a rig"):
        path.write_bytes(broken)
        assert np.array_equal(shelf.get(PLAIN, 128).layers[0].pixels, first.layers[0].pixels)
    with pytest.raises(AvatarError) as caught:
        shelf.get(PLAIN, 300)
    assert caught.value.reason == "size"


@pytest.mark.parametrize("spoilt", ["head", "strange", "numbers", "background"])
def test_a_rig_that_lacks_parts_is_no_rig_and_is_drawn_again(tmp_path: Path, spoilt: str) -> None:
    shelf = RigShelf(tmp_path)
    rig, path = shelf.get(PLAIN, 128), shelf.path(PLAIN, 128)
    without = {
        "head": {"layers": tuple(one for one in rig.layers if one.name != "head")},
        "strange": {"layers": (*rig.layers, replace(rig.layers[0], name="third eye"))},
        "numbers": {"numbers": rig.numbers[:-1]},
        "background": {"background": rig.background[:10]},
    }[spoilt]
    save(replace(rig, **without), path)  # type: ignore[arg-type]
    with pytest.raises(AvatarError) as caught:
        load(path, rig.digest, 128)
    assert caught.value.reason == "broken_rig"
    again = shelf.get(PLAIN, 128)
    assert [one.name for one in again.layers] == [one.name for one in rig.layers]
