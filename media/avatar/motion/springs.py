"""Critically damped springs: every part of the face gets where it should be without a jump.

The step is the exact solution for a target that stands still during it, so that it is stable
for any stiffness, and its speed never exceeds stiffness / e times the way to go.
"""

import math

import numpy as np

from media.avatar.motion.shapes import Floats


class Springs:
    """A row of springs of different stiffness (radians a second), stepped together."""

    def __init__(self, stiffness: Floats, step_seconds: float) -> None:
        self.at: Floats = np.zeros_like(stiffness)
        self.speed: Floats = np.zeros_like(stiffness)
        self._step_seconds = step_seconds
        self.stiffen(stiffness)

    def step(self, target: Floats, steps: int = 1) -> Floats:
        """`steps` steps towards a `target` that stands still; the new places."""
        if steps < 1:
            return self.at
        a, b, c, d = self._ways.get(steps) or self._way(steps)
        off = self.at - target
        self.at = target + a * off + b * self.speed
        self.speed = c * off + d * self.speed
        return self.at

    def stiffen(self, stiffness: Floats) -> None:
        """From now on another stiffness; place and speed stay."""
        self._stiffness = stiffness
        self._ways: dict[int, tuple[Floats, Floats, Floats, Floats]] = {}

    def _way(self, steps: int) -> tuple[Floats, Floats, Floats, Floats]:
        """The exact solution for that many steps; frames come in few sizes, so it is kept."""
        w, h = self._stiffness, steps * self._step_seconds
        fade = np.exp(-w * h)
        way = fade * (1 + w * h), fade * h, -(w**2) * h * fade, fade * (1 - w * h)
        if len(self._ways) < 64:
            self._ways[steps] = way
        return way


class Spring:
    """One spring of plain floats, for the few parts that move alone; any step."""

    __slots__ = ("at", "speed", "stiffness")

    def __init__(self, stiffness: float, at: float = 0.0) -> None:
        self.stiffness = stiffness
        self.at = at
        self.speed = 0.0

    def step(self, target: float, seconds: float) -> float:
        """Move towards `target` for `seconds`; the new place."""
        w, off = self.stiffness, self.at - target
        fade = math.exp(-w * seconds)
        push = self.speed + w * off
        self.at = target + (off + push * seconds) * fade
        self.speed = (self.speed - w * push * seconds) * fade
        return self.at
