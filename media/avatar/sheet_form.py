"""What a sheet tells of itself: numbers only, so that a gateway can name them without a painter.

The page reads the form from a chunk of the WebP itself, so that one request brings everything
and picture and numbers never come from different versions.
"""

from typing import Final

from msgspec import Struct

from media.avatar.appearance import Appearance

SHEET_VERSION: Final = 1
SHEET_SIZES: Final = (256, 384)
CHUNK: Final = b"KFCE"


class Order(Struct, frozen=True):
    """One sheet to be made: of a document, or of a picture in base64."""

    size: int
    look: Appearance | None = None
    picture: str = ""


class Part(Struct, frozen=True, array_like=True):
    """A layer: where it lies in the sheet, how large it is, and its place in the frame."""

    name: str
    x: int
    y: int
    wide: int
    high: int
    left: int
    top: int


class Cell(Struct, frozen=True, array_like=True):
    """A mouth: where it lies in the sheet, and its shape in the order of the rig's mouth."""

    x: int
    y: int
    shape: tuple[float, ...]


class Mouths(Struct, frozen=True, array_like=True):
    """Every mouth fills the same box of the frame, which it replaces. The first is at rest."""

    left: int
    top: int
    wide: int
    high: int
    cells: list[Cell]


class Eyes(Struct, frozen=True, array_like=True):
    """Eyes and brows by name, in one box of the frame too. Open eyes are the head's own."""

    left: int
    top: int
    wide: int
    high: int
    cells: dict[str, tuple[int, int]]


class Form(Struct, frozen=True, kw_only=True):
    """The whole. `reach`: how far a turned head moves aside, as a share of the size."""

    version: int = SHEET_VERSION
    size: int
    pivot: tuple[float, float]
    reach: float
    layers: list[Part]
    mouths: Mouths
    eyes: Eyes


def nearest_sheet(wanted: int) -> int:
    """The smallest sheet that is at least `wanted`; the largest beyond that."""
    return next((size for size in SHEET_SIZES if size >= wanted), SHEET_SIZES[-1])
