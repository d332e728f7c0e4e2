"""Whether a worker has room for one more call: below three quarters of a core, sound stays on time.

Pure. Work already promised counts before it shows in the measurement.
"""

from collections import deque
from typing import Final

MOST: Final = 0.75
WINDOW_SECONDS: Final = 2.0
SETTLING_SECONDS: Final = 4.0
# A call's share of a core as measured (loadtest/bench_calls.py), and while its link is made.
SHARES: Final = {"voice": 0.04, "video": 0.06}


class Load:
    """One worker's. Times are monotonic seconds, `cpu` the seconds of a core it has used."""

    def __init__(self, most: float = MOST) -> None:
        self._most = most
        self._looks: deque[tuple[float, float]] = deque()
        self._promised: deque[tuple[float, float]] = deque()

    def look(self, now: float, cpu: float) -> None:
        """How much of the core has been used until now."""
        self._looks.append((now, cpu))
        while len(self._looks) > 2 and now - self._looks[1][0] >= WINDOW_SECONDS:
            self._looks.popleft()

    def busy(self, now: float) -> float:
        """The share of a core that is used, or will be by what was promised."""
        while self._promised and now - self._promised[0][0] > SETTLING_SECONDS:
            self._promised.popleft()
        used = 0.0
        if len(self._looks) > 1:
            (began, before), (ended, after) = self._looks[0], self._looks[-1]
            used = (after - before) / max(0.001, ended - began)
        return used + sum(share for _, share in self._promised)

    def has_room(self, now: float, kind: str) -> bool:
        """Whether a call of this kind may come."""
        return self.busy(now) + SHARES.get(kind, SHARES["video"]) <= self._most

    def promise(self, now: float, kind: str) -> None:
        """One comes."""
        self._promised.append((now, SHARES.get(kind, SHARES["video"])))
