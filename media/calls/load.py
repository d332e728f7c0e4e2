"""Whether a worker has room for one more call: below three quarters of a core, sound stays on time.

Pure. Work already promised counts before it shows in the measurement, unless it is over by then.
"""

import itertools
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
        self._promised: dict[int, tuple[float, float]] = {}  # in the order they were made
        self._names = itertools.count(1)

    def look(self, now: float, cpu: float) -> None:
        """How much of the core has been used until now."""
        self._looks.append((now, cpu))
        while len(self._looks) > 2 and now - self._looks[1][0] >= WINDOW_SECONDS:
            self._looks.popleft()

    def busy(self, now: float) -> float:
        """The share of a core that is used, or will be by what was promised."""
        for name, (at, _) in tuple(self._promised.items()):
            if now - at <= SETTLING_SECONDS:
                break
            del self._promised[name]
        used = 0.0
        if len(self._looks) > 1:
            (began, before), (ended, after) = self._looks[0], self._looks[-1]
            used = (after - before) / max(0.001, ended - began)
        return used + sum(share for _, share in self._promised.values())

    def has_room(self, now: float, kind: str) -> bool:
        """Whether a call of this kind may come."""
        return self.busy(now) + SHARES.get(kind, SHARES["video"]) <= self._most

    def promise(self, now: float, kind: str) -> int:
        """One comes; the promise's name."""
        name = next(self._names)
        self._promised[name] = (now, SHARES.get(kind, SHARES["video"]))
        return name

    def over(self, promise: int) -> None:
        """It has gone again: what it cost is measured, what it would have cost is not counted."""
        self._promised.pop(promise, None)
