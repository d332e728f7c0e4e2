"""Two hundred hostile readers in the room of a hundred honest ones: does anybody notice?

Some stop reading, some take a byte a second, some flood, some only beat. What honest readers wait
for an event, with and without them, and what a hostile one costs in memory.
`python -m loadtest.bench_hostile`.
"""

import asyncio
import contextlib
import json
import multiprocessing
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import psutil
import uvloop

from loadtest import bench_socket
from loadtest.peers.raw import HANDSHAKE, Raw, masked, opened

HONEST: Final = 100
DELTAS: Final = 1_000
FLOOD_EVERY_SECONDS: Final = 0.001


class _At(msgspec.Struct):
    type: str
    at: int = 0


_at = msgspec.json.Decoder(_At).decode


def _auth(kind: str, i: int) -> list[bytes]:
    return [b'{"type":"auth","id":"1","token":"u_in%s%d"}' % (kind.encode(), i), b""]


async def talk(port: int) -> list[float]:
    """Have the room speak to the honest ones; how many milliseconds each event took to each."""
    lags: list[float] = []
    over = asyncio.Event()

    def heard(_: Raw, payload: bytes) -> None:
        if b'"reply.delta"' in payload:
            lags.append(time.time() * 1000 - _at(payload).at)
            if len(lags) >= HONEST * DELTAS:
                over.set()

    raws = await opened(port, HONEST, "/v1/socket", lambda i: _auth("honest", i), heard)
    said = b'{"type":"message.send","id":"%d","room":"r_bench","text":"%d"}'
    raws[0].send(masked(said % (time.monotonic_ns(), DELTAS)))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            await over.wait()
    for raw in raws:
        raw.close()
    return sorted(lags)


class Hostile:
    """One of them, on a plain socket; `code` is what it was closed with, if it was told."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind, self._number = kind, number
        self.code = 0
        self.closed = False

    async def run(self, port: int) -> None:
        """Sign in, then misbehave until the connection ends."""
        loop = asyncio.get_running_loop()
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.setblocking(False)
        try:
            await loop.sock_connect(raw, ("127.0.0.1", port))
            await loop.sock_sendall(raw, HANDSHAKE.format(path="/v1/socket", more="").encode())
            await loop.sock_recv(raw, 4_096)
            auth = _auth(self.kind, self._number)[0]
            await loop.sock_sendall(raw, masked(auth))
            await getattr(self, self.kind)(loop, raw)
        except OSError:
            self.closed = True
        finally:
            raw.close()

    async def deaf(self, _: Any, __: socket.socket) -> None:
        """Reads nothing."""
        await asyncio.sleep(600)

    async def slow(self, loop: Any, raw: socket.socket) -> None:
        """A byte a second."""
        while await loop.sock_recv(raw, 1):  # noqa: ASYNC110 - the pause is the point
            await asyncio.sleep(1)

    async def flood(self, loop: Any, raw: socket.socket) -> None:
        """Pings without end, and reads what comes."""
        reading = asyncio.ensure_future(self._read(loop, raw))
        try:
            while not reading.done():
                await loop.sock_sendall(raw, masked(b'{"type":"ping","seq":0}'))
                await asyncio.sleep(FLOOD_EVERY_SECONDS)
        finally:
            reading.cancel()
        self.closed = True

    async def beats(self, loop: Any, raw: socket.socket) -> None:
        """Heartbeats only; what it is told it throws away."""
        while await loop.sock_recv(raw, 65_536):
            await loop.sock_sendall(raw, masked(b'{"type":"ping","seq":0}'))

    async def _read(self, loop: Any, raw: socket.socket) -> None:
        last = b""
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(raw, 65_536):
                last = data
        at = last.rfind(b"\x88")
        self.code = int.from_bytes(last[at + 2 : at + 4], "big") if at >= 0 else 0


async def measure(port: int, process: psutil.Process, count: int) -> dict[str, Any]:
    """Without them, then with them."""
    alone = await talk(port)
    before = process.memory_info().rss
    kinds = ("deaf", "slow", "flood", "beats")
    hostile = [Hostile(kinds[i % 4], i) for i in range(count)]
    tasks = [asyncio.create_task(one.run(port)) for one in hostile]
    await asyncio.sleep(2)
    beside = await talk(port)
    grown = (process.memory_info().rss - before) / max(count, 1) / 1024
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "alone_p50_ms": alone[len(alone) // 2],
        "alone_p99_ms": alone[len(alone) * 99 // 100],
        "beside_p50_ms": beside[len(beside) // 2],
        "beside_p99_ms": beside[len(beside) * 99 // 100],
        "delivered": len(beside) / (HONEST * DELTAS),
        "kib_per_hostile": grown,
        "codes": Counter(one.code for one in hostile if one.code),
    }


@click.command()
@click.option("--hostile", default=200, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-hostile.json"))
def main(hostile: int, out: Path) -> None:
    """Measure what honest readers notice of hostile ones."""
    with bench_socket.bus("") as bus, socket.create_server(("127.0.0.1", 0), backlog=1_024) as one:
        child = multiprocessing.get_context("fork").Process(
            target=bench_socket.serve, args=(bus, one, True)
        )
        child.start()
        try:
            port = one.getsockname()[1]
            found = uvloop.run(measure(port, psutil.Process(child.pid), hostile))
        finally:
            child.terminate()
            child.join(10)
    for name, value in found.items():
        click.echo(f"{name:<20}{value if isinstance(value, dict) else round(value, 2)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
