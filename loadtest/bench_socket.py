"""What sockets cost: an append, a delta per reader, a ping, an idle session; on a real bus.

`python -m loadtest.bench_socket [--url redis://...]`. The server runs in a process of its own;
its CPU time per message is the measure, for wall time depends on who else is busy.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import resource
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
import uvloop
import websockets
from starlette.applications import Starlette

from config.sockets import RoomSettings, SocketSettings
from realtime.service import Realtime
from realtime.transports.uvicorn_socket import SocketProtocol
from rooms.commands import Answer, RoomCommand
from rooms.errors import NotFound
from rooms.events import Notice, ReplyDelta
from rooms.oversight import Glance
from rooms.ports import LiveRoom, Principal, RoomLog, Telling
from rooms.shapes import Person, Wallet
from storage.bus.ports import Wanted
from storage.bus.valkey import ValkeyBus
from storage.embedded.child import end, spawn, tidy_sockets, wait_ready
from storage.embedded.valkey import Valkey

GAP_SECONDS: Final = 0.005
ROOM: Final = "r_bench"
WORDS: Final = "ten words that a companion might well say to you "


class BenchRoom:
    """A room whose every message is `count` deltas for everybody in it."""

    idle = True

    def __init__(self, log: RoomLog) -> None:
        self._log = log

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:  # noqa: ARG002
        """`message.send` with a number as its text."""
        count = int(getattr(command, "text", "0"))
        began = _cpu_seconds()
        for i in range(count):
            delta = ReplyDelta(room=self._log.room, reply="m_1", offset=i * len(WORDS), text=WORDS)
            await self._log.append([Telling(delta)])
            await asyncio.sleep(GAP_SECONDS)
        await asyncio.sleep(0.2)
        return Answer(message=json.dumps(_cpu_seconds() - began))

    def glance(self) -> Glance:
        """Nobody looks."""
        return Glance(room=ROOM)

    async def close(self, *, interrupt: bool) -> None:
        """Nothing runs here."""

    async def leave(self, *, interrupt: bool) -> None:
        """There are no calls here."""
        await self.close(interrupt=interrupt)

    async def hand_over(self) -> None:
        """Likewise."""


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _node(url: str, strict: bool) -> Realtime:
    async def authenticate(token: str) -> Principal:
        who = Person(
            id=token,
            username=token,
            display_name=token,
            role="member",
            plan="free",
            language="en",
            timezone="UTC",
            country="FR",
        )
        return Principal(person=who, sign_in=f"si_{token}")

    async def open_room(room: str, log: RoomLog) -> LiveRoom:
        if not room.startswith("r_bench"):
            raise NotFound("There is no such room.")
        return BenchRoom(log)

    async def floor(_: str) -> int:
        return 0

    async def rooms_of(person: str) -> dict[str, str]:
        """`u_in7` is in the room of the bench, `u_in7@r_bench3` in that one."""
        room = person.partition("@")[2] or ROOM
        return {room: ""} if person.startswith("u_in") else {}

    async def admit(*_: object) -> str:
        return ""

    async def nothing(*_: object) -> None: ...

    async def wallet(_: Principal) -> Wallet:
        return Wallet(available_microcredits=0, held_microcredits=0, lots=[])

    def notices(_: Principal) -> list[Notice]:
        return []

    return Realtime(
        node=f"bench-{secrets.token_hex(3)}",
        version="bench",
        settings=SocketSettings(
            sockets_per_address=100_000,
            sockets_per_person=100_000,
            commands_per_second=SocketSettings().commands_per_second if strict else 1e9,
            commands_burst=SocketSettings().commands_burst if strict else 1_000_000,
        ),
        rooms=RoomSettings(),
        bus=ValkeyBus(url, log_entries=4_096, log_seconds=600),
        authenticate=authenticate,
        open_room=open_room,
        fence_floor=floor,
        rooms_of=rooms_of,
        admit=admit,
        leave=nothing,
        wallet_of=wallet,
        notices_of=notices,
        own_origins=[],
        demo_model=False,
    )


def serve(url: str, listening: socket.socket, strict: bool = False) -> None:
    """The server's process; `strict` keeps the command rates that people have."""

    async def run() -> None:
        node = _node(url, strict)
        await node.start()
        config = uvicorn.Config(
            Starlette(routes=node.routes()),
            ws=SocketProtocol,
            lifespan="off",
            log_config=None,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        await uvicorn.Server(config).serve(sockets=[listening])
        await node.drain(1.0)

    uvloop.run(run())


async def _open(port: int, token: str) -> Any:
    ws = await websockets.connect(
        f"ws://127.0.0.1:{port}/v1/socket", compression=None, max_size=None, ping_interval=None
    )
    await ws.recv()
    await ws.send(json.dumps({"type": "auth", "id": "1", "token": token}))
    ready = msgspec.json.decode(await ws.recv())
    assert ready["type"] == "ready", ready
    return ws


async def _until(ws: Any, kind: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = msgspec.json.decode(await ws.recv())
        if frame["type"] == kind:
            return frame


async def _drained(ws: Any, deltas: int) -> int:
    """Read until `deltas` times the words have come; how many frames that took."""
    frames, wanted = 0, deltas * len(WORDS)
    while wanted > 0:
        frame = msgspec.json.decode(await ws.recv())
        if frame["type"] == "reply.delta":
            frames += 1
            wanted -= len(frame["text"])
    return frames


async def fan_out(port: int, readers: int, deltas: int) -> float:
    """Server CPU seconds to log `deltas` and send each to `readers`."""
    sockets = [await _open(port, f"u_in{i}") for i in range(readers)]
    reading = [asyncio.create_task(_drained(ws, deltas)) for ws in sockets]
    driver = await _open(port, "u_driver")
    ask = {"type": "message.send", "id": "2", "room": ROOM, "text": str(deltas)}
    await driver.send(json.dumps(ask))
    took = float((await _until(driver, "ack"))["message"])
    await asyncio.gather(*reading)
    for ws in (*sockets, driver):
        await ws.close()
    return took


async def pings(port: int, pid: int, count: int) -> float:
    """Server CPU seconds for `count` pings answered."""
    ws = await _open(port, "u_driver")
    began = _cpu_of(pid)
    for _ in range(count):
        await ws.send('{"type":"ping","seq":0}')
        await ws.recv()
    took = _cpu_of(pid) - began
    await ws.close()
    return took


async def idle_kib(port: int, pid: int, count: int) -> float:
    """Memory of one idle signed-in session, in KiB."""
    before = _rss_kib(pid)
    sockets = [await _open(port, f"u_idle{i}") for i in range(count)]
    grown = _rss_kib(pid) - before
    for ws in sockets:
        await ws.close()
    return grown / count


async def appends(url: str, count: int, writers: int) -> list[float]:
    """Seconds each of `count` appends took, `writers` logs at a time."""
    bus = ValkeyBus(url, log_entries=4_096, log_seconds=600)
    await bus.start(f"bench-{secrets.token_hex(3)}", _ignore, _ignore, _ignore)
    took: list[float] = []

    async def write(log: str) -> None:
        entry = [Wanted(1, "", "m_1", b"x" * 98)]
        for _ in range(count // writers):
            began = time.perf_counter()
            await bus.append(log, 1, entry, {"m_1": b"state"})
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(write(f"r_b{i}") for i in range(writers)))
    await bus.close()
    return sorted(took)


def _ignore(*_: object) -> None: ...


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@contextlib.contextmanager
def bus(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        valkey = Valkey(Path(folder))
        valkey.prepare()
        command = valkey.command()
        child = spawn(command)
        try:
            wait_ready(child, command, valkey.ready, valkey.start_seconds)
            yield valkey.url()
        finally:
            end(child, signal.SIGTERM, 5.0)
            tidy_sockets(Path(folder))


async def measure(url: str, port: int, pid: int) -> dict[str, float]:
    """All figures."""
    found: dict[str, float] = {}
    for writers in (1, 50):
        took = await appends(url, 10_000, writers)
        found[f"append ms p50, {writers} at once"] = took[len(took) // 2] * 1e3
        found[f"append ms p99, {writers} at once"] = took[len(took) * 99 // 100] * 1e3
    found["ping to pong, server us"] = await pings(port, pid, 5_000) / 5_000 * 1e6
    alone = await fan_out(port, 0, 2_000) / 2_000
    found["append through a room, server us"] = alone * 1e6
    for readers in (1, 10, 100):
        deltas = 2_000 if readers < 100 else 400
        each = (await fan_out(port, readers, deltas) / deltas - alone) / readers
        found[f"delta to a socket, {readers} readers, server us"] = each * 1e6
    found["idle signed-in session, KiB"] = await idle_kib(port, pid, 2_000)
    return found


def main() -> int:
    """Measure, print a table, and with --json write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="a bus to use instead of one of our own")
    parser.add_argument("--json", default="", help="where to write the figures")
    options = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    with bus(options.url) as url:
        server = multiprocessing.get_context("fork").Process(target=serve, args=(url, listening))
        server.start()
        try:
            assert server.pid is not None
            port = listening.getsockname()[1]
            found = uvloop.run(measure(url, port, server.pid))
        finally:
            server.terminate()
            server.join(10)
    for name, value in found.items():
        sys.stdout.write(f"{name:<48}{value:>10.2f}\n")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
