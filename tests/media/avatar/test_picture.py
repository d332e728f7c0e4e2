"""A face from a picture: found, moved by the same rows, and every bad picture answered by name."""

import functools
import itertools
import struct
import zlib
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from media.avatar.cpu import CpuPainter
from media.avatar.engine import Source
from media.avatar.painter import AvatarError, Painter
from media.avatar.picture import models
from media.avatar.picture.claims import MAX_BYTES, PictureRefused, check
from media.avatar.picture.shelf import PictureShelf, load, picture_digest
from media.avatar.raster import rasterise
from media.avatar.rig_engine import RigEngine
from media.avatar.state import row
from media.avatar.still import draw
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast

SHIPPED = {companion.slug: companion.appearance for companion in read_cast(CAST)}
Picture = npt.NDArray[np.uint8]


@functools.cache
def portrait(slug: str, size: int = 512) -> Picture:
    """A drawn portrait stands for a photograph: the finder takes both."""
    found = cv2.imdecode(
        np.frombuffer(rasterise(draw(SHIPPED[slug]).svg, size), np.uint8), cv2.IMREAD_COLOR
    )
    assert found is not None
    return np.asarray(found, np.uint8)


def encoded(picture: Picture, kind: str = ".png") -> bytes:
    ok, data = cv2.imencode(kind, picture)
    assert ok
    return data.tobytes()


def png_that_claims(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG header of any size over hardly any bytes: what a decompression bomb looks like."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 4096, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + data + chunk(b"IEND", b"")


def refusal(data: bytes, folder: Path) -> str:
    with pytest.raises(PictureRefused) as caught:
        PictureShelf(folder).find(data, 256)
    assert str(caught.value)
    return caught.value.reason


def test_what_finds_faces_is_installed() -> None:
    assert models.present(models.default_folder()), "run config/install.sh dev"


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> CpuPainter:
    return CpuPainter(tmp_path_factory.mktemp("pictures"))


MIRA = encoded(portrait("mira"), ".jpg")


def shot(painter: CpuPainter, **state: float) -> npt.NDArray[np.int64]:
    asset = painter.prepare_picture(MIRA, 256)
    return np.asarray(painter.paint([asset], row(**state)[None], layout="rgb")[0], np.int64)


def test_a_portrait_speaks_and_blinks_where_its_mouth_and_eyes_are(painter: CpuPainter) -> None:
    rest = shot(painter)
    for state, top, low in (({"jaw": 0.8}, 140, 225), ({"blink_left": 1.0}, 85, 140)):
        moved = np.abs(shot(painter, **state) - rest).max(axis=2) > 30
        rows = np.flatnonzero(moved.any(axis=1))
        assert moved.sum() > 40
        assert rows.min() > top
        assert rows.max() < low
    left = np.abs(shot(painter, blink_left=1.0) - rest).sum(axis=(0, 2))
    assert left[:128].sum() > 20 * left[128:].sum()


def test_a_portrait_opens_as_far_as_the_jaw_and_shuts_on_press(painter: CpuPainter) -> None:
    rest = shot(painter)
    opened = [
        int((np.abs(shot(painter, jaw=jaw) - rest).max(axis=2) > 40).sum())
        for jaw in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert opened[0] == 0
    assert all(later > sooner + 25 for sooner, later in itertools.pairwise(opened))
    shut = shot(painter, jaw=1.0, press=1.0, teeth=1.0)
    assert np.abs(shut - shot(painter, press=1.0)).max() < 40


def test_nothing_jumps_while_a_portrait_moves_smoothly(painter: CpuPainter) -> None:
    moves = {"jaw": 1.0, "smile": 1.0, "wide": -1.0, "blink_right": 1.0, "brow": 1.0,
             "yaw": 20.0, "pitch": 10.0, "roll": 10.0, "gaze_x": 1.0, "tuck": 1.0}  # fmt: skip
    for name, far in moves.items():
        frames = [shot(painter, **{name: far * t / 30}) for t in range(31)]
        changes = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(frames)]
        assert max(changes) < 6 * (sum(changes) / 30) + 0.03, name
        assert sum(changes) > 0.02, name


def test_a_face_is_found_the_same_again_and_nothing_of_it_stays_on_disk(tmp_path: Path) -> None:
    shelf = PictureShelf(tmp_path)
    first = shelf.find(MIRA, 128)
    assert list(tmp_path.iterdir()) == []
    again = shelf.find(MIRA, 128)
    assert np.array_equal(first.frame(row(jaw=0.5)[None]), again.frame(row(jaw=0.5)[None]))
    assert list(tmp_path.iterdir()) == []


def test_a_find_that_was_torn_is_no_face(tmp_path: Path) -> None:
    torn = tmp_path / "face.npz"
    torn.write_bytes(b"broken")
    with pytest.raises(AvatarError) as caught:
        load(torn, picture_digest(MIRA), 128)
    assert caught.value.reason == "broken_rig"


def test_two_people_nobody_and_a_tiny_face_are_told_apart(tmp_path: Path) -> None:
    two = np.hstack([portrait("mira"), portrait("tomas")])
    assert refusal(encoded(two, ".jpg"), tmp_path) == "several_faces"
    nobody = np.full((400, 400, 3), 120, np.uint8)
    nobody[100:200, 150:300] = (30, 160, 90)
    assert refusal(encoded(nobody), tmp_path) == "no_face"
    small = np.full((600, 600, 3), 200, np.uint8)
    tiny = cv2.resize(portrait("mira"), (130, 130), interpolation=cv2.INTER_AREA)
    small[200:330, 200:330] = tiny
    assert refusal(encoded(small), tmp_path) in ("too_small", "no_face")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"),
        (b"hello, I am a picture", "unreadable"),
        (MIRA[:900], "unreadable"),
        (b"\x89PNG\r\n\x1a\n", "unreadable"),
        (png_that_claims(10_000, 10_000), "too_many_pixels"),
        (png_that_claims(2**31 - 1, 2**31 - 1), "too_many_pixels"),
        (png_that_claims(4000, 4000), "unreadable"),
        (png_that_claims(64, 64), "too_small"),
        (
            png_that_claims(
                300, 300, struct.pack(">I", 8) + b"acTL" + b"\0\0\0\2\0\0\0\0" + b"\0" * 4
            ),
            "animated",
        ),
        (b"GIF89a" + b"\0" * 64, "animated"),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\x01\0\xff\x01\0" + b"\0" * 20, "animated"),
        (MIRA + b"\0" * MAX_BYTES, "too_many_bytes"),
    ],
)
def test_a_bad_picture_is_answered_by_name(data: bytes, reason: str, tmp_path: Path) -> None:
    assert refusal(data, tmp_path) == reason
    assert list(tmp_path.glob("*")) == []


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp"])
def test_headers_say_the_size_that_decoders_find(kind: str) -> None:
    claim = check(encoded(portrait("mira", 256)[:200], kind))
    assert (claim.width, claim.height, claim.animated) == (256, 200, False)


def test_without_the_networks_the_answer_says_so(tmp_path: Path) -> None:
    with pytest.raises(PictureRefused) as caught:
        PictureShelf(tmp_path, tmp_path / "none").find(MIRA, 128)
    assert caught.value.reason == "no_finder"


def test_a_call_shows_the_picture_and_the_drawing_where_it_cannot(painter: CpuPainter) -> None:
    engine = RigEngine(cast("Painter", painter))
    look = SHIPPED["noor"]
    worn = engine.prepare(Source(appearance=look, picture=MIRA), 256)
    assert worn.digest == picture_digest(MIRA)
    drawn = engine.prepare(Source(appearance=look, picture=b"no picture"), 256)
    assert drawn.digest == painter.prepare(look, 256).digest
    with pytest.raises(AvatarError):
        engine.prepare(Source(picture=b"no picture"), 256)
