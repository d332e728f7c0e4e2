"""How many calls a core carries before sound is late: one media worker, pinned, ever more calls.

`python -m loadtest.bench_capacity [--most 40] [--late-ms 20]`. A stub of a speaker keeps a second
of sound ahead in every leg; both sides speak all the time. Lateness is of every packet, from the
moment it was due until it is handed to the network.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import uvloop
from msgspec import Struct

from loadtest.bench_calls import KEY, Caller, measured, talk
from media.calls.carrying import Carried
from media.calls.control import Control
from media.calls.load import Load
from media.calls.rtc import RtcEngine
from media.calls.serving import Worker

FIRST: Final = 8
STEP: Final = 4
SETTLE_SECONDS: Final = 2.0


class Lateness(Struct, frozen=True):
    """Of the packets since it was last asked for."""

    packets: int
    p50_ms: float
    p99_ms: float


class Step(Struct, frozen=True):
    """So many calls at once."""

    calls: int
    core_percent: float
    late: Lateness


def cores() -> tuple[int, int]:
    """One for the callers, one for the worker; the same where there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


def pinned_process(path: str) -> None:
    """A media worker on a core of its own, which tells how late its packets left."""
    os.sched_setaffinity(0, {cores()[1]})
    uvloop.run(_serve(path))


async def _serve(path: str) -> None:
    book: list[int] = []
    noted = Carried.on_sent_late

    def note(self: Carried, late_us: int) -> None:
        book.append(late_us)
        noted(self, late_us)

    Carried.on_sent_late = note  # type: ignore[method-assign]

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ranked = sorted(book) or [0]
        book.clear()
        at = [ranked[(len(ranked) - 1) * percent // 100] / 1000 for percent in (50, 99)]
        writer.write(msgspec.json.encode(Lateness(len(ranked), *at)))
        writer.close()

    worker, loop = Worker(RtcEngine(), KEY, load=Load(most=100.0)), asyncio.get_running_loop()
    told = await asyncio.start_unix_server(tell, path + ".late")
    served = await loop.create_unix_server(worker.link, path)
    async with told, served:
        await asyncio.Event().wait()


async def lateness(path: str) -> Lateness:
    """What the worker's packets were since the last time."""
    reader, writer = await asyncio.open_unix_connection(path + ".late")
    told = msgspec.json.decode(await reader.read(), type=Lateness)
    writer.close()
    return told


def deafen(caller: Caller) -> None:
    """What comes is thrown away before it is decrypted: the caller must not be the limit."""

    async def ignored(data: bytes, arrival_time_ms: int) -> None: ...

    for transceiver in caller.pc.getTransceivers():
        vars(transceiver.receiver.transport)["_handle_rtp_data"] = ignored


async def run(most: int, late_ms: float, seconds: float) -> list[Step]:
    """More and more calls, until sound is late or there are enough."""
    steps: list[Step] = []
    async with measured(pinned_process) as (process, path):
        os.sched_setaffinity(0, {cores()[0]})  # now: a child inherits what its parent may use
        control = await Control(f"unix:{path}", KEY).connect()
        callers: list[Caller] = []
        for count in range(FIRST, most + 1, STEP):
            while len(callers) < count:
                callers.append(await Caller().call(control))
                deafen(callers[-1])
            await talk(callers, SETTLE_SECONDS)
            steps.append(await _step(process, path, callers, seconds))
            if steps[-1].late.p99_ms > late_ms:
                break
        await asyncio.gather(*(caller.close() for caller in callers))
    return steps


async def _step(process: psutil.Process, path: str, callers: list[Caller], seconds: float) -> Step:
    await lateness(path)
    spent, began = sum(process.cpu_times()[:2]), time.monotonic()
    await talk(callers, seconds)
    used = sum(process.cpu_times()[:2]) - spent
    share = 100 * used / (time.monotonic() - began)
    return Step(calls=len(callers), core_percent=round(share, 1), late=await lateness(path))


def main() -> int:
    """Measure, print, and leave JSON behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--late-ms", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--out", type=Path, default=Path("build/bench_capacity.json"))
    told = parser.parse_args()
    steps = uvloop.run(run(told.most, told.late_ms, told.seconds))
    carried = max((step.calls for step in steps if step.late.p99_ms <= told.late_ms), default=0)
    found: dict[str, Any] = {"calls_a_core": carried, "steps": msgspec.to_builtins(steps)}
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{'calls':>6}{'core %':>8}{'late p50':>10}{'p99 ms':>8}")
    for step in steps:
        late = step.late
        print(f"{step.calls:>6}{step.core_percent:>8}{late.p50_ms:>10.2f}{late.p99_ms:>8.2f}")
    print(f"\n{carried} calls on a core before the p99 of lateness passes {told.late_ms:g} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
