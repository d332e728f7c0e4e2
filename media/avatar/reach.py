"""How far from where it was drawn a layer can be seen: only that part of a frame is painted for it.

Bounds of what media/avatar/pose.py does, worked out once for a batch from its wildest pose.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y
from media.avatar.state import COLUMN, Rows

CENTRE: Final = 256.0
_RADIANS: Final = math.pi / 180
_AGAIN: Final = 2  # what is moved may turn a little more for it
_OTHERS: Final = 20.0  # chins of a batch lie so much apart at most


class Part(NamedTuple):
    """A part of a frame or a canvas: pixels from (x0, y0) up to (x1, y1)."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def wide(self) -> int:
        """Its width."""
        return self.x1 - self.x0

    @property
    def high(self) -> int:
        """Its height."""
        return self.y1 - self.y0

    def joined(self, other: "Part") -> "Part":
        """The least part that holds both."""
        low, high = map(min, self[:2], other[:2]), map(max, self[2:], other[2:])
        return Part(*low, *high)

    def whole(self, step: int, side: int) -> "Part":
        """With every edge at a multiple of `step`, inside 0..side."""
        x0, y0 = (max(0, low // step * step) for low in self[:2])
        x1, y1 = (min(side, -(-high // step) * step) for high in self[2:])
        return Part(x0, y0, max(x0, x1), max(y0, y1))


class Pose(NamedTuple):
    """The wildest of a batch, nothing below zero; measures are canvas pixels."""

    turn: float
    nod: float
    lean: float
    breath: float
    sway: float
    width: float
    chin: float

    @classmethod
    def of(cls, states: Rows, width: float, chin: float) -> "Pose":
        """Of these rows, on faces so wide and with a chin so low."""
        most = np.abs(states).max(axis=0)

        def of(name: str) -> float:
            return float(most[COLUMN[name]])

        return cls(
            math.sin(of("yaw") * _RADIANS), math.sin(of("pitch") * _RADIANS),
            of("roll") * _RADIANS, of("breath"), of("sway"), width, chin,
        )  # fmt: skip


def seen(layer: str, drawn: Part, pose: Pose, size: int) -> Part:
    """Where in a frame of `size` a layer drawn at `drawn` may show."""
    k = size / VIEW
    across = max(abs(x / k + VIEW_X - CENTRE) for x in (drawn.x0, drawn.x1))
    along = max(abs(y / k + VIEW_Y - pose.chin - 30) for y in (drawn.y0, drawn.y1)) + _OTHERS
    dx = dy = 0.0
    for _ in range(_AGAIN):
        dx, dy = _moved(layer, across + dx, along + dy, pose)
    x, y = math.ceil(dx * k) + 1, math.ceil(dy * k) + 1
    return Part(drawn.x0 - x, drawn.y0 - y, drawn.x1 + x, drawn.y1 + y)


def _moved(layer: str, across: float, along: float, pose: Pose) -> tuple[float, float]:
    """The most that places so far from where the head leans can move, both ways."""
    sine, less = math.sin(pose.lean), 1 - math.cos(pose.lean)
    dx, dy = sine * along, sine * across + 2.4 * pose.breath
    if layer == "body":
        return dx + 12 * pose.turn, dy + 6 * pose.nod
    dx, dy = dx + less * across, dy + less * along
    if layer == "back":
        return dx + 10 * pose.turn + 5.5 * pose.sway, dy + 8 * pose.nod
    near = (0.92 * pose.width + 11) * 1.07
    return (
        dx + pose.turn * (10 + near) + 7 * pose.sway,
        dy + pose.nod * (8 + 0.8 * near),
    )
