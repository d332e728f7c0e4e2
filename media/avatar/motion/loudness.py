"""How loud speech is, 100 times a second: it scales the jaw, and its peaks are the stresses.

Levels are 0..1 between a whisper's and a shout's, so that no voice needs calibrating.
"""

from typing import Final

import numpy as np

from media.avatar.motion.shapes import Floats
from media.sound.formats import PLAYOUT_RATE

HOP_SAMPLES: Final = PLAYOUT_RATE // 100
QUIET_DB: Final = -52.0
LOUD_DB: Final = -16.0
KEPT_HOPS: Final = 4096  # 41 s; a leg keeps at most 5 s of what is not yet played


def levels(pcm: bytes) -> Floats:
    """One level for each 10 ms of 24 kHz sound; a rest at the end counts as a whole one."""
    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64) / 32768.0
    if not samples.size:
        return np.zeros(0)
    missing = -samples.size % HOP_SAMPLES
    if missing:
        samples = np.concatenate([samples, np.zeros(missing)])
    power = np.mean(samples.reshape(-1, HOP_SAMPLES) ** 2, axis=1)
    db = 10 * np.log10(power + 1e-10)
    return np.asarray(np.clip((db - QUIET_DB) / (LOUD_DB - QUIET_DB), 0.0, 1.0))


class Envelope:
    """The levels of one epoch by sample, the latest 41 s of them."""

    def __init__(self) -> None:
        self._ring: Floats = np.zeros(KEPT_HOPS)
        self.until_hop = 0

    def add(self, at_sample: int, pcm: bytes) -> Floats:
        """Sound that begins at `at_sample`; what lies between is silence. Returns its levels."""
        new = levels(pcm)[-KEPT_HOPS:]
        first = at_sample // HOP_SAMPLES
        if first > self.until_hop:
            gap = np.arange(max(self.until_hop, first - KEPT_HOPS), first) % KEPT_HOPS
            self._ring[gap] = 0.0
        self._ring[np.arange(first, first + new.size) % KEPT_HOPS] = new
        self.until_hop = max(self.until_hop, first + new.size)
        return new

    def at(self, samples: Floats) -> Floats:
        """The levels heard at these samples; 0 outside what is known."""
        hops = (samples // HOP_SAMPLES).astype(np.int64)
        known = (hops >= max(0, self.until_hop - KEPT_HOPS)) & (hops < self.until_hop)
        return np.where(known, self._ring[hops % KEPT_HOPS], 0.0)
