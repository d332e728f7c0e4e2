"""The layers of a moving face as pixels: rasterised once in a child process, kept by content.

resvg holds the interpreter's lock while it draws (a second for a new face), so a process of its
own draws, exactly as for portraits. A kept file is one face at one size; it is written whole or
not at all, and any process of the node may read or delete it. Only calls want layers, so whoever
waits for them is in a call: they are drawn at once, not behind everything else like portraits.
"""

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from media.avatar.appearance import Appearance
from media.avatar.face import measure
from media.avatar.folders import RIGS, Limit, sweep, trim, used
from media.avatar.painter import SIZES, AvatarError
from media.avatar.raster import RasterFailed, rasterise
from media.avatar.rig_file import ENDING, rig_digest, rig_file
from media.avatar.sketch import VIEW
from media.avatar.still import draw_parts
from media.avatar.traits import COLOURS, NUMBERS, Values, colour_rows, number_row

MAX_BYTES_AT_512: Final = 4 * 2**20
DRAWING_SECONDS: Final = 120.0
ROOT: Final = Path(__file__).parents[2]
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "back": ("back-hair",),
    "body": ("body", "neck-shadow"),
    "head": ("head", "beard"),
    "front": ("front-hair", "accessories"),
}
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Layer:
    """Premultiplied RGBA, cropped. `left` and `top`: its place in the frame, may be negative."""

    name: str
    pixels: Pixels
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class Rig:
    """A face ready to move: the asset of the drawn painters."""

    digest: str
    size: int
    background: Pixels
    layers: tuple[Layer, ...]
    numbers: Values
    colours: Values

    @property
    def held_bytes(self) -> int:
        """What it takes in memory."""
        return self.background.nbytes + sum(layer.pixels.nbytes for layer in self.layers)


def draw_rig(look: Appearance, size: int) -> Rig:
    """Rasterise every layer. Blocking, about a second; it holds the interpreter's lock."""
    k, margin = size / VIEW, size // 16
    face = measure(look)
    background = draw_parts(look, {"background": ("background",)}, 0.0)["background"]
    layers = []
    for name, svg in draw_parts(look, PARTS, margin / k).items():
        below = size // 20 if name == "head" else 0
        layer = _crop(name, _pixels(svg, size + 2 * margin), margin, below)
        if layer is not None:
            layers.append(layer)
    return Rig(
        digest=rig_digest(look),
        size=size,
        background=np.ascontiguousarray(_pixels(background, size)[..., :3]),
        layers=tuple(layers),
        numbers=number_row(face),
        colours=colour_rows(face),
    )


def _pixels(svg: str, size: int) -> Pixels:
    """Premultiplied RGBA."""
    straight = cv2.imdecode(np.frombuffer(rasterise(svg, size), np.uint8), cv2.IMREAD_UNCHANGED)
    if straight is None or straight.ndim != 3 or straight.shape[2] != 4:
        raise RasterFailed("a layer has no picture")
    alpha = straight[..., 3:].astype(np.uint16)
    colour = (straight[..., 2::-1].astype(np.uint16) * alpha + 127) // 255
    return np.concatenate([colour, alpha], axis=2).astype(np.uint8)


def _crop(name: str, pixels: Pixels, margin: int, below: int) -> Layer | None:
    """What is not empty, and `below` more rows: where the chin goes when the jaw opens."""
    seen = pixels[..., 3] > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    part = pixels[top : int(rows[-1]) + 1 + below, left : int(columns[-1]) + 1]
    return Layer(name, np.ascontiguousarray(part), left - margin, top - margin)


def save(rig: Rig, path: Path) -> None:
    """Write whole or not at all."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "background": rig.background, "numbers": rig.numbers, "colours": rig.colours,
        "names": np.array([layer.name for layer in rig.layers]),
        "places": np.array([(layer.left, layer.top) for layer in rig.layers], np.int32),
    }  # fmt: skip
    arrays |= {f"layer_{layer.name}": layer.pixels for layer in rig.layers}
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getbuffer())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: Path, digest: str, size: int) -> Rig:
    """A kept face. Raises AvatarError `broken_rig` when parts are missing or of the wrong shape."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            places = kept["places"]
            layers = tuple(
                Layer(str(name), kept[f"layer_{name}"], int(left), int(top))
                for name, (left, top) in zip(kept["names"], places, strict=True)
            )
            rig = Rig(digest, size, kept["background"], layers, kept["numbers"], kept["colours"])
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise AvatarError(f"a kept face cannot be read: {error}", reason="broken_rig") from error
    _check(rig)
    return rig


def _check(rig: Rig) -> None:
    found = {layer.name for layer in rig.layers}
    whole = (
        {"body", "head"} <= found <= set(PARTS)
        and rig.background.shape == (rig.size, rig.size, 3)
        and rig.numbers.shape == (len(NUMBERS),)
        and rig.colours.shape == (len(COLOURS), 3)
        and all(layer.pixels.ndim == 3 and layer.pixels.shape[2] == 4 for layer in rig.layers)
        and all(layer.pixels.dtype == np.uint8 for layer in rig.layers)
    )
    if not whole:
        raise AvatarError("a kept face lacks parts", reason="broken_rig")


class RigShelf:
    """Faces on disk, drawn by a child process when they are missing. Blocking.

    Those that were not needed longest are deleted beyond `limit`.
    """

    def __init__(self, folder: Path, limit: Limit = RIGS) -> None:
        self._folder = folder
        self._limit = limit
        sweep(folder)

    def path(self, look: Appearance, size: int) -> Path:
        """Where the face is kept."""
        return self._folder / rig_file(look, size)

    def get(self, look: Appearance, size: int) -> Rig:
        """The face, drawn now if it must be; one that is broken is drawn again."""
        if size not in SIZES:
            raise AvatarError(f"frames come in {SIZES}, not {size}", reason="size")
        path, digest = self.path(look, size), rig_digest(look)
        try:
            rig = load(path, digest, size)
        except FileNotFoundError:
            pass
        except AvatarError:
            path.unlink(missing_ok=True)
        else:
            used(path)
            return rig
        _draw_in_child(Order(look, size), path)
        rig = load(path, digest, size)
        trim(self._folder, ENDING, self._limit)
        return rig


class Order(msgspec.Struct, frozen=True):
    """One face to rasterise."""

    look: Appearance
    size: int


def _draw_in_child(order: Order, path: Path) -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "media.avatar.layers", str(path.absolute())],
            input=msgspec.json.encode(order),
            cwd=ROOT,
            capture_output=True,
            timeout=DRAWING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AvatarError("drawing took too long", reason="slow") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace")[-300:]
        raise AvatarError(f"a face could not be drawn: {told}", reason="drawing")


def main() -> int:
    """Draw the order on standard input to the path named."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    save(draw_rig(order.look, order.size), Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
