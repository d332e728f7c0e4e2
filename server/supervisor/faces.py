"""The render workers as children: they paint the faces of video calls for all gateways.

Nobody waits for them: without one a video call has sound, and the face comes when it does.
"""

import secrets
import signal
import sys
from pathlib import Path

import msgspec

from config.faces import FaceSettings
from config.settings import Settings
from media.avatar.rendering.wire import split_address
from server.supervisor.parts import ROOT, environment
from server.supervisor.restarts import RestartPolicy
from storage.embedded.child import Command, check_socket, socket_folder

# A worker forks its own successor at once; this is for the process that loads the libraries.
FACES_POLICY = RestartPolicy(
    first_seconds=0.1, factor=3.0, most_seconds=60.0, deaths=1_000_000, window_seconds=600.0
)


class FaceWorker:
    """One render worker."""

    start_seconds = 60.0
    check_seconds = 0.05

    def __init__(self, number: int, settings: FaceSettings, key: str, data: Path) -> None:
        self.name = f"faces {number}"
        self.address = _address(number, settings, data)
        self._settings = settings
        self.key = key
        self._data = data
        self._log = data / "logs" / f"faces-{number}.log"
        self._began = 0

    def prepare(self) -> None:
        """What it says from here on counts."""
        self._began = self._log.stat().st_size if self._log.exists() else 0

    def command(self) -> Command:
        """Start it, with the key where only the same user can read it."""
        told = self._settings
        arguments = [
            "--address", self.address, "--folder", str(self._data / "faces"),
            "--engine", told.engine, "--device", told.device,
            "--most", str(told.most_faces), "--encoders", str(told.encoders),
        ]  # fmt: skip
        if told.weights:
            arguments += ["--weights", str(Path(told.weights).absolute())]
        return Command(
            name="The render worker",
            argv=[sys.executable, "-m", "media.avatar.worker", *arguments],
            env=environment(KINDRED_FACES_KEY=self.key, OPENBLAS_NUM_THREADS="1"),
            folder=ROOT,
            log=self._log,
            death=signal.SIGTERM,
            stop=signal.SIGTERM,
        )

    def ready(self) -> bool:
        """Whether it has said so in its log."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._began if self._log.stat().st_size >= self._began else 0)
                return b"ready\n" in log.read(65_536)
        except OSError:
            return False


def face_workers(settings: FaceSettings, data: Path) -> list[FaceWorker]:
    """The workers that are ours to start; none where others have them."""
    if settings.addresses:
        return []
    key = settings.key or secrets.token_urlsafe(24)
    return [FaceWorker(number, settings, key, data) for number in range(1, settings.workers + 1)]


def with_faces(settings: Settings, workers: list[FaceWorker]) -> Settings:
    """The settings a gateway gets: where our workers are, and their key."""
    if not workers:
        return settings
    faces = msgspec.structs.replace(
        settings.faces, addresses=[one.address for one in workers], key=workers[0].key
    )
    return msgspec.structs.replace(settings, faces=faces)


def _address(number: int, settings: FaceSettings, data: Path) -> str:
    if not settings.listen:
        return f"unix:{check_socket(socket_folder(data) / f'faces-{number}.sock')}"
    host, port = split_address(settings.listen)
    return f"tcp:{host}:{port + number - 1}"
