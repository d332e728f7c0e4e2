"""What a picture that a stranger sent claims to be: checked before anything unpacks it.

Kind, size and animation are read from the header bytes alone, so that neither a hundred
megapixels nor a small file that unpacks to a large one ever reaches a decoder.
"""

import struct
from typing import Final, NamedTuple

import msgspec

from media.avatar.painter import AvatarError

MAX_BYTES: Final = 10 * 2**20
MAX_PIXELS: Final = 24_000_000
MIN_SIDE: Final = 128
READING_SECONDS: Final = 60.0  # what the child that unpacks has
_JPEG_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB})


class PictureRefused(AvatarError):
    """The picture cannot become a face; `reason` says why, the message tells the person."""


class Refusal(msgspec.Struct, frozen=True):
    """What the child says when it will not make a face."""

    reason: str
    message: str


class Claim(NamedTuple):
    """What the header says."""

    kind: str
    width: int
    height: int
    animated: bool


def refused(reason: str, message: str) -> PictureRefused:
    """The answer to a picture that will not do."""
    return PictureRefused(message, reason=reason)


def told(output: bytes) -> PictureRefused:
    """What a child said before it ended; one that said nothing died of the picture."""
    try:
        why = msgspec.json.decode(output, type=Refusal)
    except msgspec.DecodeError:
        return refused("unreadable", "This picture cannot be read.")
    return refused(why.reason, why.message)


def claimed(data: bytes) -> Claim:
    """Kind and size by the header bytes. Raises PictureRefused."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        raise refused("unreadable", "This picture is damaged.") from None
    if data.startswith((b"GIF87a", b"GIF89a")):
        raise refused("animated", "A moving picture cannot become a face: send a still one.")
    raise refused("unreadable", "Pictures are PNG, JPEG or WebP.")


def _png(data: bytes) -> Claim:
    width, height = struct.unpack(">II", data[16:24])
    place, animated = 8, False
    while place + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"acTL":
            animated = True
        if kind in (b"IDAT", b"IEND"):
            break
        place += 12 + length
    return Claim("png", width, height, animated)


def _jpeg(data: bytes) -> Claim:
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return Claim("jpeg", width, height, False)
        if 0xD0 <= marker <= 0xD9:
            place += 2
            continue
        place += 2 + int(struct.unpack(">H", data[place + 2 : place + 4])[0])
    raise refused("unreadable", "This picture is damaged.")


def _webp(data: bytes) -> Claim:
    kind = data[12:16]
    if kind == b"VP8X":
        animated = bool(data[20] & 2)
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Claim("webp", width, height, animated)
    if kind == b"VP8L":
        packed = int(struct.unpack("<I", data[21:25])[0])
        return Claim("webp", (packed & 0x3FFF) + 1, ((packed >> 14) & 0x3FFF) + 1, False)
    width, height = struct.unpack("<HH", data[26:30])
    return Claim("webp", width & 0x3FFF, height & 0x3FFF, False)


def check(data: bytes) -> Claim:
    """Everything that can be judged without unpacking. Raises PictureRefused. Cheap."""
    if len(data) > MAX_BYTES:
        raise refused("too_many_bytes", f"A picture has at most {MAX_BYTES // 2**20} MiB.")
    claim = claimed(data)
    if claim.animated:
        raise refused("animated", "A moving picture cannot become a face: send a still one.")
    if claim.width * claim.height > MAX_PIXELS:
        raise refused("too_many_pixels", f"A picture has at most {MAX_PIXELS // 10**6} megapixels.")
    if min(claim.width, claim.height) < MIN_SIDE:
        raise refused("too_small", f"A picture has at least {MIN_SIDE} pixels on each side.")
    return claim
