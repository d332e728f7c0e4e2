"""The inference workers of this house as children: their sockets, their key, where they are found.

Each listens on a socket that the supervisor keeps, so that callers wait while one starts again.
"""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from config.settings import Settings
from media.inference.orders import WorkerOrders
from server.supervisor.folder import CannotStart
from server.supervisor.keeper import Keeper
from server.supervisor.parts import ROOT, environment
from server.supervisor.restarts import RestartPolicy
from storage.embedded.child import Command, StoreFailed, check_socket, socket_folder

_BACKLOG = 128
_POLICY = RestartPolicy(  # people can write without it: never give up
    first_seconds=0.2, factor=3.0, most_seconds=30.0, deaths=1_000_000, window_seconds=600.0
)


class InferenceWorker:
    """One worker process on a listening socket that outlives it."""

    start_seconds = 60.0
    check_seconds = 0.05

    def __init__(
        self, number: int, listening: socket.socket, settings: Settings, key: str, logs: Path
    ) -> None:
        self.name = f"inference worker {number}"
        self._number = number
        self._listening = listening
        self._settings = settings
        self._key = key
        self._logs = logs
        self._pipe: tuple[int, int] | None = None

    def prepare(self) -> None:
        """A pipe on which the new process says that it serves."""
        self.close()
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[0], False)

    def command(self) -> Command:
        """Start `python -m media.inference.worker` with its orders."""
        assert self._pipe is not None
        fds = (self._listening.fileno(), self._pipe[1])
        orders = WorkerOrders(
            hearing=self._settings.hearing,
            inference=self._settings.inference,
            speech=self._settings.speech,
            key=self._key,
            listen_fd=fds[0],
            ready_fd=fds[1],
        )
        return Command(
            name=f"Inference worker {self._number}",
            argv=[sys.executable, "-m", "media.inference.worker"],
            env=environment(**orders.to_environment()),
            folder=ROOT,
            log=self._logs / f"inference-{self._number}.log",
            fds=fds,
            death=signal.SIGKILL,
            stop=signal.SIGTERM,
        )

    def ready(self) -> bool:
        """Whether the byte has come."""
        assert self._pipe is not None
        try:
            return os.read(self._pipe[0], 1) != b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Give the pipe back."""
        if self._pipe is not None:
            for fd in self._pipe:
                os.close(fd)
            self._pipe = None


class Speech:
    """All of them, and what gateways are told: addresses and a key."""

    def __init__(self, settings: Settings, data: Path, *, here: bool) -> None:
        """`here`: whether this house has the role `speech`. Raises CannotStart."""
        inference = settings.inference
        self.key = inference.key or secrets.token_urlsafe(24)
        self.addresses = list(inference.addresses)
        self._files: list[Path] = []
        self._sockets: list[socket.socket] = []
        if here and not inference.addresses:
            for number in range(inference.workers):
                self._sockets.append(self._open(inference.listen, data, number))
        self.workers = [
            InferenceWorker(number, listening, settings, self.key, data / "logs")
            for number, listening in enumerate(self._sockets, 1)
        ]

    def keepers(self, say: Callable[[str], None]) -> list[Keeper]:
        """What keeps them alive. Nobody waits for them."""
        return [
            Keeper(worker, say, policy=_POLICY, stop_seconds=5.0, needed=False)
            for worker in self.workers
        ]

    def close(self) -> None:
        """Give sockets and pipes back."""
        for worker in self.workers:
            worker.close()
        for listening in self._sockets:
            listening.close()
        for file in self._files:
            file.unlink(missing_ok=True)

    def _open(self, listen: str, data: Path, number: int) -> socket.socket:
        """A listening socket: of this machine only, or where the settings say."""
        if listen:
            return self._open_port(listen, number)
        try:
            path = check_socket(socket_folder(data) / f"inference-{number + 1}.sock")
            path.unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(path))
            path.chmod(0o600)
            listening.listen(_BACKLOG)
        except (OSError, StoreFailed) as error:
            raise CannotStart(f"The inference workers' socket cannot be opened: {error}") from error
        self._files.append(path)
        self.addresses.append(f"unix:{path}")
        return listening

    def _open_port(self, listen: str, number: int) -> socket.socket:
        host, _, first = listen.rpartition(":")
        if not host or not first.isdecimal():
            raise CannotStart(f"inference.listen is {listen!r}; it must be host:port.")
        port = int(first) + (number if int(first) else 0)
        try:
            listening = socket.create_server((host.strip("[]"), port), backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            raise CannotStart(
                f"Cannot listen on {host}:{port}: {error}. See inference.listen."
            ) from (error)
        near = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
        self.addresses.append(f"tcp:{near}:{listening.getsockname()[1]}")
        return listening
