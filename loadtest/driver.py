"""One driver process: lets people in when they are due, and tells once a second what it measured.

It also watches itself. A driver whose own loop is late measures itself and not the server, so its
share of a core, its waiting for one, and its loop's lateness are part of what it tells.
"""

import asyncio
import contextlib
import os
import random
import resource
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from itertools import islice, takewhile
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from loadtest.arrivals import Gate, moments, share
from loadtest.clients.wire import Trouble
from loadtest.measure import Loop, Measures, Part, Window, histogram, seconds_at
from loadtest.people import Person, Run
from loadtest.plan import Plan
from loadtest.scenarios import Scenario, load
from server.collecting import YOUNG_SECONDS, Collecting

PART_SECONDS: Final = 1.0
LAG_EVERY_SECONDS: Final = 0.02
TRACES_MAX: Final = 3
_STARTS: Final = ("starts", "late_starts", "dropped_starts")
_SCHEDSTAT: Final = Path("/proc/self/schedstat")


class Watcher:
    """How this process itself fares."""

    def __init__(self) -> None:
        self._lag = histogram()
        self._max_seconds = 0.0
        self._at, self._cpu, self._waited = self._clocks()

    @staticmethod
    def _clocks() -> tuple[float, float, float]:
        waited = 0.0
        with contextlib.suppress(OSError, ValueError, IndexError):
            waited = int(_SCHEDSTAT.read_text().split()[1]) / 1e9  # runnable, but without a core
        return time.perf_counter(), time.process_time(), waited

    async def run(self) -> None:
        """Look at the clock often: who is called late is busy, or was not let run."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_EVERY_SECONDS)
            late = max(0.0, time.perf_counter() - before - LAG_EVERY_SECONDS)
            self._lag.record_value(max(1, int(late * 1e6)))
            self._max_seconds = max(self._max_seconds, late)

    def take(self) -> Loop:
        """What was seen since the last time."""
        at, cpu, waited = self._clocks()
        passed = max(at - self._at, 1e-9)
        found = Loop(
            cpu_share=(cpu - self._cpu) / passed,
            waited_share=(waited - self._waited) / passed,
            lag_p99_seconds=seconds_at(self._lag, 99) if self._lag.total_count else 0.0,
            lag_max_seconds=self._max_seconds,
        )
        self._at, self._cpu, self._waited = at, cpu, waited
        self._lag, self._max_seconds = histogram(), 0.0
        return found


class Driver:
    """Runs one plan."""

    def __init__(self, plan: Plan, scenario: Scenario, told: Callable[[Part], None]) -> None:
        self._plan = plan
        self._scenario = scenario
        self._measures = Measures(_window(plan))
        self._run = Run(plan, self._measures, plan.begin_at)
        mine = range(plan.driver, len(plan.accounts), plan.drivers)
        self._free = deque(mine)
        self._visits: set[asyncio.Task[None]] = set()
        self._watcher = Watcher()
        self._gate = Gate(self._due())
        self._told = told
        self._counted = (0, 0, 0)
        self._traces = 0

    def _due(self) -> list[float]:
        """When this driver's people are due, in seconds from the beginning."""
        plan = self._plan
        chance = random.Random(plan.seed) if plan.poisson else None
        every = moments(plan.ramp, plan.ramp_seconds, chance)
        if plan.model == "closed":
            every = islice(every, len(plan.accounts))
        within = takewhile(lambda at: at < plan.for_seconds, every)
        return [plan.begin_at + at for at in share(within, plan.driver, plan.drivers)]

    async def run(self) -> None:
        """From the beginning to the end, and a little grace for those under way."""
        watching = asyncio.create_task(self._watcher.run(), name="watching")
        telling = asyncio.create_task(self._tell(), name="telling")
        try:
            await self._let_in()
            await asyncio.sleep(max(0.0, self._run.until - time.perf_counter()))
            if self._visits:
                await asyncio.wait(self._visits, timeout=self._plan.grace_seconds)
        finally:
            await self._end_visits()
            watching.cancel()
            telling.cancel()
            await asyncio.gather(watching, telling, return_exceptions=True)
            self._part(last=True)

    async def _end_visits(self) -> None:
        for visit in list(self._visits):
            self._measures.count("unfinished")
            visit.cancel()
        if self._visits:
            await asyncio.wait(list(self._visits), timeout=5.0)

    async def _let_in(self) -> None:
        while self._gate.next_at < self._run.until:
            await asyncio.sleep(max(0.0, self._gate.next_at - time.perf_counter()))
            for began in self._gate.admit(time.perf_counter(), len(self._free)):
                visit = asyncio.create_task(self._visit(self._free.popleft(), began))
                self._visits.add(visit)
                visit.add_done_callback(self._visits.discard)

    async def _visit(self, number: int, began: float) -> None:
        """One person's visit. What goes wrong in it is counted, and the run goes on."""
        person = Person(self._run, self._plan.accounts[number], number, began)
        try:
            await self._scenario.visit(person)
            self._measures.count("visits")
        except Exception as error:  # noqa: BLE001 - a scenario is anybody's file; counted and traced
            self._stumbled(error)
        finally:
            self._free.append(number)

    def _stumbled(self, error: Exception) -> None:
        """Count what went wrong: troubles by code, a scenario's own mistakes by type."""
        found = leaves(error)
        for one in found:
            code = one.code if isinstance(one, Trouble) else f"scenario.{type(one).__name__}"
            self._measures.error(code)
        if all(isinstance(one, Trouble) for one in found) or self._traces >= TRACES_MAX:
            return
        self._traces += 1
        traceback.print_exception(error, file=sys.stderr)

    async def _tell(self) -> None:
        at = max(time.perf_counter(), self._plan.begin_at)
        while True:
            at += PART_SECONDS  # counted and not asked for: a timer may ring a little early
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            self._part()
            at = max(at, time.perf_counter() - PART_SECONDS / 2)

    def _part(self, *, last: bool = False) -> None:
        """Tell what was measured since the last time."""
        gate, measures = self._gate, self._measures
        counted = (gate.started + gate.dropped, gate.late, gate.dropped)
        for name, now, before in zip(_STARTS, counted, self._counted, strict=True):
            measures.count(name, now - before)
        self._counted = counted
        times, counts = measures.take()
        at_seconds = time.perf_counter() - self._plan.begin_at
        part = Part(
            driver=self._plan.driver,
            at_seconds=at_seconds,
            times=times,
            counts=counts,
            people=len(self._visits),
            connected=self._run.connected,
            loop=self._watcher.take(),
            last=last,
        )
        self._told(part)


def _window(plan: Plan) -> Window | None:
    """The settled part of a run that has one."""
    if not plan.settle_seconds:
        return None
    return Window(plan.begin_at + plan.settle_seconds, plan.begin_at + plan.for_seconds)


def leaves(error: Exception) -> list[Exception]:
    """What went wrong, without the groups that task groups wrap it in."""
    if not isinstance(error, ExceptionGroup):
        return [error]
    return [leaf for one in error.exceptions for leaf in leaves(one)]


async def drive(plan: Plan) -> None:
    """Run a plan until it is over or our parent is gone."""
    driver = Driver(plan, load(plan.scenario), _say)
    running = asyncio.create_task(driver.run(), name="driver")
    collecting = asyncio.create_task(_collect(), name="collecting")
    loop = asyncio.get_running_loop()
    loop.add_reader(0, _on_stdin, running)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        loop.remove_reader(0)
        collecting.cancel()


async def _collect() -> None:
    """Look for cycles often and briefly: a long look would be told as the server's p99."""
    collecting = Collecting()
    while True:
        await asyncio.sleep(YOUNG_SECONDS)
        collecting.young()


def _on_stdin(running: "asyncio.Task[None]") -> None:
    """The parent says nothing after its orders: an end of input means stop."""
    if not os.read(0, 1):
        asyncio.get_running_loop().remove_reader(0)
        running.cancel()


_OUT = sys.stdout.buffer  # what a scenario prints goes to stderr, see main


def _say(part: Part) -> None:
    """A part, as one line."""
    _OUT.write(msgspec.json.encode(part) + b"\n")
    _OUT.flush()


def main() -> None:
    """Say that we are ready, read the plan (one line), and then tell parts."""
    _OUT.write(b"ready\n")
    _OUT.flush()
    line = bytearray()
    while not line.endswith(b"\n"):
        got = os.read(0, 1 << 16)
        if not got:
            sys.exit(2)
        line += got
    sys.stdout = sys.stderr
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(drive(msgspec.json.decode(bytes(line), type=Plan)))


if __name__ == "__main__":
    main()
