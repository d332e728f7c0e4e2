"""Where a call's sound stands, told to whoever draws a face: when it begins, holds, jumps or ends.

The leg says ten times a second how much has left. Between two of those a client's own clock is as
good, so only what it could not know by itself is told on, and once a second that all is well.
"""

from typing import Final

from msgspec import Struct

from media.calls.leg import Played
from media.sound.formats import PLAYOUT_RATE

TOLD_EVERY_US: Final = 1_000_000
ASTRAY_SAMPLES: Final = PLAYOUT_RATE // 50  # 20 ms: what a client may be off before it is told


class Standing(Struct, frozen=True):
    """`samples` of `epoch` have left, and sound goes on from there or stands still."""

    epoch: int
    samples: int
    playing: bool


class Soundings:
    """Decides what of a leg's reports is told. Pure; one per leg."""

    def __init__(self) -> None:
        self._last: Standing | None = None
        self._told_us = 0

    def read(self, played: Played) -> Standing | None:
        """What to tell, if anything."""
        now = Standing(played.epoch, played.samples, not (played.dry or played.still))
        last, since_us = self._last, played.clock_us - self._told_us
        if last is not None and last.epoch == now.epoch and last.playing == now.playing:
            expected = last.samples + (since_us * PLAYOUT_RATE // 1_000_000 if now.playing else 0)
            near = abs(now.samples - expected) <= ASTRAY_SAMPLES
            if near and (since_us < TOLD_EVERY_US or not now.playing):
                return None
        if last is None and not now.playing and not now.samples:
            return None
        self._last, self._told_us = now, played.clock_us
        return now
