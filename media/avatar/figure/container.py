"""The box a figure comes in: a GLB file's header and chunks, with every length checked.

Nothing is copied but the text of its JSON; the binary part stays a view of what was sent.
"""

import struct
from typing import Final, NamedTuple

from media.avatar.painter import AvatarError

MOST_JSON_BYTES: Final = 4 * 2**20
_MAGIC: Final = b"glTF"
_JSON: Final = 0x4E4F534A
_BIN: Final = 0x004E4942
_HEAD: Final = struct.Struct("<4sII")
_CHUNK: Final = struct.Struct("<II")


class FigureRefused(AvatarError):
    """The file cannot be a figure; `reason` says why, the message tells the person."""


class Box(NamedTuple):
    """A GLB's two parts. `binary` is empty where there is none."""

    text: bytes
    binary: memoryview


def refused(reason: str, message: str) -> FigureRefused:
    """The answer to a file that will not do."""
    return FigureRefused(message, reason=reason)


def damaged(what: str) -> FigureRefused:
    """A file that says it is a GLB and then does not hold together."""
    return refused("damaged", f"This file is damaged: {what}.")


def opened(data: bytes) -> Box:
    """The parts of a GLB file. Raises FigureRefused."""
    if not data.startswith(_MAGIC):
        if data.lstrip()[:1] == b"{":
            raise refused(
                "unreadable", "This is a .gltf file, whose parts lie elsewhere: export it as .glb."
            )
        raise refused("unreadable", "Figures are GLB or VRM files.")
    if len(data) < _HEAD.size:
        raise damaged("it ends within its header")
    _, version, length = _HEAD.unpack_from(data)
    if version != 2:
        raise refused("unreadable", f"This is glTF {version}; figures are glTF 2.0.")
    if length != len(data):
        raise damaged(f"it says it has {length} bytes and has {len(data)}")
    chunks = _chunks(memoryview(data))
    if not chunks or chunks[0][0] != _JSON:
        raise damaged("it does not begin with its description")
    text = chunks[0][1]
    if len(text) > MOST_JSON_BYTES:
        raise refused("too_detailed", "Its description alone is larger than 4 MiB.")
    binary = next((part for kind, part in chunks[1:] if kind == _BIN), memoryview(b""))
    return Box(bytes(text), binary)


def _chunks(data: memoryview) -> list[tuple[int, memoryview]]:
    found: list[tuple[int, memoryview]] = []
    at = _HEAD.size
    while at < len(data):
        if len(data) - at < _CHUNK.size or len(found) > 8:
            raise damaged("its parts do not fit together")
        length, kind = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if length > len(data) - at or length % 4:
            raise damaged("a part is longer than the file")
        found.append((kind, data[at : at + length]))
        at += length
    return found
