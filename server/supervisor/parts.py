"""The children that are Python: gateways, which share one port, the model server, media workers.

The stores are children too; storage/embedded says how those start.
"""

import http.client
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from config.media import MediaSettings
from media.calls.orders import WorkerOrders
from server.supervisor.orders import GatewayOrders
from server.supervisor.progress import ModelProgress
from storage.embedded.child import Command, check_socket, socket_folder

ROOT = Path(__file__).parent.parent.parent
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
              "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
              "XDG_CACHE_HOME", "TMPDIR")  # fmt: skip
_LEAN = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}


def environment(**more: str) -> dict[str, str]:
    """What a Python child needs of ours, and no more: its settings reach it another way."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, **_LEAN, **more}


class Gateway:
    """One gateway process on one listening socket that outlives it."""

    start_seconds = 60.0
    check_seconds = 0.01

    def __init__(
        self,
        number: int,
        listening: socket.socket,
        orders: Callable[[int, int, str], GatewayOrders],
        logs: Path,
        lives: Iterator[int],
        metrics: socket.socket | None = None,
    ) -> None:
        """`lives` numbers the lives of all gateways of this run: no two share a node's name."""
        self.name = f"gateway {number}"
        self.node = ""
        self._number = number
        self._listening = listening
        self._orders = orders
        self._logs = logs
        self._lives = lives
        self._metrics = metrics
        self._pipe: tuple[int, int] | None = None

    def prepare(self) -> None:
        """A pipe on which the new process says that it serves."""
        self._close_pipe()
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[0], False)
        life = next(self._lives)
        self.node = f"{socket.gethostname()}-{os.getpid()}-{self._number}-{life}"

    def command(self) -> Command:
        """Start `python -m server.gateway` with its orders."""
        assert self._pipe is not None
        listen, ready = self._listening.fileno(), self._pipe[1]
        orders = self._orders(listen, ready, self.node)
        fds: tuple[int, ...] = (listen, ready)
        if self._metrics is not None:
            fds = (*fds, self._metrics.fileno())
            orders = msgspec.structs.replace(orders, metrics_fd=fds[-1])
        return Command(
            name=f"Gateway {self._number}",
            argv=[sys.executable, "-m", "server.gateway"],
            env=environment(**orders.to_environment()),
            folder=ROOT,
            log=self._logs / f"gateway-{self._number}.log",
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

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            for fd in self._pipe:
                os.close(fd)


class MediaWorker:
    """One media worker; calls are spread over all that are up, on any host."""

    start_seconds = 30.0
    check_seconds = 0.02

    def __init__(self, number: int, media: MediaSettings, bus_url: str, data: Path) -> None:
        self.name = f"media worker {number}"
        self._number = number
        self._media = media
        self._bus_url = bus_url
        self._data = data
        self._lives = 0
        self._pipe: tuple[int, int] | None = None

    @property
    def _socket(self) -> str:
        """Where it listens for this host alone; empty when other hosts' gateways come too."""
        if self._media.listen:
            return ""
        return str(check_socket(socket_folder(self._data) / f"calls-{self._number}.sock"))

    def prepare(self) -> None:
        """A pipe on which it says that it serves; each life has a name of its own."""
        self.close()
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[0], False)
        self._lives += 1

    def command(self) -> Command:
        """Start `python -m media.calls.worker` with its orders."""
        assert self._pipe is not None
        orders = WorkerOrders(
            name=f"{socket.gethostname()}-{os.getpid()}-{self._number}-{self._lives}",
            media=self._media,
            bus_url=self._bus_url,
            socket=self._socket,
            ready_fd=self._pipe[1],
        )
        return Command(
            name=f"Media worker {self._number}",
            argv=[sys.executable, "-m", "media.calls.worker"],
            env=environment(**orders.to_environment()),
            folder=ROOT,
            log=self._data / "logs" / f"calls-{self._number}.log",
            fds=(self._pipe[1],),
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
        """Give the pipe and the socket back."""
        if self._pipe is not None:
            for fd in self._pipe:
                os.close(fd)
            self._pipe = None
        if self._socket:
            Path(self._socket).unlink(missing_ok=True)


class ModelServer:
    """The embedded language model in a process of its own, shared by all gateways.

    Loading takes a while, at the first start minutes; nothing else waits for it.
    """

    name = "model"
    start_seconds = 900.0
    check_seconds = 0.25

    def __init__(
        self, data: Path, *, key: str, arguments: list[str], tell: Callable[[str], None]
    ) -> None:
        self._data = data
        self.key = key
        self._arguments = arguments
        self._progress = ModelProgress(data / "logs" / "model.log", tell)
        self.port = _free_port()

    @property
    def url(self) -> str:
        """The OpenAI-compatible address it will answer at."""
        return f"http://127.0.0.1:{self.port}/v1"

    def prepare(self) -> None:
        """Progress is read from here on."""
        self._progress.begin()

    def command(self) -> Command:
        """Start the model server on loopback, behind a key."""
        return Command(
            name="The model server",
            argv=[
                sys.executable, "-m", "rooms.dialogue.embedded.serve",
                "--port", str(self.port), "--data", str(self._data), *self._arguments,
            ],
            env=environment(KINDRED_MODEL_KEY=self.key),
            folder=ROOT,
            log=self._data / "logs" / "model.log",
            death=signal.SIGKILL,
            stop=signal.SIGTERM,
        )  # fmt: skip

    def ready(self) -> bool:
        """Whether its weights are loaded: it listens before, and answers 503 until then."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=0.5)
        try:
            link.request("GET", "/health")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()


def _free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
