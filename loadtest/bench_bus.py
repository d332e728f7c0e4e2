"""What an event costs on the bus: on one Valkey, and on a cluster of three primaries.

`python -m loadtest.bench_bus`. One process appends, as a gateway that holds the rooms does; another
follows every log, as a gateway whose people are in them does. CPU of each, and of the servers.
"""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import click
import psutil
import uvloop
from msgspec import Struct

from loadtest.valkeys import valkeys
from storage.bus.ports import Place, Wanted
from storage.bus.valkey import ValkeyBus

EVENT: Final = Wanted(1, "", "m_1", b"x" * 140)
WRITERS: Final = (1, 50, 400)
LATE_SECONDS: Final = 30.0


class Point(Struct, frozen=True):
    """One measurement; CPU in microseconds for each event."""

    primaries: int
    writers: int
    events_per_second: float
    append_us: float
    push_us: float
    bus_us: float


def _nothing(*_: object) -> None: ...


def _bus(url: str) -> ValkeyBus:
    return ValkeyBus(url, log_entries=4_096, log_seconds=600)


def follow(url: str, writers: int, count: int, told: Connection) -> None:
    """The other node: say when everything is followed, and when everything has come."""

    async def run() -> None:
        seen, over = 0, asyncio.Event()

        def deliver(_: str, __: str, ___: int, entries: Sequence[Wanted]) -> None:
            nonlocal seen
            seen += len(entries)
            if seen >= count:
                over.set()

        bus = _bus(url)
        await bus.start("follower", deliver, _nothing, _nothing)
        for i in range(writers):
            bus.follow(f"r_{i}")
        await asyncio.sleep(0.5)
        told.send("ready")
        async with asyncio.timeout(LATE_SECONDS * 4):
            await over.wait()
        told.send(seen)
        await bus.close()

    uvloop.run(run())


async def write(url: str, writers: int, count: int) -> float:
    """Append from so many rooms at once, one append in flight in each; seconds it took."""
    bus = _bus(url)
    await bus.start("writer", _nothing, _nothing, _nothing)

    async def one(log: str) -> None:
        known: Place | None = None
        for _ in range(count // writers):
            done = await bus.append(log, 1, [EVENT], {"m_1": b"state"}, known)
            known = Place(done.generation, done.last)

    began = time.perf_counter()
    await asyncio.gather(*(one(f"r_{i}") for i in range(writers)))
    seconds = time.perf_counter() - began
    await bus.close()
    return seconds


def _busy(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def measure(primaries: int, writers: int, count: int) -> Point:
    """A fresh bus, a follower, and so many events."""
    count -= count % writers
    with valkeys(primaries) as bus:
        ours, theirs = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("fork")
        follower = spawn.Process(target=follow, args=(bus.url, writers, count, theirs))
        follower.start()
        other, own = psutil.Process(follower.pid), psutil.Process()
        assert ours.poll(LATE_SECONDS)
        ours.recv()
        before = [_busy(some) for some in ([own], [other], bus.processes)]
        seconds = uvloop.run(write(bus.url, writers, count))
        if not ours.poll(LATE_SECONDS):
            raise TimeoutError("not every event came to the other node")
        after = [_busy(some) for some in ([own], [other], bus.processes)]
        follower.join(10)
        each = [round((b - a) / count * 1e6, 1) for a, b in zip(before, after, strict=True)]
        return Point(primaries, writers, round(count / seconds), *each)


@click.command()
@click.option("--events", default=20_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-bus.json"))
def main(events: int, rounds: int, out: Path) -> None:
    """Measure in interleaved rounds, and print the medians."""
    found: dict[tuple[int, int], list[Point]] = {}
    for _ in range(rounds):
        for primaries in (1, 3):
            for writers in WRITERS:
                point = measure(primaries, writers, events if writers > 1 else events // 4)
                found.setdefault((primaries, writers), []).append(point)
    click.echo(
        f"{'primaries':>9}{'rooms':>7}{'events/s':>10}{'append us':>11}{'push us':>9}{'bus us':>8}"
    )
    medians: list[Any] = []
    for points in found.values():
        points.sort(key=lambda one: one.append_us + one.push_us + one.bus_us)
        p = points[len(points) // 2]
        medians.append({name: getattr(p, name) for name in p.__struct_fields__})
        click.echo(
            f"{p.primaries:>9}{p.writers:>7}{p.events_per_second:>10.0f}{p.append_us:>11.1f}"
            f"{p.push_us:>9.1f}{p.bus_us:>8.1f}"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(medians, indent=2))


if __name__ == "__main__":
    main()
