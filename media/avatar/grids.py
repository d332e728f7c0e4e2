"""Maps of a warp worked out on few places and spread over all pixels, for OpenCV.

A pose bends a drawing so gently that every sixteenth pixel is enough to know where it comes from.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from media.avatar.sketch import VIEW_X, VIEW_Y

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class Coarse:
    """Places every CELL pixels over a box of the frame, one cell beyond it on every side."""

    def __init__(
        self, left: int, top: int, right: int, low: int, cell: int, k: float | None = None
    ) -> None:
        """With `k` its places are told in canvas pixels, without in those of the frame."""
        self._cell, self._wide, self._high = cell, right - left, low - top
        columns, rows = -(-self._wide // cell) + 2, -(-self._high // cell) + 2
        self._columns, self._rows = columns, rows
        x = left + (np.arange(columns, dtype=np.float32) - 0.5) * cell
        y = top + (np.arange(rows, dtype=np.float32) - 0.5) * cell
        self.x: Floats = (x if k is None else x / k + VIEW_X).reshape(1, 1, -1)
        self.y: Floats = (y if k is None else y / k + VIEW_Y).reshape(1, -1, 1)

    def spread(self, low: Floats) -> Floats:
        """From cells to every pixel of the box."""
        cell = self._cell
        full = cv2.resize(
            low, (self._columns * cell, self._rows * cell), interpolation=cv2.INTER_LINEAR
        )
        part: Floats = full[cell : cell + self._high, cell : cell + self._wide].astype(
            np.float32, copy=False
        )
        return part


def warped(pixels: Pixels, places: Floats) -> Pixels:
    """`pixels` read at places (h, w, 2); nothing lies beyond their edge."""
    second: Any = None
    return np.asarray(
        cv2.remap(pixels, places, second, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT),
        np.uint8,
    )
