"""Soft shapes as fields over pixels, written once over the Array API (numpy, torch).

`xp` is the namespace (the numpy or the torch module); only functions that both spell alike are
used. Curves depend on x alone and have shape (N, 1, w); masks (N, h, w); pictures (N, 3, h, w).
`k` is output pixels per canvas pixel: what makes an edge exactly one pixel soft at any size.
"""

from typing import Any

import numpy as np

from media.avatar.state import COLUMN


class State:
    """The rows of a batch by name, each (N, 1, 1)."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self._count = rows.shape[0]

    def __getitem__(self, name: str) -> Any:
        return self._rows[:, COLUMN[name]].reshape(self._count, 1, 1)


def unit(xp: Any, value: Any) -> Any:
    """Clamped to 0..1."""
    if xp is np:  # numpy's own takes three times as long on what is small
        return np.minimum(np.maximum(value, 0.0), 1.0)
    return xp.clip(value, 0.0, 1.0)


def positive(xp: Any, value: Any) -> Any:
    """Clamped from below at 0: before every fractional power."""
    if xp is np:
        return np.maximum(value, 0.0)
    return xp.clip(value, 0.0, None)


def step(xp: Any, value: Any, low: Any, high: Any) -> Any:
    """0 below `low`, 1 above `high`, smooth between."""
    t = unit(xp, (value - low) / (high - low))
    return t * t * (3.0 - 2.0 * t)


def band(xp: Any, y: Any, top: Any, low: Any, sharp: Any) -> Any:
    """Coverage of the strip between two curves, its edges 1 / `sharp` soft."""
    return unit(xp, (y - top) * sharp + 0.5) * unit(xp, (low - y) * sharp + 0.5)


def over(picture: Any, colour: Any, alpha: Any) -> None:
    """Paint `colour` (N, 3, 1, 1) or (N, 3, h, w) on the picture, in place."""
    lay = getattr(picture, "lerp_", None)  # torch does it at once, which moves a third of the bytes
    if lay is None:
        picture += (colour - picture) * alpha[:, None]
    else:
        lay(colour, alpha[:, None])


def blend(colour: Any, other: Any, amount: Any) -> Any:
    """From colour to other by a field (N, h, w)."""
    mix = getattr(colour, "lerp", None)
    if mix is None:
        return colour + (other - colour) * amount[:, None]
    return mix(other, amount[:, None])
