"""The encoded frames that wait for their sound: released with it, dropped when late.

Pure. Sound is the master; a picture is never queued behind another one that is late. Since frames
build on one another, a dropped one means nothing goes out until the next keyframe.
"""

from collections import deque
from typing import Final

from media.calls.wire import Picture
from media.sound.formats import PLAYOUT_RATE

MOST_WAITING: Final = 50  # two seconds
LATE_US: Final = 80_000
_US_PER_SAMPLE: Final = 1_000_000 / PLAYOUT_RATE


def ahead_of_sound(picture: Picture, epoch: int, played: int | None) -> int | None:
    """How many samples will leave before its own; None: of its sound nothing is leaving.

    One of an epoch that is over says where it lay in that: in this one it would mean the future.
    """
    if picture.position is None or picture.epoch != epoch or played is None:
        return None
    return picture.position - played


class Pictures:
    """One leg's. `wanting`: nothing may be sent until a keyframe comes."""

    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0
        self.freezes = 0
        self.wanting = True
        self._waiting: deque[Picture] = deque()

    def add(self, picture: Picture) -> bool:
        """One more. True: a keyframe must be asked for."""
        if self.wanting and not picture.key and not self._coming():
            self.dropped += 1
            return True
        if len(self._waiting) >= MOST_WAITING:
            return self._drop_until_key(len(self._waiting))
        self._waiting.append(picture)
        return False

    def flush(self, epoch: int) -> bool:
        """Pictures of sound that will never sound go. True: a keyframe must be asked for."""
        stale = [p.epoch < epoch and p.position is not None for p in self._waiting]
        if True not in stale:
            return False
        return self._drop_until_key(len(stale) - stale[::-1].index(True))

    def due(self, now_us: int, epoch: int, played: int | None) -> tuple[list[Picture], bool]:
        """What leaves now, in order, and whether a keyframe must be asked for.

        `played`: samples of the epoch that have left; None while nothing sounds.
        """
        out: list[Picture] = []
        ask = False
        while self._waiting:
            late_us = self._late_us(self._waiting[0], now_us, epoch, played)
            if late_us < 0:
                break
            if late_us > LATE_US and not self._waiting[0].key:
                ask = self._drop_until_key(1) or ask
                continue
            picture = self._waiting.popleft()
            self.wanting = False
            out.append(picture)
        self.sent += len(out)
        return out, ask

    def _late_us(self, picture: Picture, now_us: int, epoch: int, played: int | None) -> float:
        ahead = ahead_of_sound(picture, epoch, played)
        return now_us - picture.play_at_us if ahead is None else -ahead * _US_PER_SAMPLE

    def _coming(self) -> bool:
        return any(picture.key for picture in self._waiting)

    def _drop_until_key(self, least: int) -> bool:
        """Drop at least so many, and on to the next keyframe. True: there is none."""
        count = 0
        while self._waiting and (count < least or not self._waiting[0].key):
            self._waiting.popleft()
            count += 1
        self.dropped += count
        self.freezes += bool(count) and not self.wanting
        self.wanting = True
        return not self._waiting
