"""How far the mouth in a decoded picture is open, told by nothing but its pixels.

The inside of a mouth is the darkest thing in the lower middle of a face. How dark that is, and how
bright the skin around it, is learned as pictures come, so that any companion may be called.
"""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
# Where the mouth is in a picture of a companion, in shares of its side: top, bottom, left, right.
BOX: Final = (0.58, 0.72, 0.41, 0.59)
LEARNT_FROM: Final = 250  # pictures


class Openings:
    """One face's. `of` a picture is a share of the box; what counts is how it changes."""

    def __init__(self) -> None:
        self._dark: deque[float] = deque(maxlen=LEARNT_FROM)
        self._skin: deque[float] = deque(maxlen=LEARNT_FROM)

    def of(self, luma: Luma) -> float:
        """A picture's brightness, (height, width)."""
        high, wide = luma.shape
        top, low, left, right = BOX
        box = luma[int(top * high) : int(low * high), int(left * wide) : int(right * wide)]
        self._dark.append(float(np.percentile(box, 2)))
        self._skin.append(float(np.median(box)))
        dark, skin = min(self._dark), float(np.median(self._skin))
        return float((box < dark + 0.4 * (skin - dark)).mean())
