"""One clock for the legs that sound in this gateway: many frames leave in one turn of the loop.

A timer for each of a hundred calls wakes the process five thousand times a second, and a process
that was just woken is slow; up to `LEGS_A_TICK` legs share a tick, so that none waits for long.
"""

import asyncio
from typing import Final, Protocol

from media.calls.beat import Beat

LEGS_A_TICK: Final = 32
_EARLY_US: Final = 1_000  # uvloop's timers count whole milliseconds: looking twice costs more


class Paced(Protocol):
    """Something that has a frame to send every 20 ms, for now."""

    def beat(self, late_ms: float) -> bool:
        """Send the next frame, which was due so long ago. False: it rests now, and is let go."""
        ...


class Pacer:
    """The ticks of one process. Those of no legs are no more."""

    def __init__(self) -> None:
        self._ticks: list[_Tick] = []

    @property
    def ticking(self) -> int:
        """How many timers run."""
        return len(self._ticks)

    def join(self, leg: Paced) -> None:
        """From its next tick on, at most 20 ms from now, it is asked for a frame every 20 ms."""
        tick = next((one for one in self._ticks if len(one.legs) < LEGS_A_TICK), None)
        if tick is None:
            tick = _Tick(self._ticks)
        tick.legs[leg] = None

    def leave(self, leg: Paced) -> None:
        """It is asked no more, if it was."""
        for tick in tuple(self._ticks):
            if leg in tick.legs:
                tick.drop(leg)


class _Tick:
    """Legs whose frames leave together."""

    def __init__(self, among: "list[_Tick]") -> None:
        self.legs: dict[Paced, None] = {}
        self._among = among
        self._loop = asyncio.get_running_loop()
        self._beat = Beat(_us(self._loop.time()))
        self._beat.left()  # whoever begins it has just sent
        self._timer = self._next()
        among.append(self)

    def drop(self, leg: Paced) -> None:
        """The last one ends it."""
        del self.legs[leg]
        if not self.legs:
            self._timer.cancel()
            self._among.remove(self)

    def _next(self) -> asyncio.TimerHandle:
        wake_us = self._beat.wake_us(_us(self._loop.time()))
        return self._loop.call_at(wake_us / 1_000_000, self._tick)

    def _tick(self) -> None:
        now_us = _us(self._loop.time())
        late: list[float] = []
        for _ in range(self._beat.due(now_us + _EARLY_US)):
            late.append(max(0, now_us - self._beat.due_us) / 1000)
            self._beat.left()
        self._timer = self._next()  # first, so that one leg's failure is its own
        for late_ms in late:
            for leg in tuple(self.legs):
                if not leg.beat(late_ms) and leg in self.legs:
                    self.drop(leg)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)  # what a timer was set to is not a microsecond early
