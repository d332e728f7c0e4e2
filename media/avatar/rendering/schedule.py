"""Which faces are due: one beat of 10 ms a device, each face at its own place in it.

Spread over the beat, faces wait less for one another; those due together are one batch. A frame
that comes too late is skipped, never made up for: the next one is due at its own time.
"""

from typing import Final, NamedTuple

BEAT_US: Final = 10_000


class Due(NamedTuple):
    """A frame to make: for which slot, for when, and how many before it were skipped."""

    slot: int
    due_us: int
    skipped: int


class Schedule:
    """When each slot's next frame is due. Times are microseconds of one monotonic clock."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._interval: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._next)

    def add(self, slot: int, now_us: int, fps: int) -> None:
        """A face that begins; it takes the emptiest beat of the coming interval."""
        interval = 1_000_000 // fps
        beats = range(now_us // BEAT_US, (now_us + interval) // BEAT_US)
        taken = [due // BEAT_US % max(1, len(beats)) for due in self._next.values()]
        beat = min(beats, key=lambda b: (taken.count(b % len(beats)), b))
        self._next[slot] = max(now_us, beat * BEAT_US)
        self._interval[slot] = interval

    def pace(self, slot: int, fps: int) -> None:
        """From its next frame on, another rate."""
        if slot in self._interval:
            self._interval[slot] = 1_000_000 // fps

    def hurry(self, slot: int, now_us: int) -> None:
        """The next frame is due now: something happened that must be seen."""
        if slot in self._next:
            self._next[slot] = min(self._next[slot], now_us)

    def remove(self, slot: int) -> None:
        """No more frames."""
        self._next.pop(slot, None)
        self._interval.pop(slot, None)

    def due(self, now_us: int) -> list[Due]:
        """The frames to make now, the longest waiting first."""
        found = []
        for slot, at in self._next.items():
            if at > now_us:
                continue
            interval = self._interval[slot]
            skipped = (now_us - at) // interval
            found.append(Due(slot, at + skipped * interval, skipped))
            self._next[slot] = at + (skipped + 1) * interval
        return sorted(found, key=lambda due: due.due_us)

    def next_us(self) -> int | None:
        """When something is due again; None: nothing ever is."""
        return min(self._next.values(), default=None)
