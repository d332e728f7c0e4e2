"""Ours beside its peers in one run: echo, fan-out, memory of an idle socket.

Server CPU per message is the measure, for wall time depends on who else is busy; rounds are
interleaved, so that a noisy minute hits everyone. `python -m loadtest.peers.bench`.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import psutil
import uvloop
from msgspec import Struct

from loadtest import bench_socket
from loadtest.peers.python_servers import SERVERS
from loadtest.peers.raw import Raw, masked, opened

HERE: Final = Path(__file__).parent
PING: Final = b'{"type":"ping","seq":0}'
SIO: Final = "/socket.io/?EIO=4&transport=websocket"


class Peer(Struct, frozen=True):
    """How to speak with one kind of server: `steps` after each frame, what to send, what comes."""

    name: str
    path: str
    steps: Callable[[int], Sequence[bytes]]
    echo: bytes
    go: Callable[[int], bytes]
    marks: bytes  # found in every event of a fan-out


def _auth(i: int) -> list[bytes]:
    return [b'{"type":"auth","id":"1","token":"u_in%d"}' % i, b""]


def _plain(name: str) -> Peer:
    return Peer(name, "/", lambda _: [], PING, lambda n: b"go %d" % n, b"reply.delta")


def _socketio(name: str) -> Peer:
    return Peer(
        name,
        SIO,
        lambda _: [b"40", b""],
        b'42["echo",{"type":"ping","seq":0}]',
        lambda n: b'42["go",%d]' % n,
        b"reply.delta",
    )


bench_ids: Iterator[int] = iter(range(10, 10**9))
OURS: Final = Peer(
    "kindred",
    "/v1/socket",
    _auth,
    PING,
    lambda n: (
        b'{"type":"message.send","id":"%d","room":"r_bench","text":"%d"}' % (next(bench_ids), n)
    ),
    b"reply.delta",
)
PEERS: Final = [
    OURS,
    *map(_plain, ("starlette", "websockets", "picows", "node-ws")),
    *map(_socketio, ("python-socketio", "node-socketio")),
]


@contextlib.contextmanager
def serving(peer: Peer, bus: str, node: Path | None) -> Iterator[tuple[int, psutil.Process]]:
    """The peer's server in a process of its own: its port and the process."""
    if peer.name.startswith("node-"):
        child = subprocess.Popen(
            ["node", "node_server.js", peer.name], cwd=node, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline()), psutil.Process(child.pid)
        finally:
            child.kill()
            child.wait()
        return
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listening:
        port = listening.getsockname()[1]
        if peer is OURS:
            spawn = multiprocessing.get_context("fork")
            own = spawn.Process(target=bench_socket.serve, args=(bus, listening))
            own.start()
            try:
                yield port, psutil.Process(own.pid)
            finally:
                own.terminate()
                own.join(10)
            return
        fd = listening.fileno()
        arguments = [sys.executable, "-m", "loadtest.peers.python_servers", peer.name, str(fd)]
        python = subprocess.Popen(arguments, pass_fds=(fd,), stderr=subprocess.DEVNULL)
        try:
            yield port, psutil.Process(python.pid)
        finally:
            python.kill()
            python.wait()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _ignored(_: Raw, __: bytes) -> None: ...


async def echo(peer: Peer, port: int, process: psutil.Process, count: int) -> float:
    """Server CPU microseconds for one message there and back; 20 connections, one in flight."""
    frame, left, over = masked(peer.echo), count, asyncio.Event()

    def again(raw: Raw, _: bytes) -> None:
        nonlocal left
        left -= 1
        if left > 0:
            raw.send(frame)
        else:
            over.set()

    raws = await opened(port, 20, peer.path, peer.steps, again)
    began = _cpu(process)
    for raw in raws:
        raw.send(frame)
    await over.wait()
    took = _cpu(process) - began
    for raw in raws:
        raw.close()
    return took / count * 1e6


async def fan_out(
    peer: Peer, port: int, process: psutil.Process, readers: int, events: int
) -> float:
    """Server CPU microseconds for one delivery of an event to one of `readers`.

    One event goes ahead: a session's first frame of a room costs ours an anchor on the bus.
    """
    seen, wanted, over = 0, readers, asyncio.Event()

    def count(_: Raw, payload: bytes) -> None:
        nonlocal seen
        if peer.marks in payload:
            seen += 1
            if seen >= wanted:
                over.set()

    raws = await opened(port, readers, peer.path, peer.steps, count)
    for number in (1, events):
        seen, wanted = 0, readers * number
        over.clear()
        began = _cpu(process)
        raws[0].send(masked(peer.go(number)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                await over.wait()
        took = _cpu(process) - began
    for raw in raws:
        raw.close()
    return took / max(seen, 1) * 1e6


async def idle_kib(peer: Peer, port: int, process: psutil.Process, count: int) -> float:
    """Memory of one idle, signed-in socket in KiB."""
    warm = await opened(port, 50, peer.path, peer.steps, _ignored)
    before = process.memory_info().rss
    raws = await opened(port, count, peer.path, lambda i: peer.steps(i + 50), _ignored)
    grown = process.memory_info().rss - before
    for raw in (*warm, *raws):
        raw.close()
    return float(grown) / count / 1024


async def measure(peer: Peer, bus: str, node: Path | None, quick: bool) -> dict[str, float]:
    """One round with one server."""
    scale = 4 if quick else 1
    slow = peer.name in {"python-socketio", "node-socketio"}
    found: dict[str, float] = {}
    with serving(peer, bus, node) as (port, process):
        await _until_open(port)
        found["echo_us"] = await echo(peer, port, process, (20_000 if slow else 60_000) // scale)
    with serving(peer, bus, node) as (port, process):
        await _until_open(port)
        found["idle_kib"] = await idle_kib(peer, port, process, 2_000 // scale)
    with serving(peer, bus, node) as (port, process):
        await _until_open(port)
        events = (20 if slow else 200) // scale
        found["fan_out_us"] = await fan_out(peer, port, process, 1_000, events)
    return found


async def _until_open(port: int) -> None:
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.02)
    raise TimeoutError(port)


def node_folder(scratch: Path) -> Path | None:
    """A folder with Node's ws and socket.io in it; None where Node or its registry is missing."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return None
    for name in ("package.json", "node_server.js"):
        shutil.copy(HERE / name, scratch)
    quiet = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
    done = subprocess.run(quiet, cwd=scratch, check=False, capture_output=True, timeout=300)
    return scratch if done.returncode == 0 else None


BUDGETS: Final = (
    ("ping to pong / bare Starlette echo", "echo_us", "starlette", 1.2),
    ("ping to pong / Node ws echo", "echo_us", "node-ws", 1.0),
    ("ping to pong / picows echo (how near)", "echo_us", "picows", None),
    ("fan-out / picows", "fan_out_us", "picows", 1.2),
    ("fan-out / Starlette's send_text", "fan_out_us", "starlette", 1 / 1.8),
    ("fan-out / Node ws", "fan_out_us", "node-ws", None),
    ("fan-out / python-socketio", "fan_out_us", "python-socketio", None),
    ("idle session / Starlette's socket", "idle_kib", "starlette", None),
)


def table(found: dict[str, dict[str, float]]) -> Iterator[str]:
    """What the terminal shows."""
    yield f"{'server':<18}{'echo us':>10}{'fan-out us':>12}{'idle KiB':>10}"
    for name, one in found.items():
        yield f"{name:<18}{one['echo_us']:>10.1f}{one['fan_out_us']:>12.2f}{one['idle_kib']:>10.1f}"
    yield ""
    yield f"{'ratio':<44}{'measured':>10}{'budget':>10}"
    for text, key, peer, budget in BUDGETS:
        if peer in found:
            ratio = found["kindred"][key] / found[peer][key]
            yield f"{text:<44}{ratio:>10.2f}{f'{budget:.2f}' if budget else '-':>10}"
    yield f"{'idle signed-in session (KiB)':<44}{found['kindred']['idle_kib']:>10.1f}{30:>10}"


async def run(rounds: int, quick: bool, only: list[str], bus: str, node: Path | None) -> Any:
    """The median of interleaved rounds, by server."""
    peers = [p for p in PEERS if (not only or p.name in only) and (node or "node-" not in p.name)]
    every: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            every[peer.name].append(await measure(peer, bus, node, quick))
    return {
        name: {key: statistics.median(one[key] for one in ones) for key in ones[0]}
        for name, ones in every.items()
    }


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--quick", is_flag=True, help="A quarter of the messages.")
@click.option("--only", multiple=True, type=click.Choice([p.name for p in PEERS] + list(SERVERS)))
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-peers.json"))
def main(rounds: int, quick: bool, only: tuple[str, ...], out: Path) -> None:
    """Measure ours beside its peers, and print the ratios."""
    with (
        tempfile.TemporaryDirectory(prefix="kindred-peers-") as scratch,
        bench_socket.bus("") as bus,
    ):
        node = node_folder(Path(scratch))
        if node is None:
            click.echo("Node's servers are left out: node, npm or its registry is not to be had.")
        found = uvloop.run(run(rounds, quick, list(only), bus, node))
    for line in table(found):
        click.echo(line)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": os.cpu_count(), "servers": found}, indent=2))


if __name__ == "__main__":
    main()
