"""Runs the drivers: starts them, adds up what they tell, and ends them with the run.

Each driver is a process of its own, because one Python process is one core. They share the
machine's monotonic clock, so all begin at the same moment.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import structs

from loadtest.measure import Part
from loadtest.outcome import Totals
from loadtest.plan import Plan

SETTLING_SECONDS: Final = 0.3
READY_SECONDS: Final = 60.0
LINE_BYTES_MAX: Final = 8 << 20
ENDING_SECONDS: Final = 15.0

_part = msgspec.json.Decoder(Part).decode


class Drivers:
    """The driver processes of one run. `told` is called after each part."""

    def __init__(self, plan: Plan, totals: Totals, told: Callable[[], None]) -> None:
        self._plan = plan
        self._totals = totals
        self._told = told
        self._children: list[asyncio.subprocess.Process] = []
        self.died: set[int] = set()

    async def run(self) -> None:
        """Until all have ended. When cancelled, they are stopped and still tell what they have."""
        try:
            for _ in range(self._plan.drivers):
                self._children.append(await _start())
            async with asyncio.timeout(READY_SECONDS):
                await asyncio.gather(*map(_ready, self._children))
            begin_at = time.perf_counter() + SETTLING_SECONDS
            plan = structs.replace(self._plan, begin_at=begin_at)
            await asyncio.gather(*(self._order(plan, i) for i in range(plan.drivers)))
            reading = asyncio.gather(*(self._read(i) for i in range(plan.drivers)))
            try:
                await asyncio.shield(reading)
            except asyncio.CancelledError:
                self._stop()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ENDING_SECONDS):
                        await reading
                raise
        finally:
            await self._end()
            self._totals.close_second()

    async def _order(self, plan: Plan, driver: int) -> None:
        """Hand a driver its plan; its input stays open, for its end means stop."""
        stdin = self._children[driver].stdin
        assert stdin is not None
        stdin.write(msgspec.json.encode(structs.replace(plan, driver=driver)) + b"\n")
        with contextlib.suppress(ConnectionError):
            await stdin.drain()

    async def _read(self, driver: int) -> None:
        stdout = self._children[driver].stdout
        assert stdout is not None
        while line := await stdout.readline():
            self._totals.add(_part(line))
            self._told()
        if driver not in self._totals.ended:
            self.died.add(driver)

    def _stop(self) -> None:
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()

    async def _end(self) -> None:
        self._stop()
        for child in self._children:
            try:
                async with asyncio.timeout(ENDING_SECONDS):
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtest.driver",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
        start_new_session=True,  # Ctrl-C is ours to hear: they are asked to stop
    )


async def _ready(child: asyncio.subprocess.Process) -> None:
    """Wait until a driver has loaded everything: from then on it is not late by itself."""
    assert child.stdout is not None
    await child.stdout.readline()


def _search_path() -> Sequence[str]:
    """Where this process finds its modules, so that its drivers find the same."""
    return [os.path.abspath(one or os.curdir) for one in sys.path]
