"""The stages of one answered turn, timed from the person's last voiced sample.

The clock is passed in; each stage counts once, the first time it comes.
"""

from collections.abc import Callable
from typing import Literal

from rooms.calls.around import TurnTimes

Stage = Literal["pause", "transcript", "decided", "word", "clause", "sound", "out"]


class Times:
    """One turn's stages. `began` is when the last voiced sample came, on `clock` (seconds)."""

    def __init__(self, began: float, clock: Callable[[], float]) -> None:
        self.speculated = False
        self._began = began
        self._clock = clock
        self._at: dict[Stage, int] = {}

    def mark(self, stage: Stage, *, at: float | None = None) -> None:
        """It came now, or at `at`."""
        if stage not in self._at:
            now = self._clock() if at is None else at
            self._at[stage] = max(round((now - self._began) * 1000), 0)

    def told(self, reply: str, *, interrupted: bool, words_heard: int) -> TurnTimes:
        """The record."""
        return TurnTimes(
            reply=reply,
            pause_ms=self._at.get("pause"),
            transcript_ms=self._at.get("transcript"),
            decided_ms=self._at.get("decided"),
            word_ms=self._at.get("word"),
            clause_ms=self._at.get("clause"),
            sound_ms=self._at.get("sound"),
            out_ms=self._at.get("out"),
            speculated=self.speculated,
            interrupted=interrupted,
            words_heard=words_heard,
        )
