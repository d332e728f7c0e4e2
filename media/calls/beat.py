"""When frames leave: one every 20 ms on one monotonic clock, caught up with but never in a burst.

Pure: times are handed in. A frame's place on the clock is its RTP timestamp, so sound and picture
that leave by it stay together however late a frame was.
"""

from typing import Final

from media.sound.formats import FRAME_MS, PLAYOUT_FRAME_SAMPLES

FRAME_US: Final = FRAME_MS * 1000
# Later than this is not made up for: the clock goes on, as after a pause.
MOST_BEHIND: Final = 10
MOST_AT_ONCE: Final = 2


class Beat:
    """The frames of one leg. `slot` is the number of the next one since the beginning."""

    def __init__(self, now_us: int) -> None:
        self._origin_us = now_us
        self.slot = 0
        self.skipped = 0

    @property
    def due_us(self) -> int:
        """When the next frame leaves."""
        return self._origin_us + self.slot * FRAME_US

    @property
    def sample(self) -> int:
        """The place of the next frame on the leg's clock, at 24 kHz."""
        return self.slot * PLAYOUT_FRAME_SAMPLES

    def us_of(self, sample: int) -> int:
        """When a place on the leg's clock is, or was, due."""
        return self._origin_us + sample * FRAME_US // PLAYOUT_FRAME_SAMPLES

    def sample_at(self, now_us: int) -> int:
        """The place of any time on the leg's clock."""
        return (now_us - self._origin_us) * PLAYOUT_FRAME_SAMPLES // FRAME_US

    def due(self, now_us: int) -> int:
        """How many frames leave now; after a long stop, the frames in between never will."""
        behind = (now_us - self.due_us) // FRAME_US + 1 if now_us >= self.due_us else 0
        if behind > MOST_BEHIND:
            self.skipped += behind - 1
            self.slot += behind - 1
            return 1
        return min(behind, MOST_AT_ONCE)

    def left(self) -> None:
        """A frame has left."""
        self.slot += 1

    def wake_us(self, now_us: int) -> int:
        """When to look again: at the next frame, or in half a frame while behind."""
        return max(self.due_us, now_us + FRAME_US // 2) if self.due_us <= now_us else self.due_us

    def hasten(self, now_us: int) -> None:
        """After silence, the next frame leaves now: the beat moves by less than a frame."""
        early = self.due_us - now_us
        if 0 < early < FRAME_US:
            self._origin_us -= early
