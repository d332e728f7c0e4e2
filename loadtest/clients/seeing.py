"""What a caller sees, measured: pictures a second, where they stood still, lips against the sound.

Fed with made-up moments by its tests; what decodes is loadtest/clients/video_call.py. When things
came says how smooth the call was; whether lips and sound belong together is judged by the sender's
clock alone, as a browser plays them.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from loadtest.insync import (
    FULL_FPS,
    HERTZ,
    MOST_LAG_MS,
    WINDOW_SECONDS,
    Floats,
    skews,
    smooth,
)
from loadtest.measure import Measures

USUAL_OF: Final = 30  # pictures that say how far apart they usually are
FREEZE_TIMES: Final = 3.0  # a freeze is three usual gaps, and at least so much longer than one
FREEZE_LONGER_SECONDS: Final = 0.15
JUDGED_EVERY_SECONDS: Final = 2.0
LEAST_SPEECH: Final = 0.3  # of a window that is to say something about lips
SILENT_DB: Final = -96.0
_EDGE_SECONDS: Final = MOST_LAG_MS / 1000 + 0.05
_SPAN_SECONDS: Final = WINDOW_SECONDS + 2 * _EDGE_SECONDS
_KEPT: Final = 2_000  # of either kind: more than a span of it


class Pace:
    """When pictures came, and which gaps between them are freezes, as WebRTC's figures have it."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._gaps: deque[float] = deque(maxlen=USUAL_OF)

    def picture(self, at: float) -> float | None:
        """One more: how long after the last; None for the first."""
        last, self._last = self._last, at
        return None if last is None else at - last

    def froze(self, gap: float) -> bool:
        """Whether this gap is a freeze. Freezes do not make longer gaps usual."""
        usual = sum(self._gaps) / len(self._gaps) if self._gaps else 0.04
        frozen = gap > max(FREEZE_TIMES * usual, usual + FREEZE_LONGER_SECONDS)
        if not frozen:
            self._gaps.append(gap)
        return frozen


class Mouth(NamedTuple):
    """A picture's stamp, in the sender's seconds, and how far the mouth is open in it."""

    at_seconds: float
    opening: float


class Level(NamedTuple):
    """How loud the sound is that begins then, for `1 / HERTZ` seconds."""

    at_seconds: float
    db: float


class Seeing:
    """One call's. Feed it with `picture` and `sound`; `judge` now and then."""

    def __init__(self, measures: Measures, answered_at: float) -> None:
        self.pictures = 0
        self._measures = measures
        self._answered_at = answered_at
        self._pace = Pace()
        self._mouths: deque[Mouth] = deque(maxlen=_KEPT)
        self._levels: deque[Level] = deque(maxlen=_KEPT)
        self._judged_at: float | None = None
        self._soonest: float | None = None
        for name in ("freezes", "frozen_ms", "picture_ms", "slow_windows"):
            measures.count(name, 0)

    def picture(self, came_at: float, mouth: Mouth | None) -> None:
        """One was decoded. `mouth`: None while the sender has not said what its stamps mean."""
        measures = self._measures
        self.pictures += 1
        measures.count("pictures")
        gap = self._pace.picture(came_at)
        if gap is None:
            measures.time("first_picture", came_at - self._answered_at)
        else:
            measures.time("picture_gap", gap)
            measures.count("picture_ms", round(gap * 1000))
            if self._pace.froze(gap):
                measures.count("freezes")
                measures.count("frozen_ms", round(gap * 1000))
                measures.time("freeze", gap)
        if mouth is not None:
            self._came(came_at - mouth.at_seconds)
            self._mouths.append(mouth)
            if self._judged_at is None:
                self._judged_at = mouth.at_seconds + _SPAN_SECONDS - JUDGED_EVERY_SECONDS
            if mouth.at_seconds - self._judged_at >= JUDGED_EVERY_SECONDS:
                self._judged_at = mouth.at_seconds
                self.judge()

    def _came(self, travelled: float) -> None:
        """A picture was there so long after its stamp, by two clocks that go alike."""
        if self._soonest is not None:
            self._measures.time("picture_late", max(0.0, travelled - self._soonest))
        self._soonest = travelled if self._soonest is None else min(self._soonest, travelled)

    def sound(self, levels: Sequence[Level]) -> None:
        """Some was decoded."""
        self._levels.extend(levels)

    def judge(self) -> float | None:
        """How late the lips were in the latest ten seconds, in ms; None: nothing can be said."""
        if not self._mouths or not self._levels:
            return None
        end = min(self._mouths[-1].at_seconds, self._levels[-1].at_seconds)
        grid = end - _SPAN_SECONDS + np.arange(int(_SPAN_SECONDS * HERTZ)) / HERTZ
        if self._mouths[0].at_seconds > grid[0] + 0.2:
            return None
        times = np.array([one.at_seconds for one in self._mouths])
        shown = int(np.count_nonzero((times >= grid[0]) & (times < end)))
        if shown < FULL_FPS * _SPAN_SECONDS:
            self._measures.count("slow_windows")
        mouth = np.interp(grid, times, np.array([one.opening for one in self._mouths]))
        found = skews(mouth, smooth(self._speech(grid)))
        if not found:
            return None
        lag = found[-1][1]
        self._measures.time("skew", abs(lag) / 1000)
        self._measures.count("late_lips" if lag > 0 else "early_lips")
        return lag

    def _speech(self, grid: Floats) -> Floats:
        """How loud it was at each time, 0..1; what was not sent is silence."""
        places = np.round((np.array([one.at_seconds for one in self._levels]) - grid[0]) * HERTZ)
        inside = (places >= 0) & (places < grid.size)
        level = np.full(grid.size, SILENT_DB)
        level[places[inside].astype(int)] = np.array([one.db for one in self._levels])[inside]
        loud = np.clip((level + 52) / 36, 0, 1)
        return loud if np.count_nonzero(loud) >= LEAST_SPEECH * grid.size else np.zeros(grid.size)
