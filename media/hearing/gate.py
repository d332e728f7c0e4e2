"""Which windows are worth a network's time: silence by its level alone costs no inference.

Pure. A gate opens at a window that is loud enough, takes the windows just before it along, so that
no soft beginning is lost, and closes after half a second of quiet in which nobody spoke.
"""

from typing import Final

from msgspec import Struct

OPEN_DB: Final = -55.0
KEPT_WINDOWS: Final = 8  # about a quarter of a second before the gate opened
_ABOVE_FLOOR_DB: Final = 6.0
_FLOOR_MOST_DB: Final = -48.0
_FLOOR_RISE_DB: Final = 0.02  # per window: 0.6 dB a second
_QUIET_WINDOWS: Final = 16
NOBODY: Final = 0.15


class Gate(Struct):
    """One stream's gate. `floor_db` follows the quietest of late, up to a limit."""

    open_db: float = OPEN_DB
    is_open: bool = False
    floor_db: float = -90.0
    quiet: int = 0
    probability: float = 0.0

    def passes(self, level_db: float) -> bool:
        """Whether this window is to be judged."""
        loud = level_db >= self.threshold_db
        self._follow(level_db)
        if loud:
            self.is_open, self.quiet = True, 0
        elif self.is_open:
            self.quiet += 1
            if self.quiet >= _QUIET_WINDOWS and self.probability < NOBODY:
                self.is_open = False
        return self.is_open

    def judged(self, probability: float) -> None:
        """What the network said of a window that passed: nobody is shut out in mid-speech."""
        self.probability = probability

    @property
    def threshold_db(self) -> float:
        """The level that opens it now; steady noise raises it, but never above soft speech."""
        return max(self.open_db, min(self.floor_db, _FLOOR_MOST_DB) + _ABOVE_FLOOR_DB)

    def _follow(self, level_db: float) -> None:
        if level_db < self.floor_db:
            self.floor_db = max(-90.0, level_db)
        else:
            self.floor_db = min(self.floor_db + _FLOOR_RISE_DB, level_db)
