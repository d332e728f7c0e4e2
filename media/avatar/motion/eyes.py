"""Blinks and glances: what the eyes do by themselves, from a seeded source of chance.

Time is in seconds of the call. Everything is decided when it falls due, so nothing is stored
beyond the blink and the glance of the moment.
"""

import random
from typing import Final, NamedTuple

from media.avatar.motion.springs import Spring

_CLOSING: Final = 0.085
_HELD: Final = 0.045
_OPENING: Final = 0.17
_WIDEST: Final = 0.6
BLINK_SECONDS: Final = _CLOSING + _HELD + _OPENING


class Looking(NamedTuple):
    """How an attitude looks: where to, how far it wanders, how often it looks away, how long."""

    x: float
    y: float
    wander: float
    away: float  # chance that the next glance goes elsewhere
    stay: tuple[float, float]


AT_YOU: Final = Looking(0.0, 0.0, 0.045, 0.0, (0.5, 1.6))
LISTENING: Final = Looking(0.0, 0.0, 0.04, 0.06, (0.7, 2.2))
SPEAKING: Final = Looking(0.0, 0.0, 0.06, 0.22, (0.6, 1.8))
THINKING: Final = Looking(0.45, 0.5, 0.12, 0.15, (0.5, 1.3))
IDLE: Final = Looking(0.0, -0.02, 0.08, 0.25, (0.9, 2.8))


def lid(since: float) -> float:
    """How far the lid is down, `since` seconds after a blink began."""
    if since < 0 or since >= BLINK_SECONDS:
        return 0.0
    if since < _CLOSING:
        return _ease(since / _CLOSING)
    if since < _CLOSING + _HELD:
        return 1.0
    return 1.0 - _ease((since - _CLOSING - _HELD) / _OPENING)


def _ease(part: float) -> float:
    return part * part * (3 - 2 * part)


class Blinks:
    """When the lids fall: a while apart, now and then twice, and with a wide glance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._began = -9.0
        self._next = chance.uniform(0.6, 3.0)
        self._again = False

    def at(self, now: float) -> float:
        """How far the lids are down now."""
        if now >= self._next and now - self._began >= BLINK_SECONDS:
            # A late look (a slow worker) starts the blink now, so that the lids never jump.
            self._began = now
            self._again = not self._again and self._chance.random() < 0.12
            gap = 0.04 if self._again else min(7.5, self._chance.lognormvariate(1.12, 0.5))
            self._next = now + BLINK_SECONDS + gap
        return lid(now - self._began)

    def soon(self, now: float) -> None:
        """Blink at the next chance: after a glance, at the end of a sentence."""
        self._next = min(self._next, now + 0.05)


class Eyes:
    """Fixations joined by quick glances, small ones while looking at you."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._x, self._y = Spring(75.0), Spring(75.0)
        self._aim = (0.0, 0.0)
        self._until = 0.0
        self._way = AT_YOU
        self._side = chance.choice((-1.0, 1.0))
        self._last: float | None = None

    def at(self, now: float, way: Looking) -> tuple[float, float, bool]:
        """Gaze x and y now, and whether a wide glance began (people blink with those)."""
        wide = False
        if now >= self._until or way is not self._way:
            before = self._aim
            self._choose(now, way)
            wide = abs(self._aim[0] - before[0]) + abs(self._aim[1] - before[1]) > 0.4
        seconds = 0.0 if self._last is None else min(0.2, max(0.0, now - self._last))
        self._last = now
        return self._x.step(self._aim[0], seconds), self._y.step(self._aim[1], seconds), wide

    def _choose(self, now: float, way: Looking) -> None:
        chance = self._chance
        if way is not self._way:
            self._way, self._side = way, chance.choice((-1.0, 1.0))
        x, y = way.x * self._side, way.y
        if chance.random() < way.away:
            x = chance.choice((-1.0, 1.0)) * chance.uniform(0.25, 0.5)
            y += chance.uniform(-0.3, 0.1)
        x, y = x + chance.gauss(0, way.wander), y + chance.gauss(0, way.wander * 0.7)
        self._aim = (max(-_WIDEST, min(_WIDEST, x)), max(-_WIDEST, min(_WIDEST, y)))
        self._until = now + chance.uniform(*way.stay)
