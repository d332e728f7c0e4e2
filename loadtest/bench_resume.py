"""What it costs to sign in and to come back: CPU of gateways, database and bus for each person.

`python -m loadtest.bench_resume [--people 3000] [--at-once 400]`. Starts a house of its own with
seeded people; everybody signs in, all connections are cut, and all resume. CPU is the measure.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import psutil
import uvloop

from loadtest.bench import free_port, process, until_ready
from loadtest.peers.raw import Raw, masked
from loadtest.people import load_people
from loadtest.plan import Account

KINDS: Final = {"server.gateway": "gateways", "postgres": "database", "valkey": "bus"}
SECONDS: Final = 60.0
HEARTBEAT_SECONDS: Final = 25  # what the server asks for, unless it was told otherwise
OPENED_MORE: Final = "Sec-WebSocket-Protocol: kindred.v1.json\r\n"


class Person:
    """Somebody's socket, what they need to come back, and what of their events went wrong."""

    def __init__(self, token: str, number: int) -> None:
        self.events = self.missed = self.repeated = 0
        self.on_frame: Callable[[dict[str, Any]], None] | None = None
        self._token = token
        self._address = f"127.{1 + number // 20_000}.{number // 200 % 100}.1"
        self._raw: Raw | None = None
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.session = self.epoch = ""
        self.seq = 0
        self.lost = asyncio.Event()

    def _heard(self, _: Raw, payload: bytes) -> None:
        frame = msgspec.json.decode(payload)
        if frame["type"] in {"hello", "ready", "resumed", "resync", "error"}:
            self._frames.put_nowait(frame)
        elif "seq" in frame:
            self.events += 1
            self.missed += max(0, frame["seq"] - self.seq - 1)
            self.repeated += frame["seq"] <= self.seq
        self.seq = frame.get("seq", self.seq)
        if self.on_frame is not None:
            self.on_frame(frame)

    def _made(self) -> Raw:
        self._raw = Raw("/v1/socket", OPENED_MORE, self._heard, self._gone)
        return self._raw

    def _gone(self, raw: Raw) -> None:
        if raw is self._raw:
            self._frames.put_nowait({"type": "error", "code": "lost"})
            self.lost.set()

    async def _asked(self, port: int, command: dict[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        self._frames = asyncio.Queue()  # what came on the connection before is not asked for
        self.lost.clear()
        await loop.create_connection(
            self._made,
            "127.0.0.1",
            port,
            local_addr=(self._address, 0),
        )
        hello = await self._frames.get()
        if hello["type"] != "hello":
            return hello
        asked = {"id": "1", "token": self._token, **command}
        self.say(msgspec.json.encode(asked))
        return await self._frames.get()

    async def sign_in(self, port: int) -> str:
        """A new session; what the server said."""
        frame = await self._asked(port, {"type": "auth"})
        self.session, self.epoch = frame.get("session", ""), frame.get("epoch", "")
        return str(frame.get("code") or frame["type"])

    async def resume(self, port: int) -> str:
        """The session goes on; what the server said."""
        where = {"session": self.session, "epoch": self.epoch, "seq": self.seq}
        frame = await self._asked(port, {"type": "resume", **where})
        return str(frame.get("code") or frame["type"])

    def say(self, command: bytes) -> None:
        """Send a command, and do not wait for what comes of it."""
        assert self._raw is not None
        self._raw.send(masked(command))

    def beat(self) -> None:
        """A heartbeat, as every client sends it."""
        if self._raw is not None:
            self._raw.send(masked(b'{"type":"ping","seq":%d}' % self.seq))

    def cut(self) -> None:
        """Lose the connection."""
        if self._raw is not None:
            self._raw.close()


def busy(top: psutil.Process) -> Counter[str]:
    """CPU seconds of a house so far, by kind of process."""
    found: Counter[str] = Counter()
    for child in top.children(recursive=True):
        try:
            line = " ".join(child.cmdline())
            times = child.cpu_times()
        except psutil.Error:
            continue
        for mark, kind in KINDS.items():
            if mark in line:
                found[kind] += times.user + times.system
                break
    return found


async def all_of(works: Sequence[Callable[[], Any]], at_once: int) -> Counter[str]:
    """Every one, so many at a time; how often each answer came."""
    gate = asyncio.Semaphore(at_once)

    async def one(work: Callable[[], Any]) -> str:
        async with gate:
            return str(await work())

    async with asyncio.timeout(SECONDS * 5):
        return Counter(await asyncio.gather(*(one(work) for work in works)))


async def stage(
    name: str, works: Sequence[Callable[[], Any]], at_once: int, top: psutil.Process
) -> dict[str, Any]:
    """Do it and say what it cost each."""
    own, before, began = psutil.Process(), busy(top), time.perf_counter()
    own_before = sum(own.cpu_times()[:2])
    answers = await all_of(works, at_once)
    seconds = time.perf_counter() - began
    await asyncio.sleep(0.5)  # what was put off is paid here too
    after = busy(top)
    each = {kind: (after[kind] - before[kind]) / len(works) * 1e6 for kind in KINDS.values()}
    each["driver"] = (sum(own.cpu_times()[:2]) - own_before) / len(works) * 1e6
    return {"stage": name, "answers": dict(answers), "a_second": len(works) / seconds, **each}


async def silence(people: Sequence[Person], seconds: float, top: psutil.Process) -> dict[str, Any]:
    """What a minute of one costs who says nothing, heartbeats included."""
    loop = asyncio.get_running_loop()
    before, began = busy(top), loop.time()
    for tick in range(int(seconds)):
        for person in people[tick % HEARTBEAT_SECONDS :: HEARTBEAT_SECONDS]:
            person.beat()
        await asyncio.sleep(max(0.0, began + tick + 1 - loop.time()))
    minutes = (loop.time() - began) / 60 * len(people)
    after = busy(top)
    idle = {kind: (after[kind] - before[kind]) / minutes * 1e6 for kind in KINDS.values()}
    return {"stage": "idle minute", "answers": {}, "a_second": 0.0, **idle, "driver": 0.0}


async def measure(
    url: str,
    port: int,
    tokens: list[str],
    at_once: int,
    top: psutil.Process,
    rounds: int,
    idle: float,
) -> Any:
    """Sign-in, some rounds of coming back, an idle while."""
    await until_ready(url)
    people = [Person(token, number) for number, token in enumerate(tokens)]
    found = []
    signing_in = [lambda one=one: one.sign_in(port) for one in people]
    found.append(await stage("sign-in", signing_in, at_once, top))
    for number in range(1, rounds + 1):
        for person in people:
            person.cut()
        await asyncio.sleep(2.0)
        coming = [lambda one=one: one.resume(port) for one in people]
        found.append(await stage(f"resume {number}", coming, at_once, top))
    if idle > 0:
        found.append(await silence(people, idle, top))
    return found


def table(found: list[dict[str, Any]]) -> list[str]:
    """What the terminal shows."""
    kinds = [*KINDS.values(), "driver"]
    lines = [f"{'CPU us for each':<16}{'a second':>10}" + "".join(f"{one:>10}" for one in kinds)]
    for one in found:
        figures = "".join(f"{one[kind]:>10.0f}" for kind in kinds)
        lines.append(f"{one['stage']:<16}{one['a_second']:>10.0f}{figures}  {one['answers'] or ''}")
    return lines


@click.command()
@click.option("--people", default=3_000, show_default=True)
@click.option("--at-once", default=400, show_default=True, help="How many come at a time.")
@click.option("--gateways", default=2, show_default=True)
@click.option("--rounds", default=2, show_default=True, help="How often all come back.")
@click.option("--idle", default=50.0, show_default=True, help="Seconds of silence; 0: none.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-resume.json"))
def main(people: int, at_once: int, gateways: int, rounds: int, idle: float, out: Path) -> None:
    """Measure in a house of its own, and print the table."""
    with tempfile.TemporaryDirectory(prefix="kindred-resume-") as folder:
        port = free_port()
        environment = {"KINDRED_DATA": folder, "KINDRED_PRESET": "virtual"}
        up = ["server.cli", "up", "--port", str(port), "--gateways", str(gateways)]
        with process(up, environment) as house:
            url = f"http://127.0.0.1:{port}"
            uvloop.run(until_ready_once(url))
            tokens = [account.token for account in seeded(folder, people)]
            top = psutil.Process(house.pid)
            found = uvloop.run(measure(url, port, tokens, at_once, top, rounds, idle))
    for line in table(found):
        click.echo(line)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2))


def seeded(folder: str, people: int) -> list[Account]:
    """So many people of the house that keeps everything in `folder`."""
    seeding = [sys.executable, "-m", "loadtest", "seed", "--people", str(people)]
    subprocess.run([*seeding, "--data", folder], check=True, timeout=300)
    return load_people(Path(folder) / "loadtest" / "people.json").people


async def until_ready_once(url: str) -> None:
    """Wait for the house."""
    await until_ready(url)


if __name__ == "__main__":
    main()
