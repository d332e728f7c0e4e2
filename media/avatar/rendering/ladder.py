"""Doing with less when a device has too much to do: first fewer frames, then smaller ones.

Sound is never part of this. A step down comes within a second, a step up only when the device
would bear it, so that it does not go up and down all the time.
"""

from typing import Final, NamedTuple


class Rung(NamedTuple):
    """Frames a second at most, and the side of a picture at most."""

    fps: int
    size: int

    @property
    def cost(self) -> float:
        """Pixels a second, against which rungs are compared."""
        return self.fps * self.size * self.size


RUNGS: Final = (Rung(25, 512), Rung(15, 512), Rung(15, 256))
TOO_BUSY: Final = 0.85
BEARABLE: Final = 0.65
_DOWN_US: Final = 800_000
_UP_US: Final = 5_000_000
_MEMORY_US: Final = 500_000


class Ladder:
    """How busy the device is, and the rung that follows from it."""

    def __init__(self, rungs: tuple[Rung, ...] = RUNGS) -> None:
        self.rungs = rungs
        self.level = 0
        self.busy = 0.0
        self._worked_us = 0
        self._last_us: int | None = None
        self._since_us = 0

    @property
    def rung(self) -> Rung:
        """What is allowed now."""
        return self.rungs[self.level]

    def note(self, now_us: int, worked_us: int, skipped: int = 0) -> bool:
        """Work just done. True when the rung changed. A skipped frame is a sign of being late."""
        if self._last_us is None:
            self._last_us, self._since_us = now_us - max(worked_us, 1), now_us
        passed = max(1, now_us - self._last_us)
        self._last_us = now_us
        # The work told last was done in the time that has passed since, not before it.
        share = 1.0 if skipped else min(1.0, self._worked_us / passed)
        self._worked_us = worked_us
        keep = max(0.0, 1.0 - passed / _MEMORY_US)
        self.busy = keep * self.busy + (1 - keep) * share
        return self._move(now_us)

    def _move(self, now_us: int) -> bool:
        stood = now_us - self._since_us
        if self.busy > TOO_BUSY and stood > _DOWN_US and self.level + 1 < len(self.rungs):
            self.level += 1
        elif self.level and stood > _UP_US and self._bears(self.level - 1):
            self.level -= 1
        else:
            return False
        self._since_us = now_us
        return True

    def _bears(self, level: int) -> bool:
        return self.busy * self.rungs[level].cost / self.rung.cost < BEARABLE
