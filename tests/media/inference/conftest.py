"""Workers for tests: in the test's own loop, with the real engines, or as real processes."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from config.hearing import HearingSettings
from config.inference import InferenceSettings
from media.inference.client import Inference
from media.inference.engines import Engines
from media.inference.orders import WorkerOrders
from media.inference.service import Service
from media.speech.ports import Speaker

KEY = "a-key"


@contextlib.asynccontextmanager
async def serving(
    path: Path,
    *,
    hearing: HearingSettings | None = None,
    speaker: Callable[[], Speaker] | None = None,
    most_ears: int = 400,
    engines: type[Engines] = Engines,
) -> AsyncIterator[Service]:
    """A worker in this loop, on a socket at `path`."""
    made = engines(hearing or HearingSettings(), InferenceSettings(device="cpu"), speaker)
    service = Service(made, KEY, most_ears)
    server = await asyncio.get_running_loop().create_unix_server(service.accept, str(path))
    try:
        yield service
    finally:
        server.close()
        await service.aclose()


@pytest.fixture
async def inference(tmp_path: Path, service: Service) -> AsyncIterator[Inference]:
    """A client of the file's own `service`, connected."""
    async with Inference([f"unix:{tmp_path / 'w.sock'}"], KEY) as client:
        await client.peer_for_question()
        yield client


class Process:
    """A real worker on a socket that outlives it."""

    def __init__(self, path: Path, **inference: float) -> None:
        self.address = f"unix:{path}"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._inference = InferenceSettings(device="cpu", **inference)  # type: ignore[arg-type]
        self.start()

    def start(self) -> None:
        ready, told = os.pipe()
        fd = self._listening.fileno()
        orders = WorkerOrders(
            hearing=HearingSettings(),
            inference=self._inference,
            key=KEY,
            listen_fd=fd,
            ready_fd=told,
        )
        self.child = subprocess.Popen(
            [sys.executable, "-m", "media.inference.worker"],
            env={**os.environ, **orders.to_environment()},
            pass_fds=(fd, told),
            stdout=subprocess.DEVNULL,
        )
        os.close(told)
        assert os.read(ready, 1) == b"1"
        os.close(ready)

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    def close(self) -> None:
        self.kill()
        self._listening.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def make(**inference: float) -> Process:
        made.append(Process(tmp_path / f"worker-{len(made)}.sock", **inference))
        return made[-1]

    yield make
    for process in made:
        process.close()
