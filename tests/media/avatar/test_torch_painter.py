"""torch and numpy give the same picture: wherever torch is installed, the two are compared."""

import gc
from pathlib import Path

import numpy as np
import pytest

from media.avatar import torch_painter
from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.layers import RigShelf
from media.avatar.painter import AvatarError, Layout
from media.avatar.reach import Part
from media.avatar.state import Rows, row
from media.avatar.torch_atlas import ACROSS, TorchAsset
from media.avatar.torch_painter import TorchPainter

torch = pytest.importorskip("torch")

torch.set_num_threads(1)  # two that spin stand in each other's way on a busy machine
SIZE = 128
LOOKS = (Appearance(origin="european"), Appearance(origin="african", seed=4))
FACES: Rows = np.stack(
    [
        row(),
        row(jaw=0.8, wide=0.2, teeth=0.4, smile=0.6, squint=0.5, brow=0.4),
        row(press=1.0, yaw=9.0, pitch=-6.0, roll=5.0, blink_left=1.0, blink_right=0.6, breath=1.0),
        row(wide=-0.9, jaw=0.3, gaze_x=0.7, gaze_y=-0.5, inner_brow=0.8, sway=0.8, yaw=-7.0),
        row(tuck=1.0, tongue=0.5, anger=0.9, smile=-0.6),
    ]
)


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rigs")


@pytest.mark.parametrize(("layout", "size"), [("rgb", 256), ("i420", SIZE)])
def test_both_paint_the_same_picture(rigs: Path, layout: Layout, size: int) -> None:
    ours, theirs = CpuPainter(rigs), TorchPainter(rigs)
    for look in LOOKS:
        plain = ours.paint([ours.prepare(look, size)] * 5, FACES, layout=layout)
        dense = theirs.paint([theirs.prepare(look, size)] * 5, FACES, layout=layout)
        assert plain.shape == dense.shape
        off = np.abs(plain.astype(int) - dense.astype(int))
        # Edges lie within a fraction of a pixel of one another; surfaces have the same colour.
        # torch keeps differences of colour at half the size, as video does: RGB is seen larger.
        assert off.mean() < (1.0 if layout == "rgb" else 0.7)
        assert np.percentile(off, 99) <= 12


def test_faces_of_several_companions_are_one_batch(rigs: Path) -> None:
    painter = TorchPainter(rigs)
    assets = [painter.prepare(look, SIZE) for look in LOOKS]
    together = painter.paint(assets, FACES[:2])
    for place, asset in enumerate(assets):
        alone = painter.paint([asset], FACES[place : place + 1])
        off = np.abs(alone[0].astype(int) - together[place].astype(int))
        assert (off > 2).mean() < 0.002


def test_a_layer_is_painted_wherever_it_shows(rigs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = TorchPainter(rigs)
    wild = row(yaw=-18.0, pitch=14.0, roll=13.0, jaw=1.0, breath=1.0, sway=-1.0)
    states = np.stack([*FACES, wild])
    assets = [painter.prepare(LOOKS[n % 2], SIZE) for n in range(len(states))]
    parts = painter.paint(assets, states)
    monkeypatch.setattr(torch_painter, "seen", lambda *_: Part(0, 0, SIZE, SIZE))
    whole = painter.paint(assets, states)
    assert np.abs(parts.astype(int) - whole.astype(int)).max() <= 2


def test_a_companion_nobody_shows_gives_its_place_back_and_what_grows_keeps_the_others(
    rigs: Path,
) -> None:
    painter = TorchPainter(rigs)
    first = painter.prepare(LOOKS[0], SIZE)
    assert isinstance(first, TorchAsset)
    atlas, before = first.atlas, painter.paint([first], FACES[1:2])
    rig = RigShelf(rigs).get(LOOKS[1], SIZE)
    others = [atlas.add(rig) for _ in range(2 * ACROSS)]
    assert len({first.slot, *(one.slot for one in others)}) == 1 + 2 * ACROSS
    alone, last = (painter.paint([one], FACES[2:3]) for one in (others[0], others[-1]))
    for one, two in ((painter.paint([first], FACES[1:2]), before), (alone, last)):
        assert np.abs(one.astype(int) - two).max() <= 1  # places are told to a thousandth
    free = len(atlas.free)
    others.clear()
    gc.collect()
    assert len(atlas.free) == free + 2 * ACROSS


def test_what_has_not_changed_is_left_as_it_was(rigs: Path) -> None:
    painter = TorchPainter(rigs)
    asset = painter.prepare(LOOKS[0], SIZE)
    held = np.zeros((2, SIZE * 3 // 2, SIZE), np.uint8)
    told = painter.paint([asset, asset], FACES[:2], changed=np.array([True, False]), into=held)
    assert told is held
    assert held[0].any()
    assert not held[1].any()


def test_a_device_that_is_not_there_is_said(rigs: Path) -> None:
    if torch.cuda.is_available():
        assert TorchPainter(rigs, "cuda:0").caps.device == "cuda:0"
        return
    with pytest.raises(AvatarError) as refused:
        TorchPainter(rigs, "cuda:0")
    assert refused.value.reason == "no_device"
