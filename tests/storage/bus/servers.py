"""Valkeys of a test's own: one that may be killed and started again, and a cluster of them.

They listen on loopback and keep next to nothing; the program is the one Kindred starts itself.
"""

import asyncio
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from storage.bus.slots import SLOTS, slot_of
from storage.embedded.child import Command, end, spawn
from storage.embedded.valkey import program

PATIENCE_SECONDS = 30.0


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    holding = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in holding]
    for one in holding:
        one.close()
    return ports


class Server:
    """One server; `kill`, `freeze`, `thaw` and `start` do as they say."""

    def __init__(self, folder: Path, port: int, *, bus_port: int = 0, durable: bool = False):
        self.folder, self.port, self.bus_port, self.durable = folder, port, bus_port, durable
        self.child: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Call it on the main thread: the server dies with the thread that started it."""
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": "64mb",
            "io-threads": "1",
            "repl-diskless-sync-delay": "0",
        }
        if self.bus_port:
            settings |= {
                "cluster-enabled": "yes",
                "cluster-port": str(self.bus_port),
                "cluster-node-timeout": "2000",
                "cluster-require-full-coverage": "no",
            }
        options = [part for key, value in settings.items() for part in (f"--{key}", value)]
        self.child = spawn(
            Command(
                name="A Valkey",
                argv=[str(program()), *options],
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                folder=self.folder,
                log=self.folder / "log",
            )
        )
        until(lambda: self.ask("PING"), "a Valkey that answers")

    def ask(self, *words: Any) -> Any:
        with Redis(port=self.port, socket_timeout=5, decode_responses=True) as client:
            return client.execute_command(*words)

    def ask_text(self, word: str) -> str:
        """An answer as the server wrote it."""
        with Redis(port=self.port, socket_timeout=5) as client:
            client.set_response_callback(word, lambda told: told.decode())
            return str(client.execute_command(word))

    def kill(self) -> None:
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def freeze(self) -> None:
        assert self.child is not None
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.child is not None
        self.child.send_signal(signal.SIGCONT)

    def end(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.thaw()
            end(self.child, signal.SIGTERM, 5.0)


def until(true: Any, what: str) -> None:
    """Wait for the servers to be so far."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _holds(true):
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def _holds(true: Any) -> bool:
    try:
        return bool(true())
    except (RedisError, OSError):
        return False


class Cluster:
    """Three primaries, and a fourth server without slots that may become their replica."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(8)
        self.servers = [
            Server(folder / str(i), ports[2 * i], bus_port=ports[2 * i + 1]) for i in range(4)
        ]

    @property
    def primaries(self) -> list[Server]:
        return self.servers[:3]

    def url(self) -> str:
        return self.servers[0].url

    def start(self) -> None:
        for server in self.servers:
            server.start()
        first = self.servers[0]
        for i, server in enumerate(self.primaries):
            begin, after = SLOTS * i // 3, SLOTS * (i + 1) // 3
            server.ask("CLUSTER", "ADDSLOTSRANGE", begin, after - 1)
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for server in self.servers[1:]:
            first.ask("CLUSTER", "MEET", "127.0.0.1", server.port, server.bus_port)
        until(self._agreed, "a cluster of four that agree")

    def _agreed(self) -> bool:
        told = [server.ask("CLUSTER", "INFO") for server in self.servers]
        states = [one if isinstance(one, dict) else _fields(one) for one in told]
        return all(
            one["cluster_state"] == "ok" and int(one["cluster_known_nodes"]) == 4 for one in states
        )

    def id_of(self, server: Server) -> str:
        return str(server.ask("CLUSTER", "MYID"))

    def owner(self, log: str) -> Server:
        """The primary that has a log's slot now, as the first living server sees it."""
        slot = slot_of(f"{{{log}}}")
        for asked in self.servers:
            if asked.child is None or asked.child.poll() is not None:
                continue
            for first, last, primary, *_ in asked.ask("CLUSTER", "SLOTS"):
                if int(first) <= slot <= int(last):
                    return next(one for one in self.servers if one.port == int(primary[1]))
        raise AssertionError("nobody has this slot")

    async def move(self, log: str, there: Server, keys: list[str]) -> None:
        """The slot of a log to another primary, key by key, as an operator's tool does it."""
        slot, here = slot_of(f"{{{log}}}"), self.owner(log)
        there.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(here))
        here.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(there))
        for key in keys:
            await asyncio.sleep(0)
            await asyncio.to_thread(
                here.ask, "MIGRATE", "127.0.0.1", there.port, key, 0, 5000, "REPLACE"
            )
        for server in (there, here, *self.primaries):
            await asyncio.to_thread(
                server.ask, "CLUSTER", "SETSLOT", slot, "NODE", self.id_of(there)
            )

    def end(self) -> None:
        for server in self.servers:
            server.end()


def _fields(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.split() if ":" in line)
