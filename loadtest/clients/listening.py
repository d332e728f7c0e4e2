"""What a caller hears, measured: when somebody speaks, for how long, and where sound was missing.

Fed with the level of every 20 ms of sound and the moment it came, so that it can be tested with
made-up moments; what makes the levels is loadtest/clients/call.py.
"""

from typing import Final

from msgspec import Struct

VOICED_DB: Final = -45.0
FRAME_SECONDS: Final = 0.02
GAP_SECONDS: Final = 0.06  # later than this after the frame before: a person hears a hole
QUIET_SECONDS: Final = 0.9  # longer than a companion pauses between two clauses


class Spell(Struct):
    """One stretch of speech, in the listener's own clock. `landed_at`: its first packet's."""

    began_at: float
    last_at: float
    voiced_seconds: float = 0.0
    landed_at: float | None = None


class Listening:
    """Feed it with `frame`; ask when speech began and whether it is over."""

    def __init__(self) -> None:
        self.frames = 0
        self.gaps: list[float] = []
        self.late_seconds: list[float] = []
        self.spell: Spell | None = None
        self._last_at: float | None = None
        self._last_sent = 0.0
        self._last_db = -96.0
        self._soonest = 0.0
        self._spells = 0

    def frame(
        self,
        at: float,
        level_db: float,
        sent_seconds: float | None = None,
        landed_at: float | None = None,
    ) -> None:
        """20 ms of sound came at `at`, stamped `sent_seconds` by the one who sent it.

        `landed_at`: when its packet was there, before any buffer of the listener's; holes and
        lateness are measured there, for a buffer keeps the end of a clause until more comes.

        Nothing is sent while nobody speaks, so stamps that step on with the clock are a silence;
        a hole is sound that comes later than its stamp says, or is cut off in mid-voice.
        """
        sent = self.frames * FRAME_SECONDS if sent_seconds is None else sent_seconds
        here = at if landed_at is None else landed_at
        travelled = here - sent
        if self._last_at is None:
            self._soonest = travelled
        else:
            between, held = here - self._last_at, travelled - (self._last_at - self._last_sent)
            cut = held > GAP_SECONDS - FRAME_SECONDS or self._last_db >= VOICED_DB
            if between > GAP_SECONDS and cut:
                self.gaps.append(between)
            self._soonest = min(self._soonest, travelled)
            self.late_seconds.append(travelled - self._soonest)
        self.frames += 1
        self._last_at, self._last_sent, self._last_db = here, sent, level_db
        if level_db >= VOICED_DB:
            self._voiced(at, landed_at)

    def _voiced(self, at: float, landed_at: float | None) -> None:
        if self.spell is None or at - self.spell.last_at > QUIET_SECONDS:
            self.spell = Spell(at, at, landed_at=landed_at)
            self._spells += 1
        self.spell.last_at = at
        self.spell.voiced_seconds += FRAME_SECONDS

    def began_since(self, moment: float) -> float | None:
        """When speech was first heard after `moment`; None while there was none."""
        spell = self.spell
        if spell is None or spell.last_at < moment:
            return None
        return max(spell.began_at, moment) if spell.began_at >= moment else None

    def over(self, now: float) -> bool:
        """Whether what was being said has ended."""
        return self.spell is None or now - self.spell.last_at > QUIET_SECONDS
