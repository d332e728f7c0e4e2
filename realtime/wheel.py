"""One timer for everything that must happen later: no timer per socket.

A wheel of slots; what is due in a slot looks, and asks to be called again. Deadlines that move
(a heartbeat that came) are not moved here: the look finds them later, and asks again.
"""

from collections.abc import Callable
from typing import Final

# Called with the time, when it is due; adds itself again if it wants to be.
Due = Callable[[float], None]
SLOTS: Final = 256


class Wheel:
    """Pure: somebody calls `turn` about every `slot_seconds`."""

    def __init__(self, slot_seconds: float, now: float) -> None:
        self.slot_seconds = slot_seconds
        self._slots: list[list[Due]] = [[] for _ in range(SLOTS)]
        self._at = self._tick(now)

    @property
    def longest_seconds(self) -> float:
        """What lies further ahead is called early."""
        return self.slot_seconds * (SLOTS - 3)

    def _tick(self, now: float) -> int:
        return int(now / self.slot_seconds)

    def add(self, due: Due, seconds: float, now: float) -> None:
        """Call `due` in about `seconds`, or early when that is beyond the wheel's length."""
        ticks = self._tick(now + seconds) + 1 - self._at
        self._slots[(self._at + max(1, min(ticks, SLOTS - 1))) % SLOTS].append(due)

    def turn(self, now: float) -> None:
        """Call whatever became due since the last turn."""
        end = self._tick(now)
        begin = max(self._at, end - SLOTS)
        for tick in range(begin + 1, end + 1):
            self._at = tick
            slot, self._slots[tick % SLOTS] = self._slots[tick % SLOTS], []
            for due in slot:
                due(now)
