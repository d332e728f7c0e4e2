"""Marks are found where the formats keep them, and the pictures are the same pictures."""

import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from media.avatar.appearance import Appearance
from media.avatar.portraits import Portraits
from media.avatar.provenance import (
    MOST_XMP_BYTES,
    Origin,
    drawn,
    jpeg_marked,
    learnt,
    moved,
    packet,
    png_marked,
    webp_marked,
)

PICTURE = np.random.default_rng(7).integers(0, 255, (40, 56, 3), np.uint8)
DIGITAL_SOURCE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
ORIGINS = [drawn(), moved(), learnt("an engine"), Origin(source="x", by='a <b> & "c"', words="é")]


def encoded(kind: str, *flags: int, alpha: bool = False) -> bytes:
    picture = PICTURE
    if alpha:
        picture = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 120, np.uint8)])
    ok, data = cv2.imencode(kind, picture, list(flags))
    assert ok
    return bytes(data.tobytes())


def pixels(data: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, np.uint8)


def source_of(xmp: bytes) -> str:
    """What a reader of XMP finds."""
    body = re.sub(rb"<\?xpacket.*?\?>", b"", xmp, flags=re.DOTALL)
    found = ElementTree.fromstring(body).find(f".//{DIGITAL_SOURCE}")
    assert found is not None
    assert found.text is not None
    return found.text.rsplit("/", 1)[1]


def xmp_of_png(data: bytes) -> bytes:
    """By the specification: chunks with their checksums; iTXt uncompressed."""
    at, names = 8, []
    xmp = b""
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert zlib.crc32(name + body) == int.from_bytes(
            data[at + 8 + size : at + 12 + size], "big"
        )
        names.append(name)
        if name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
            assert body[18:22] == b"\0\0\0\0"
            xmp = body[22:]
        at += 12 + size
    assert names[0] == b"IHDR"
    assert names.index(b"iTXt") < names.index(b"IDAT")
    return xmp


def xmp_of_jpeg(data: bytes) -> bytes:
    at = 2
    while data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + size]
        if data[at + 1] == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            return body[29:]
        at += 2 + size
    return b""


def xmp_of_webp(data: bytes) -> bytes:
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data[12:16] == b"VP8X"
    assert data[20] & 0x04
    at, xmp = 12, b""
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"XMP ":
            xmp = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    return xmp


QUALITY = cv2.IMWRITE_WEBP_QUALITY
FILES: list[tuple[bytes, Callable[[bytes, Origin], bytes], Callable[[bytes], bytes], str]] = [
    (encoded(".png"), png_marked, xmp_of_png, "png"),
    (encoded(".png", alpha=True), png_marked, xmp_of_png, "png"),
    (encoded(".jpg"), jpeg_marked, xmp_of_jpeg, "jpg"),
    (encoded(".webp", QUALITY, 80), webp_marked, xmp_of_webp, "webp"),
    (encoded(".webp", QUALITY, 101), webp_marked, xmp_of_webp, "webp"),
    (encoded(".webp", QUALITY, 80, alpha=True), webp_marked, xmp_of_webp, "webp"),
    (encoded(".webp", QUALITY, 101, alpha=True), webp_marked, xmp_of_webp, "webp"),
]


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: origin.source)
@pytest.mark.parametrize(("data", "mark", "read", "kind"), FILES)
def test_the_mark_is_where_the_format_keeps_it_and_the_picture_is_untouched(
    data: bytes,
    mark: Callable[[bytes, Origin], bytes],
    read: Callable[[bytes], bytes],
    kind: str,
    origin: Origin,
) -> None:
    marked = mark(data, origin)
    assert source_of(read(marked)) == origin.source
    assert np.array_equal(pixels(marked), pixels(data))


def test_other_files_are_refused() -> None:
    for mark in (png_marked, jpeg_marked, webp_marked):
        with pytest.raises(ValueError, match="this is no"):
            mark(b"GIF89a", drawn())


def test_a_packet_fits_one_segment_of_a_jpeg() -> None:
    assert all(len(packet(origin)) < MOST_XMP_BYTES for origin in ORIGINS)


@pytest.mark.parametrize("place", range(len(FILES)))
def test_another_program_reads_the_mark(tmp_path: Path, place: int) -> None:
    reader = shutil.which("exiftool")
    if reader is None:
        pytest.skip("exiftool is not installed")
    data, mark, _, kind = FILES[place]
    path = tmp_path / f"picture.{kind}"
    path.write_bytes(mark(data, drawn()))
    told = subprocess.run(
        [reader, "-s", "-DigitalSourceType", "-CreatorTool", "-Description", "-Warning", str(path)],
        capture_output=True, text=True, timeout=30, check=True,
    ).stdout  # fmt: skip
    assert "algorithmicMedia" in told
    assert "Kindred portrait renderer" in told
    assert "AI-generated" in told
    assert "Warning" not in told


async def test_portraits_leave_with_their_mark(tmp_path: Path) -> None:
    portraits, look = Portraits(tmp_path), Appearance(origin="pacific")
    assert source_of(xmp_of_png(await portraits.png(look, 96))) == "algorithmicMedia"
    root = ElementTree.fromstring(await portraits.svg(look))
    found = root.find(f".//{DIGITAL_SOURCE}")
    assert found is not None
    assert str(found.text).endswith("/algorithmicMedia")
