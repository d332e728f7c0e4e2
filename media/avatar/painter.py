"""What whoever paints faces promises: a companion's asset once, then frames from rows of state.

A painter is blocking and belongs to one thread or process; the render worker calls it off its
loop. The same state always gives the same frame: motion is the director's, not the painter's.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from media.avatar.appearance import Appearance
from media.avatar.state import Rows

Frames = npt.NDArray[np.uint8]
Layout = Literal["i420", "rgb"]
SIZES = (128, 256, 384, 512)  # even, so that chroma halves; a frame is square


class AvatarError(Exception):
    """A face could not be prepared. `reason` is one word for whoever answers the person."""

    def __init__(self, message: str, *, reason: str = "failed") -> None:
        super().__init__(message)
        self.reason = reason


class Caps(Struct, frozen=True, kw_only=True):
    """What a painter can do. `device`: `cpu` or a torch device name."""

    name: str
    device: str
    max_batch: int
    sizes: tuple[int, ...] = SIZES
    lookahead_ms: int = 0


class Asset(Protocol):
    """A prepared face. Hold it while a session lasts; it is shared by all who show this face."""

    digest: str  # of what it was made from; equal digests and sizes are the same asset
    size: int
    held_bytes: int


class Painter(Protocol):
    """Draws. `prepare` may take a second; `paint` takes milliseconds a frame."""

    caps: Caps

    def prepare(self, appearance: Appearance, size: int) -> Asset:
        """The asset of a drawn companion, cached by content. Raises AvatarError. Blocking."""
        ...

    def paint(
        self,
        assets: Sequence[Asset],
        states: Rows,
        *,
        layout: Layout = "i420",
        changed: npt.NDArray[np.bool_] | None = None,
        into: Frames | None = None,
    ) -> Frames:
        """N frames of one size: (N, H * 3 // 2, W) as I420 (BT.601, limited range), or
        (N, H, W, 3) as RGB.

        `into` is written and returned when given; rows that are not `changed` keep what it held.
        """
        ...


@runtime_checkable
class PicturePainter(Protocol):
    """A painter that also moves portraits."""

    def prepare_picture(self, picture: bytes, size: int) -> Asset:
        """The asset of a picture. Raises PictureRefused, an AvatarError. Blocking."""
        ...


def frame_shape(size: int, layout: Layout) -> tuple[int, ...]:
    """The shape of one frame."""
    return (size * 3 // 2, size) if layout == "i420" else (size, size, 3)
