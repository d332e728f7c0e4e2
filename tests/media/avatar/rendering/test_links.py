"""Faces opened through links: where there is room, and elsewhere when a worker dies."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from media.avatar.appearance import Appearance
from media.avatar.rendering.device import now_us
from media.avatar.rendering.links import Face, FaceLinks
from media.avatar.rendering.server import FaceServer
from media.avatar.rendering.wire import (
    Behave,
    Flush,
    OpenFace,
    Picture,
    Refused,
    Sounding,
    Speak,
    Tune,
)
from media.avatar.rig_engine import RigEngine
from tests.media.avatar.motion.speech import sound, spans
from tests.media.avatar.rendering.plain import PlainPainter

LOOK = msgspec.json.encode(Appearance(origin="pacific"))


class Worker:
    """A worker in this process that can be ended as abruptly as one that is killed."""

    def __init__(self, address: str, most: int) -> None:
        self.address = address
        self.server = FaceServer(RigEngine(PlainPainter()), key="k", most=most)
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        ready = asyncio.Event()
        self._task = asyncio.create_task(self.server.serve(self.address, ready))
        await ready.wait()

    async def die(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class Watcher:
    """Who opened a face: its pictures, and whether it was lost."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.refused: list[Refused] = []
        self._new = asyncio.Event()

    def seen(self, picture: Picture) -> None:
        self.pictures.append(picture)
        self._new.set()

    def lost(self, refused: Refused) -> None:
        self.refused.append(refused)
        self._new.set()

    async def until(self, count: int, refused: int = 0) -> None:
        async with asyncio.timeout(20):
            while len(self.pictures) < count or len(self.refused) < refused:
                self._new.clear()
                await self._new.wait()


@asynccontextmanager
async def linked(
    folder: Path, count: int, most: int = 4
) -> AsyncIterator[tuple[FaceLinks, list[Worker]]]:
    workers = [Worker(f"unix:{folder}/{n}.sock", most) for n in range(count)]
    for worker in workers:
        await worker.begin()
    links = FaceLinks([worker.address for worker in workers], "k")
    running = asyncio.create_task(links.run())
    async with asyncio.timeout(10):
        while links.alive < count:  # noqa: ASYNC110 - asks the links
            await asyncio.sleep(0.01)
    try:
        yield links, workers
    finally:
        running.cancel()
        await asyncio.wait([running])
        for worker in workers:
            await worker.die()


def opened(links: FaceLinks, name: str, watcher: Watcher) -> Face:
    return links.open(OpenFace(face=name, appearance=LOOK, size=128), watcher.seen, watcher.lost)


async def test_faces_spread_over_workers_and_the_last_is_refused(short_folder: Path) -> None:
    async with linked(short_folder, 2, most=1) as (links, workers):
        watchers = [Watcher() for _ in range(3)]
        for n, watcher in enumerate(watchers):
            opened(links, str(n), watcher)
        await watchers[0].until(2)
        await watchers[1].until(2)
        await watchers[2].until(0, refused=1)
        assert watchers[2].refused[0].reason == "at_capacity"
        assert [len(worker.server.device.sessions) for worker in workers] == [1, 1]


async def test_a_lost_worker_is_replaced_and_the_face_goes_on_speaking(short_folder: Path) -> None:
    async with linked(short_folder, 2) as (links, workers):
        watcher = Watcher()
        face = opened(links, "f", watcher)
        await watcher.until(3)
        visemes = spans(("aa", 4000))
        face.tell(Flush(face="f", epoch=3))
        face.tell(Speak(face="f", epoch=3, at_sample=0, pcm=sound(visemes), visemes=visemes))
        face.tell(Sounding(face="f", epoch=3, samples=0, clock_us=now_us()))
        await watcher.until(len(watcher.pictures) + 5)
        first = next(worker for worker in workers if worker.server.device.sessions)
        gone = asyncio.get_running_loop().time()
        await first.die()
        await watcher.until(len(watcher.pictures) + 1)
        assert asyncio.get_running_loop().time() - gone < 5  # 1 s on a machine with nothing to do
        new = watcher.pictures[-1]
        assert new.key
        assert new.epoch == 3
        assert new.position is not None
        assert new.position > 0


async def test_a_single_worker_that_comes_back_gets_its_faces_back(short_folder: Path) -> None:
    async with linked(short_folder, 1) as (links, workers):
        watcher = Watcher()
        face = opened(links, "f", watcher)
        face.tell(Behave(face="f", attitude="thinking"))
        face.tell(Tune(face="f", kbps=300))
        await watcher.until(2)
        await workers[0].die()
        again = Worker(workers[0].address, 4)
        workers.append(again)
        await again.begin()
        await watcher.until(len(watcher.pictures) + 3)
        session = again.server.device.sessions["f"]
        assert session.encoder.kbps == 300
        assert session.director.attitude == "thinking"
        face.close()
        face.close()
        async with asyncio.timeout(10):
            while again.server.device.sessions:  # noqa: ASYNC110 - asks another thread
                await asyncio.sleep(0.02)


async def test_a_face_remembers_only_what_was_not_played(short_folder: Path) -> None:
    links = FaceLinks([], "k")
    face = opened(links, "f", Watcher())
    for second in range(200):
        face.tell(Speak(face="f", epoch=1, at_sample=second * 24_000, pcm=b"\x00" * 48_000))
        face.tell(Sounding(face="f", epoch=1, samples=second * 24_000, clock_us=second))
    assert sum(isinstance(told, Speak) for told in face.story()) <= 2
    face.tell(Flush(face="f", epoch=2))
    face.tell(Speak(face="f", epoch=1, at_sample=0, pcm=b"\x00\x00"))
    assert not any(isinstance(told, Speak | Sounding) for told in face.story())


def test_a_gateway_can_open_faces_without_loading_arithmetic() -> None:
    code = (
        "import sys, media.avatar.rendering.links;"
        "sys.exit(any(heavy in sys.modules for heavy in ('numpy', 'cv2', 'av')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
