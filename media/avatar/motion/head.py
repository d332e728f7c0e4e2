"""Head and chest: breathing, a slow drift that never stops, and nods on the stresses of speech.

Time is in seconds of the call; angles are degrees as in the rig's state.
"""

import math
import random
from collections import deque
from typing import Final, NamedTuple

from media.avatar.motion.loudness import HOP_SAMPLES
from media.avatar.motion.shapes import Floats

_LEAST_BETWEEN: Final = 9_000  # samples between two stresses: 375 ms
_STRESS_LEVEL: Final = 0.42
MOST_STRESSES: Final = 64


class Drift(NamedTuple):
    """One slow wave of one axis: never a still head."""

    degrees: float
    hertz: float
    phase: float

    def at(self, now: float) -> float:
        """Its part now."""
        return self.degrees * math.sin(2 * math.pi * self.hertz * now + self.phase)


class Sway:
    """The head's slow drift: three waves an axis, whose sum hardly repeats."""

    def __init__(self, chance: random.Random) -> None:
        def waves(degrees: float) -> tuple[Drift, ...]:
            return tuple(
                Drift(degrees * share, chance.uniform(*span), chance.uniform(0, 2 * math.pi))
                for share, span in ((0.6, (0.05, 0.09)), (0.45, (0.13, 0.2)), (0.22, (0.3, 0.45)))
            )

        self._axes = waves(1.5), waves(0.9), waves(1.1)
        self._breath = chance.uniform(0.22, 0.27)
        self._phase = chance.random()

    def at(self, now: float) -> tuple[float, float, float]:
        """Yaw, pitch and roll."""
        yaw, pitch, roll = (sum(wave.at(now) for wave in axis) for axis in self._axes)
        return yaw, pitch, roll

    def breath(self, now: float) -> float:
        """Chest 0..1: in quicker than out, with a rest between."""
        part = (now * self._breath + self._phase) % 1.0
        full = part / 0.4 if part < 0.4 else max(0.0, 1.0 - (part - 0.4) / 0.5)
        return full * full * (3 - 2 * full)


def bump(part: float) -> float:
    """0 at both ends of 0..1, 1 in the middle, without a corner."""
    if part <= 0 or part >= 1:
        return 0.0
    return 0.5 - 0.5 * math.cos(2 * math.pi * part)


class Stresses:
    """The loud syllables of what is about to be said, where head and brows give way a little."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._coming: deque[tuple[int, float, float]] = deque(maxlen=MOST_STRESSES)
        self._last = -_LEAST_BETWEEN

    def hear(self, at_sample: int, levels: Floats) -> None:
        """Find the peaks of new sound."""
        for hop in range(1, levels.size - 1):
            level = float(levels[hop])
            peak = level > _STRESS_LEVEL and levels[hop - 1] <= level > levels[hop + 1]
            sample = at_sample + hop * HOP_SAMPLES
            if peak and sample - self._last >= _LEAST_BETWEEN:
                self._last = sample
                lift = self._chance.uniform(0.5, 1.0) if self._chance.random() < 0.35 else 0.0
                self._coming.append((sample, level * self._chance.uniform(0.6, 1.2), lift))

    def flush(self) -> None:
        """Forget them."""
        self._coming.clear()
        self._last = -_LEAST_BETWEEN

    def at(self, position: int) -> tuple[float, float]:
        """How deep in a nod the head is and how far the brows are up, 0 to about 1."""
        while self._coming and position - self._coming[0][0] > 12_000:
            self._coming.popleft()
        nod = brow = 0.0
        for sample, strength, lift in self._coming:
            if sample - position > 12_000:
                break
            part = (position - sample + 4_800) / 10_800  # it begins 200 ms before the peak
            nod = max(nod, strength * bump(part))
            brow = max(brow, lift * bump((position - sample + 5_400) / 14_000))
        return nod, brow
