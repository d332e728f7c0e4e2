"""Where the sound is: sound is the master, and pictures are made for where it will be.

A leg tells now and then how many samples of an epoch have left and when; in between its clock
and ours, which is the same monotonic one, say the rest.
"""

from typing import Final

from media.sound.formats import PLAYOUT_RATE

STALE_US: Final = 1_000_000  # a leg tells every 100 ms: after this nothing is believed to sound
_JUMP_US: Final = 12_000  # less is jitter of the telling, and is worked off gently
_SHARE: Final = 0.25


def samples_of(us: int) -> int:
    """A time as samples of the call's clock."""
    return us * PLAYOUT_RATE // 1_000_000


class Playhead:
    """The place in one epoch that sounds at any time."""

    def __init__(self) -> None:
        self.epoch = 0
        self.playing = False
        self._began_us = 0.0  # when sample 0 would have left
        self._told_us = 0

    def told(self, epoch: int, samples: int, clock_us: int, *, playing: bool) -> None:
        """News of the leg. Older epochs are ignored."""
        if epoch < self.epoch:
            return
        began = clock_us - samples * 1_000_000 / PLAYOUT_RATE
        off = began - self._began_us
        same = epoch == self.epoch and self.playing and playing
        self._began_us = self._began_us + _SHARE * off if same and abs(off) < _JUMP_US else began
        self.epoch, self.playing, self._told_us = epoch, playing, clock_us

    def flush(self, epoch: int) -> None:
        """Begin an epoch in silence."""
        if epoch > self.epoch:
            self.epoch, self.playing = epoch, False

    def at(self, us: int) -> int | None:
        """The sample of the epoch that sounds then; None: silence."""
        if not self.playing or us - self._told_us > STALE_US:
            return None
        place = (us - self._began_us) * PLAYOUT_RATE / 1_000_000
        return int(place) if place >= 0 else None
