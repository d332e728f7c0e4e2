"""A sheet holds the whole face: what a page lays together from it is what the painter paints."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from media.avatar.appearance import Appearance, Hair
from media.avatar.cpu import CpuAsset
from media.avatar.layers import draw_rig
from media.avatar.painter import AvatarError
from media.avatar.picture.claims import PictureRefused
from media.avatar.sheet import EYE_CELLS, MOUTH_CELLS, drawn_sheet
from media.avatar.sheet_form import CHUNK, SHEET_SIZES, Form, nearest_sheet
from media.avatar.sheets import ENDING, Sheets
from media.avatar.state import row

LOOK = Appearance(origin="latin_american", hair=Hair(style="long", texture="wavy"))
SIZE = 256
Pixels = Any


def opened(sheet: bytes) -> tuple[Form, Pixels]:
    """The form and the straight RGBA pixels, as a browser has them."""
    at = 12
    while sheet[at : at + 4] != CHUNK:
        size = int.from_bytes(sheet[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    size = int.from_bytes(sheet[at + 4 : at + 8], "little")
    form = msgspec.json.decode(sheet[at + 8 : at + 8 + size], type=Form)
    page = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_UNCHANGED)
    assert page is not None
    return form, cv2.cvtColor(page, cv2.COLOR_BGRA2RGBA)


def laid(form: Form, page: Pixels, mouth: int, eyes: str = "") -> Pixels:
    """The frame a page draws, the head straight."""
    frame = np.zeros((form.size, form.size, 3), np.float32)
    for layer in form.layers:
        pixels = page[layer.y : layer.y + layer.high, layer.x : layer.x + layer.wide].copy()
        if layer.name == "head":
            cell = form.mouths.cells[mouth]
            put(pixels, page, (cell.x, cell.y), form.mouths, layer)
            if eyes:
                put(pixels, page, form.eyes.cells[eyes], form.eyes, layer)
        left, top = max(0, layer.left), max(0, layer.top)
        part = pixels[top - layer.top : form.size - layer.top, left - layer.left :]
        part = part[:, : form.size - left].astype(np.float32)
        alpha = part[..., 3:] / 255
        view = frame[top : top + part.shape[0], left : left + part.shape[1]]
        view[:] = view * (1 - alpha) + part[..., :3] * alpha
    return frame


def put(head: Pixels, page: Pixels, at: tuple[int, int], box: Any, layer: Any) -> None:
    (x, y), left, top = at, box.left - layer.left, box.top - layer.top
    head[top : top + box.high, left : left + box.wide] = page[y : y + box.high, x : x + box.wide]


@pytest.fixture(scope="module")
def asset() -> CpuAsset:
    return CpuAsset(draw_rig(LOOK, SIZE))


@pytest.fixture(scope="module")
def sheet() -> bytes:
    return drawn_sheet(LOOK, SIZE)


@pytest.mark.parametrize("mouth", [0, 1, 7, 15])
def test_what_a_page_lays_together_is_what_the_painter_paints(
    asset: CpuAsset, sheet: bytes, mouth: int
) -> None:
    form, page = opened(sheet)
    names = ("jaw", "wide", "teeth", "tongue", "press", "tuck")
    painted = asset.frame(row(**dict(zip(names, MOUTH_CELLS[mouth], strict=True)))[None])
    differs = np.abs(laid(form, page, mouth) - painted.astype(np.float32))
    assert differs.mean() < 2.0
    assert np.percentile(differs, 99) < 24


@pytest.mark.parametrize("eyes", ["half", "shut", "left", "brows"])
def test_eyes_are_the_painters_too(asset: CpuAsset, sheet: bytes, eyes: str) -> None:
    form, page = opened(sheet)
    painted = asset.frame(row(**EYE_CELLS[eyes])[None]).astype(np.float32)
    box = form.eyes
    part = np.s_[box.top : box.top + box.high, box.left : box.left + box.wide]
    near = np.abs(laid(form, page, 0, eyes)[part] - painted[part]).mean()
    rest = np.abs(laid(form, page, 0)[part] - painted[part]).mean()
    assert near < 6
    assert near < rest


def test_a_sheet_is_light(sheet: bytes) -> None:
    assert len(sheet) < 60_000
    assert b"algorithmicMedia" in sheet


def test_pictures_do_not_overlap(sheet: bytes) -> None:
    form, page = opened(sheet)
    taken = np.zeros(page.shape[:2], np.int32)
    boxes = [(one.x, one.y, one.wide, one.high) for one in form.layers]
    boxes += [(one.x, one.y, form.mouths.wide, form.mouths.high) for one in form.mouths.cells]
    boxes += [(x, y, form.eyes.wide, form.eyes.high) for x, y in form.eyes.cells.values()]
    for x, y, wide, high in boxes:
        taken[y : y + high, x : x + wide] += 1
        assert y + high <= page.shape[0]
        assert x + wide <= page.shape[1]
    assert taken.max() == 1


def test_the_mouth_and_the_eyes_do_not_touch(sheet: bytes) -> None:
    form, _ = opened(sheet)
    assert form.eyes.top + form.eyes.high <= form.mouths.top


def test_sizes() -> None:
    assert [nearest_sheet(one) for one in (1, 256, 257, 4_000)] == [256, 256, 384, 384]
    assert set(SHEET_SIZES) == {256, 384}


async def test_many_who_ask_wait_for_one_drawing_and_the_next_reads_the_file(
    tmp_path: Path,
) -> None:
    sheets = Sheets(tmp_path, waiting=1)
    found = await asyncio.gather(*(sheets.of(LOOK, 200) for _ in range(6)))
    assert len(set(found)) == 1
    (kept,) = tmp_path.iterdir()
    assert kept.name.endswith(f"-256{ENDING}")
    kept.write_bytes(b"as kept")
    assert await sheets.of(LOOK, 256) == b"as kept"


async def test_too_many_at_once_are_told_so(tmp_path: Path) -> None:
    sheets = Sheets(tmp_path, waiting=0)
    with pytest.raises(AvatarError) as refused:
        await sheets.of(LOOK, 256)
    assert refused.value.reason == "busy"
    assert list(tmp_path.iterdir()) == []


async def test_who_gives_up_leaves_the_drawing_to_the_others(tmp_path: Path) -> None:
    sheets = Sheets(tmp_path)
    first = asyncio.create_task(sheets.of(LOOK, 256))
    second = asyncio.create_task(sheets.of(LOOK, 256))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) > 10_000


async def test_a_child_that_is_killed_is_an_answer_and_leaves_nothing(tmp_path: Path) -> None:
    sheets = Sheets(tmp_path)
    asking = asyncio.create_task(sheets.of(LOOK, 384))
    child = await drawing_child(asking)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(AvatarError):
        await asking
    assert list(tmp_path.iterdir()) == []


async def drawing_child(asking: "asyncio.Task[bytes]") -> int:
    """The process that draws, once it is there."""
    while True:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
                parent = (path.parent / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"media.avatar.sheet" in words and int(parent) == os.getpid():
                return int(path.parent.name)
        await asyncio.wait({asking}, timeout=0.02)
        assert not asking.done()


async def test_a_picture_without_a_face_is_refused_by_its_reason_and_not_kept(
    tmp_path: Path,
) -> None:
    ok, grey = cv2.imencode(".jpg", np.full((400, 400, 3), 127, np.uint8))
    assert ok
    with pytest.raises(PictureRefused) as refused:
        await Sheets(tmp_path).of_picture(grey.tobytes(), 256)
    assert refused.value.reason in {"no_face", "no_finder"}
    assert list(tmp_path.iterdir()) == []
