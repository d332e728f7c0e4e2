"""When people come: rates that rise, moments that are due, and starts that came late or not at all.

Pure: time is passed in. In the open model nobody waits for anybody, so a server that slows down
meets the same crowd as one that does not; what the driver itself could not start is counted.
"""

import itertools
import math
import random
import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

LATE_SECONDS: Final = 0.05
_DURATION: Final = re.compile(r"^(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|h)?$")
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RAMP: Final = re.compile(
    r"^(?:(?P<first>[0-9]+(?:\.[0-9]+)?)\s*\.\.\s*)?(?P<last>[0-9]+(?:\.[0-9]+)?)\s*/\s*(?P<unit>s|m|h)$"
)


class Unreadable(ValueError):
    """A rate or a length of time that cannot be read; the message says what would be right."""


class Ramp(Struct, frozen=True):
    """Starts per second, rising (or falling) evenly from the first rate to the last."""

    first_per_second: float
    last_per_second: float


def parse_seconds(text: str) -> float:
    """`90s`, `1.5m`, `250ms`, `1h`; a bare number is seconds."""
    found = _DURATION.match(text.strip())
    if found is None:
        raise Unreadable(f"{text!r} is not a length of time; such are 60s, 2m, 250ms.")
    return float(found["number"]) * _UNIT_SECONDS[found["unit"] or "s"]


def parse_ramp(text: str) -> Ramp:
    """`50/s`, or `1..100/s` for a rate that rises; `/m` and `/h` likewise."""
    found = _RAMP.match(text.strip())
    if found is None:
        raise Unreadable(f"{text!r} is not a rate; such are 50/s and 1..100/s.")
    per = _UNIT_SECONDS[found["unit"]]
    last = float(found["last"]) / per
    first = float(found["first"]) / per if found["first"] is not None else last
    if max(first, last) <= 0:
        raise Unreadable(f"{text!r} never starts anybody.")
    return Ramp(first, last)


def moment(ramp: Ramp, over_seconds: float, started: float) -> float:
    """In how many seconds `started` starts have come due; infinity if they never do.

    The rate changes evenly over `over_seconds` and stays as it then is.
    """
    first, last = ramp.first_per_second, ramp.last_per_second
    within = (first + last) / 2 * over_seconds
    if started > within:
        return over_seconds + (started - within) / last if last > 0 else math.inf
    slope = (last - first) / over_seconds if over_seconds > 0 else 0.0
    if abs(slope) < 1e-12:
        return started / first if first > 0 else math.inf
    root = math.sqrt(max(0.0, first * first + 2 * slope * started))
    return 2 * started / (first + root) if first + root > 0 else 0.0


def moments(
    ramp: Ramp, over_seconds: float, chance: random.Random | None = None
) -> Iterator[float]:
    """All due moments, for ever. With chance they come as people do: independently (Poisson)."""
    started = 0.0 if chance is None else chance.expovariate(1.0)
    while True:
        yield moment(ramp, over_seconds, started)
        started += 1.0 if chance is None else chance.expovariate(1.0)


def share(all_moments: Iterable[float], driver: int, drivers: int) -> Iterator[float]:
    """One driver's part: every `drivers`-th moment, so that the parts together are the whole."""
    return itertools.islice(all_moments, driver, None, drivers)


class Gate:
    """Lets people in when they are due; counts late ones, and those for whom nobody was free."""

    def __init__(self, due: Iterable[float], late_seconds: float = LATE_SECONDS) -> None:
        self._due = iter(due)
        self._next = next(self._due, math.inf)
        self._late_seconds = late_seconds
        self.started = 0
        self.late = 0
        self.dropped = 0

    @property
    def next_at(self) -> float:
        """When somebody is due next; infinity when nobody is."""
        return self._next

    def admit(self, now: float, free: int) -> list[float]:
        """The intended moments of those who start now, of whom at most `free` can."""
        admitted: list[float] = []
        while self._next <= now:
            if len(admitted) < free:
                admitted.append(self._next)
                self.late += now - self._next > self._late_seconds
            else:
                self.dropped += 1
            self._next = next(self._due, math.inf)
        self.started += len(admitted)
        return admitted
