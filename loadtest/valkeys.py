"""Valkeys for a bench: a single one, or a cluster of three primaries, of the program we ship.

On loopback TCP both, so that what differs is the cluster and nothing else.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
from msgspec import Struct
from redis import Redis
from redis.exceptions import RedisError

from storage.bus.slots import SLOTS
from storage.embedded.child import Command, end, spawn
from storage.embedded.valkey import program

PATIENCE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0


class Valkeys(Struct, frozen=True):
    """Running ones: where to connect, and the processes."""

    url: str
    processes: list[psutil.Process]


@contextlib.contextmanager
def valkeys(primaries: int) -> Iterator[Valkeys]:
    """One server, or a cluster of so many primaries, for the length of the block."""
    clustered = primaries > 1
    with (
        tempfile.TemporaryDirectory(prefix="kindred-valkeys-") as folder,
        contextlib.ExitStack() as s,
    ):
        ports = _free_ports(2 * primaries)
        children = []
        for i in range(primaries):
            child = _start(Path(folder) / str(i), ports[2 * i], ports[2 * i + 1] * clustered)
            s.callback(end, child, signal.SIGTERM, STOP_SECONDS)
            children.append(psutil.Process(child.pid))
        for port in ports[::2]:
            _until(lambda port=port: _ask(port, "PING"))  # type: ignore[misc]
        if clustered:
            _join(ports)
        yield Valkeys(f"redis://127.0.0.1:{ports[0]}", children)


def _free_ports(count: int) -> list[int]:
    holding = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in holding]
    for one in holding:
        one.close()
    return ports


def _start(folder: Path, port: int, bus_port: int) -> "subprocess.Popen[bytes]":
    """Written as the embedded one writes: each second to its file."""
    folder.mkdir(parents=True)
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "io-threads": "1",
    }
    if bus_port:
        settings |= {"cluster-enabled": "yes", "cluster-port": str(bus_port)}
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    argv = [str(program()), *options]
    log = folder / "log"
    return spawn(Command(name="A Valkey", argv=argv, env=environment, folder=folder, log=log))


def _join(ports: list[int]) -> None:
    """Give out the slots and have all of them agree."""
    here = ports[::2]
    for i, port in enumerate(here):
        begin, after = SLOTS * i // len(here), SLOTS * (i + 1) // len(here)
        _ask(port, "CLUSTER", "ADDSLOTSRANGE", begin, after - 1)
        _ask(port, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
    for port, bus_port in zip(here[1:], ports[3::2], strict=True):
        _ask(here[0], "CLUSTER", "MEET", "127.0.0.1", port, bus_port)
    for port in here:
        _until(lambda port=port: _agrees(port, len(here)))  # type: ignore[misc]


def _agrees(port: int, size: int) -> bool:
    told = str(_ask(port, "CLUSTER", "INFO"))
    return f"cluster_size:{size}" in told and "cluster_state:ok" in told


def _ask(port: int, *words: Any) -> Any:
    with Redis(port=port, socket_timeout=5) as client:
        client.response_callbacks.clear()
        return client.execute_command(*words)


def _until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(RedisError, OSError):
            if true():
                return
        time.sleep(0.05)
    raise TimeoutError("a Valkey that answers")
