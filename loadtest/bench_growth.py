"""Does a message cost more where there is more? CPU of all servers and the bus, by rooms, members
and nodes; a table, and a plot in build/growth.html. `python -m loadtest.bench_growth`.

What must hold: twice as much of anything costs at most twice as much (an exponent of 1).
"""

import asyncio
import contextlib
import json
import math
import multiprocessing
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import psutil
import uvloop
from msgspec import Struct

from loadtest import bench_socket
from loadtest.peers.raw import Raw, masked, opened
from loadtest.plots import Line, plot

DELIVERIES: Final = 40_000
DELTAS_MAX: Final = 400
WORST_EXPONENT: Final = 1.1
SWEEPS: Final = {
    "members": [(1, 1, 1), (1, 10, 1), (1, 100, 1), (1, 1_000, 1)],
    "rooms": [(1, 1, 1), (10, 1, 1), (100, 1, 1), (400, 1, 1)],
    "nodes": [(30, 12, 1), (30, 12, 2), (30, 12, 3)],
}


class Point(Struct, frozen=True):
    """One measurement: the CPU of nodes and bus for one delta of one room, and for each reader."""

    rooms: int
    members: int
    nodes: int
    us_per_delta: float
    us_per_delivery: float


@contextlib.contextmanager
def serving(bus: str, count: int) -> Iterator[list[tuple[int, psutil.Process]]]:
    """So many nodes on one bus: their ports and processes."""
    fork = multiprocessing.get_context("fork")
    with contextlib.ExitStack() as stack:
        nodes = []
        for _ in range(count):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1_024))
            child = fork.Process(target=bench_socket.serve, args=(bus, listening))
            child.start()
            stack.callback(child.join, 10)
            stack.callback(child.terminate)
            nodes.append((listening.getsockname()[1], psutil.Process(child.pid)))
        yield nodes


def _busy(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(one.user + one.system for one in times))


def _bus_process() -> psutil.Process:
    mine = psutil.Process().children()
    return next(one for one in mine if "valkey" in " ".join(one.cmdline()))


async def measure(bus: str, rooms: int, members: int, count: int) -> Point:
    """Every room says the same number of deltas, and every member hears them."""
    deltas = max(20, min(DELTAS_MAX, DELIVERIES // (rooms * members)))
    wanted, seen, over = rooms * members, 0, asyncio.Event()

    def heard(_: Raw, payload: bytes) -> None:
        nonlocal seen
        if b'"reply.delta"' in payload:
            seen += payload.count(b"ten words that a companion")
            if seen >= wanted:
                over.set()

    with serving(bus, count) as nodes:
        for port, _ in nodes:
            await _until_open(port)
        raws: list[Raw] = []
        for i, (port, _) in enumerate(nodes):
            mine = range(i, rooms * members, count)
            raws += await opened(port, len(mine), "/v1/socket", _signing_in(mine, rooms), heard)
        speakers = {
            n % rooms: raw for n, raw in zip(_order(rooms * members, count), raws, strict=True)
        }
        processes = [*(process for _, process in nodes), _bus_process()]
        for number in (1, deltas):  # the first frame of a room costs an anchor: not counted
            seen, wanted = 0, rooms * members * number
            over.clear()
            began = _busy(processes)
            for room, raw in speakers.items():
                said = b'{"type":"message.send","id":"%d","room":"r_bench%d","text":"%d"}'
                raw.send(masked(said % (number, room, number)))
            async with asyncio.timeout(120):
                await over.wait()
            took = _busy(processes) - began
        for raw in raws:
            raw.close()
    each = took / (rooms * deltas) * 1e6
    return Point(rooms, members, count, round(each, 1), round(each / members, 2))


def _order(total: int, count: int) -> list[int]:
    return [n for i in range(count) for n in range(i, total, count)]


def _signing_in(numbers: range, rooms: int) -> Callable[[int], list[bytes]]:
    def steps(i: int) -> list[bytes]:
        n = numbers[i]
        token = b"u_in%d@r_bench%d" % (n, n % rooms)
        return [b'{"type":"auth","id":"1","token":"%b"}' % token, b""]

    return steps


async def _until_open(port: int) -> None:
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.02)
    raise TimeoutError(port)


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope of a straight line through the logarithms: 1 is linear growth."""
    lx, ly = [math.log(x) for x in xs], [math.log(y) for y in ys]
    mx, my = sum(lx) / len(lx), sum(ly) / len(ly)
    above = sum((x - mx) * (y - my) for x, y in zip(lx, ly, strict=True))
    return above / sum((x - mx) ** 2 for x in lx)


def growth(name: str, points: Sequence[Point]) -> float:
    """By which power the work grows with what is varied."""
    xs = [float(getattr(point, name)) for point in points]
    total = [point.us_per_delta * (point.rooms if name == "rooms" else 1) for point in points]
    return exponent(xs, total)


async def run(bus: str) -> dict[str, list[Point]]:
    """All sweeps."""
    found: dict[str, list[Point]] = {}
    for name, sweep in SWEEPS.items():
        found[name] = [await measure(bus, *one) for one in sweep]
    return found


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/growth"))
@click.option("--check", is_flag=True, help="Exit 1 when anything grows worse than linearly.")
def main(out: Path, check: bool) -> None:
    """Measure how a message's cost grows, and plot it."""
    with bench_socket.bus("") as bus:
        found = uvloop.run(run(bus))
    click.echo(f"{'rooms':>6}{'members':>9}{'nodes':>7}{'us a delta':>12}{'us a delivery':>15}")
    for points in found.values():
        for p in points:
            click.echo(
                f"{p.rooms:>6}{p.members:>9}{p.nodes:>7}{p.us_per_delta:>12.1f}"
                f"{p.us_per_delivery:>15.2f}"
            )
    powers = {name: round(growth(name, points), 2) for name, points in found.items()}
    click.echo(f"grows with the power of: {powers} (at most {WORST_EXPONENT})")
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn = [
        plot(
            f"CPU of one delta by {name}",
            [Line("us", [(float(getattr(p, name)), p.us_per_delta) for p in points])],
            shown=lambda y: f"{y:g} us",
            shown_x=lambda x: f"{x:g}",
            log=True,
            at_x=math.log10 if name != "nodes" else float,
            ticks_x=[float(getattr(p, name)) for p in points],
        )
        for name, points in found.items()
    ]
    style = "<style>svg{max-width:45em}polyline{fill:none;stroke:#06c}.grid{stroke:#ccc}</style>"
    page = f"<!doctype html><meta charset=utf-8><title>Growth</title>{style}{''.join(drawn)}"
    out.with_suffix(".html").write_text(page)
    figures = {name: [vars_of(p) for p in points] for name, points in found.items()}
    out.with_suffix(".json").write_text(json.dumps({"powers": powers, "points": figures}, indent=2))
    sys.exit(1 if check and max(powers.values()) > WORST_EXPONENT else 0)


def vars_of(point: Point) -> dict[str, float]:
    """A point as JSON."""
    return {name: getattr(point, name) for name in Point.__struct_fields__}


if __name__ == "__main__":
    main()
