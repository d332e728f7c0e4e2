"""Portraits as PNG, drawn once per content and kept in a folder by their hash.

resvg parses system fonts on every call unless told not to, and a portrait takes about half a
second of one core at 512, so the file is the cache and any node may write it.
"""

import os
import sys
import tempfile
from pathlib import Path

import msgspec
import resvg_py

from media.avatar.appearance import Appearance, content_hash
from media.avatar.provenance import drawn, png_marked
from media.avatar.still import DRAWING_VERSION, draw

SIZES = (96, 256, 512, 1024)


class RasterFailed(Exception):
    """The drawing could not be turned into pixels."""


def nearest_size(wanted: int) -> int:
    """The smallest size offered that is at least `wanted`; the largest beyond that."""
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def kept_name(look: Appearance, size: int) -> str:
    """What the file of a portrait is called; it changes with how portraits are marked."""
    return f"{content_hash(look, DRAWING_VERSION)}-{size}.marked.png"


def rasterise(svg: str, size: int) -> bytes:
    """SVG to PNG, blocking: call it in a thread."""
    try:
        return bytes(
            resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
        )
    except ValueError as error:
        raise RasterFailed(str(error)) from error


def portrait_png(look: Appearance, size: int, folder: Path) -> bytes:
    """The portrait at one of SIZES, from `folder` where it was drawn before. Blocking."""
    if size not in SIZES:
        raise RasterFailed(f"portraits come in {SIZES}, not {size}")
    path = folder / kept_name(look, size)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        png = png_marked(rasterise(draw(look).svg, size), drawn())
        _keep(path, png)
        return png


def _keep(path: Path, png: bytes) -> None:
    """Write whole or not at all: another process may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(png)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


class Order(msgspec.Struct, frozen=True):
    """One portrait to draw."""

    look: Appearance
    size: int


def main() -> int:
    """Draw what is ordered on standard input (a JSON list of Order) into the folder named.

    A process of its own, because resvg holds the interpreter's lock for as long as it draws:
    in a gateway one look at a new face would stop every conversation for a second.
    """
    folder = Path(sys.argv[1])
    for order in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Order]):
        portrait_png(order.look, order.size, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
