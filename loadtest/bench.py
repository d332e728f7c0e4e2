"""`make bench`: what Kindred adds, measured beside the bare upstream in one run.

Figures: first token later than straight from the model, CPU per token, metering's share,
commits a turn, warm start, memory. JSON to build/bench.json, a table to the terminal.
"""

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import httpx2
import orjson
import psutil
import uvloop
import websockets
from hdrh.histogram import HdrHistogram

from config.plans import Plan, PriceBook
from rooms.credits.meter import Meter

TOKENS = 60
GAP_MS = 40.0
FIRST_MS = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(
    arguments: list[str], environment: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A child for the length of the block, ended politely."""
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()


async def until_ready(url: str, path: str = "/readyz") -> float:
    """Seconds until the address answers 200."""
    began = time.perf_counter()
    async with httpx2.AsyncClient() as http:
        while time.perf_counter() - began < 60:
            try:
                if (await http.get(url + path)).status_code == 200:
                    return time.perf_counter() - began
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.02)
    raise TimeoutError(url)


class Straight:
    """A reader straight at the upstream: one connection, one stream after another."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def run(self, seconds: float, first: HdrHistogram) -> None:
        """Read streams for so long."""
        until = time.perf_counter() + seconds
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = b'{"stream":true}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        while time.perf_counter() < until:
            began = time.perf_counter()
            writer.write(head % len(body) + body)
            seen = False
            while True:
                line = await reader.readline()
                if not seen and b'"content": "' in line and b'"content": ""' not in line:
                    first.record_value(int((time.perf_counter() - began) * 1e6))
                    seen = True
                if line.startswith(b"0\r\n"):
                    await reader.readline()
                    break
        writer.close()


class Person:
    """A reader through Kindred: a native socket, one message after another."""

    def __init__(self, url: str, n: int) -> None:
        self._url = url
        self._n = n
        self._ws: Any = None
        self._room = ""
        self._asked = 0  # ids are never used twice in a session: a repeat gets the first answer

    async def prepare(self, http: httpx2.AsyncClient) -> None:
        form = {
            "email": f"bench{self._n}@example.org",
            "password": "correct horse battery",
            "username": f"bench{self._n}",
            "birth_date": "1990-01-01",
            "country": "FR",
            "consents": ["terms", "privacy"],
        }
        answer = await http.post(f"{self._url}/api/v1/users/register", json=form)
        signed = answer.raise_for_status().json()
        headers = {"authorization": f"Bearer {signed['access_token']}"}
        made = await http.post(
            f"{self._url}/api/v1/rooms", json={"companions": ["mira"]}, headers=headers
        )
        self._room = made.raise_for_status().json()["id"]
        self._ws = await websockets.connect(
            self._url.replace("http", "ws") + "/v1/socket",
            subprotocols=[websockets.Subprotocol("kindred.v1.json")],
            compression=None,
        )
        await self._ws.recv()
        await self._ws.send(
            json.dumps({"type": "auth", "id": "1", "token": signed["access_token"]})
        )
        await self._ws.recv()

    async def run(self, seconds: float, first: HdrHistogram) -> int:
        """Converse for so long; returns the turns taken."""
        until = time.perf_counter() + seconds
        turns = 0
        while time.perf_counter() < until:
            turns += 1
            self._asked += 1
            await self._ws.send('{"type":"ping"}')
            ask = {
                "type": "message.send",
                "id": str(self._asked),
                "room": self._room,
                "text": "And then?",
            }
            began = time.perf_counter()
            await self._ws.send(orjson.dumps(ask).decode())
            seen = False
            while True:
                frame = orjson.loads(await self._ws.recv())
                if not seen and frame["type"] == "reply.delta":
                    first.record_value(int((time.perf_counter() - began) * 1e6))
                    seen = True
                if frame["type"] == "error":
                    raise RuntimeError(frame)
                if frame["type"] == "reply.done":
                    break
        return turns

    async def close(self) -> None:
        await self._ws.close()


def histogram() -> HdrHistogram:
    """Microseconds, up to a minute."""
    return HdrHistogram(1, 60_000_000, 3)


async def staggered(works: Sequence[Callable[[], Any]], spread_seconds: float) -> list[Any]:
    """All at once, but not in step: starts are spread, as people are."""

    async def one(i: int, work: Callable[[], Any]) -> Any:
        await asyncio.sleep(spread_seconds * i / len(works))
        return await work()

    return list(await asyncio.gather(*(one(i, work) for i, work in enumerate(works))))


async def first_tokens(
    url: str, upstream: int, people: int, seconds: float, from_number: int = 0
) -> dict[str, Any]:
    """First tokens straight and through, interleaved in rounds so that drift hits both."""
    straight, through = histogram(), histogram()
    readers = [Straight(upstream) for _ in range(people)]
    persons = [Person(url, from_number + n) for n in range(people)]
    async with httpx2.AsyncClient(timeout=60) as http:
        for person in persons:
            await person.prepare(http)
    cycle = (FIRST_MS + TOKENS * GAP_MS) / 1000
    turns = 0
    await staggered([partial(p.run, seconds=cycle, first=histogram()) for p in persons], cycle)
    span = cycle + seconds / 3
    for _ in range(3):
        await staggered([partial(r.run, seconds=span, first=straight) for r in readers], cycle)
        works = [partial(p.run, seconds=span, first=through) for p in persons]
        turns += sum(await staggered(works, cycle))
    for person in persons:
        await person.close()

    def at(h: HdrHistogram, q: float) -> float:
        return float(h.get_value_at_percentile(q)) / 1000

    return {
        "people": people,
        "turns": turns,
        "straight_p50_ms": at(straight, 50),
        "straight_p99_ms": at(straight, 99),
        "kindred_p50_ms": at(through, 50),
        "kindred_p99_ms": at(through, 99),
        "added_p50_ms": round(at(through, 50) - at(straight, 50), 3),
        "added_p99_ms": round(at(through, 99) - at(straight, 99), 3),
    }


def metering() -> float:
    """Nanoseconds of one metered token."""
    meter = Meter(PriceBook(), Plan(), 500, 10**12)
    rounds: list[float] = []
    for _ in range(7):
        began = time.perf_counter_ns()
        for _ in range(100_000):
            meter.charge(1)
        rounds.append((time.perf_counter_ns() - began) / 100_000)
    return statistics.median(rounds)


def tree_of(child: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """A process and all below it."""
    top = psutil.Process(child.pid)
    return [top, *top.children(recursive=True)]


def role_of(one: psutil.Process) -> str:
    """What a process of the tree is, in a word."""
    line = " ".join(one.cmdline())
    for word, role in (("embedded.serve", "model"), ("server.gateway", "gateway")):
        if word in line:
            return role
    return "postgres" if "postgres" in line else "valkey" if "valkey" in line else "supervisor"


def memory(child: "subprocess.Popen[bytes]") -> dict[str, float]:
    """Proportional set size by role, in MB."""
    sizes: dict[str, float] = {}
    for one in tree_of(child):
        try:
            sizes[role_of(one)] = sizes.get(role_of(one), 0) + one.memory_full_info().pss / 1e6
        except psutil.Error:
            continue
    return {role: round(size, 1) for role, size in sizes.items()}


def cpu_seconds(child: "subprocess.Popen[bytes]") -> dict[str, float]:
    """CPU seconds by role."""
    spent: dict[str, float] = {}
    for one in tree_of(child):
        try:
            times = one.cpu_times()
            spent[role_of(one)] = spent.get(role_of(one), 0) + times.user + times.system
        except psutil.Error:
            continue
    return spent


async def measure(people: int, seconds: float, data: Path) -> dict[str, Any]:
    """The whole run."""
    upstream, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "KINDRED_DATA": str(data),
        "KINDRED_PORT": str(port),
        "KINDRED_MODELS__USE": "script",
        "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
        "KINDRED_API__REGISTER__REQUESTS": "100000",
        "KINDRED_API__REQUESTS": "100000",
        "KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "0",
        "KINDRED_PLANS__FREE__ALLOWANCE_MICROCREDITS": "1000000000000",
    }
    script = ["loadtest.upstream", "--port", str(upstream), "--tokens", str(TOKENS)]
    script += ["--gap-ms", str(GAP_MS), "--first-ms", str(FIRST_MS)]
    found: dict[str, Any] = {}
    with process(script):
        await until_ready(f"http://127.0.0.1:{upstream}", "/v1/models")
        with process(["server.cli", "up"], environment):
            found["first_start_seconds"] = round(await until_ready(url), 2)
        with process(["server.cli", "up"], environment) as kindred:
            found["warm_start_seconds"] = round(await until_ready(url), 2)
            await asyncio.sleep(3)
            found["idle_pss_mb"] = memory(kindred)
            before = cpu_seconds(kindred)
            found["first_token"] = await first_tokens(url, upstream, people, seconds)
            after = cpu_seconds(kindred)
            tokens = (found["first_token"]["turns"] + people) * TOKENS
            spent = {role: after[role] - before.get(role, 0.0) for role in after}
            found["gateway_us_per_token"] = round(spent.get("gateway", 0) / tokens * 1e6, 1)
            found["all_us_per_token"] = round(sum(spent.values()) / tokens * 1e6, 1)
        recalling = {**environment, "KINDRED_PLANS__FREE__RECALL": "5"}
        with process(["server.cli", "up"], recalling):
            await until_ready(url)
            found["with_recall"] = await first_tokens(url, upstream, 5, seconds / 3, 100_000)
    found["metering_ns_per_token"] = round(metering(), 1)
    found["metering_percent_of_streaming"] = round(
        found["metering_ns_per_token"] / 10 / max(found["gateway_us_per_token"], 1e-9), 3
    )
    found["idle_pss_mb_without_model"] = round(
        sum(size for role, size in found["idle_pss_mb"].items() if role != "model"), 1
    )
    return found


BUDGETS: dict[str, tuple[Callable[[dict[str, Any]], float], float]] = {
    "first token later, p50 (ms)": (lambda f: f["first_token"]["added_p50_ms"], 3.0),
    "first token later, p99 (ms)": (lambda f: f["first_token"]["added_p99_ms"], 10.0),
    "metering, share of streaming (%)": (lambda f: f["metering_percent_of_streaming"], 2.0),
    "warm start (s)": (lambda f: f["warm_start_seconds"], 5.0),
    "idle memory without model (MB PSS)": (lambda f: f["idle_pss_mb_without_model"], 250.0),
}


@click.command()
@click.option("--people", default=50, show_default=True, help="Steady streams at once.")
@click.option("--seconds", default=15.0, show_default=True, help="Measured time on each side.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench.json"))
@click.option("--check", is_flag=True, help="Exit 1 when a figure is beyond its budget.")
def main(people: int, seconds: float, out: Path, check: bool) -> None:
    """Measure what Kindred adds, beside the bare upstream, in one run."""
    with tempfile.TemporaryDirectory(prefix="kindred-bench-") as folder:
        found = uvloop.run(measure(people, seconds, Path(folder) / "data"))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2))
    beyond = 0
    click.echo(f"{'figure':<40}{'measured':>12}{'budget':>10}{'ratio':>8}")
    for name, (read, budget) in BUDGETS.items():
        value = read(found)
        beyond += value > budget
        click.echo(f"{name:<40}{value:>12.3f}{budget:>10.1f}{value / budget:>8.2f}")
    click.echo(f"\nAll figures: {out}")
    click.echo(json.dumps({k: v for k, v in found.items() if k != "idle_pss_mb"}))
    sys.exit(1 if check and beyond else 0)


if __name__ == "__main__":
    main()
