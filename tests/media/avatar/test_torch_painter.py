"""torch and numpy give the same picture: wherever torch is installed, the two are compared."""

from pathlib import Path

import numpy as np
import pytest

from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.painter import AvatarError
from media.avatar.state import Rows, row

torch = pytest.importorskip("torch")
from media.avatar.torch_painter import TorchPainter  # noqa: E402 - needs torch

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


@pytest.mark.parametrize("layout", ["rgb", "i420"])
def test_both_paint_the_same_picture(rigs: Path, layout: str) -> None:
    ours, theirs = CpuPainter(rigs), TorchPainter(rigs)
    for look in LOOKS:
        plain = ours.paint([ours.prepare(look, SIZE)] * 5, FACES, layout=layout)  # type: ignore[arg-type]
        dense = theirs.paint([theirs.prepare(look, SIZE)] * 5, FACES, layout=layout)  # type: ignore[arg-type]
        assert plain.shape == dense.shape
        off = np.abs(plain.astype(int) - dense.astype(int))
        # Edges lie within a fraction of a pixel of one another; surfaces have the same colour.
        assert off.mean() < 1.0
        assert np.percentile(off, 99) <= 12


def test_faces_of_several_companions_are_one_batch(rigs: Path) -> None:
    painter = TorchPainter(rigs)
    assets = [painter.prepare(look, SIZE) for look in LOOKS]
    together = painter.paint(assets, FACES[:2])
    for place, asset in enumerate(assets):
        alone = painter.paint([asset], FACES[place : place + 1])
        off = np.abs(alone[0].astype(int) - together[place].astype(int))
        assert (off > 2).mean() < 0.002


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
