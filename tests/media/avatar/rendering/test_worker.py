"""The real render worker as a process: the drawn face, killed, replaced, and ended in order."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from media.avatar.appearance import Appearance
from media.avatar.rendering.device import now_us
from media.avatar.rendering.links import FaceLinks
from media.avatar.rendering.wire import OpenFace, Sounding, Speak
from tests.media.avatar.motion.speech import sound, spans
from tests.media.avatar.rendering.test_links import Watcher
from tests.media.avatar.rendering.watching import decode

pytestmark = [pytest.mark.kill, pytest.mark.long]


def begun(folder: Path) -> subprocess.Popen[bytes]:
    """A worker that listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "media.avatar.worker", "--address", f"unix:{folder}/w",
         "--folder", str(folder / "rigs"), "--most", "2"],
        env={**os.environ, "KINDRED_FACES_KEY": "secret"},
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.fixture
def worker(short_folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = begun(short_folder)
    yield process
    process.terminate()
    assert process.wait(10) == 0


def children(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    """What a process has used, without its children."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


async def test_the_drawn_face_speaks_and_survives_the_death_of_its_worker(
    worker: subprocess.Popen[bytes], short_folder: Path
) -> None:
    links, watcher = FaceLinks([f"unix:{short_folder}/w"], "secret"), Watcher()
    running = asyncio.create_task(links.run())
    look = msgspec.json.encode(Appearance(origin="european"))
    face = links.open(OpenFace(face="f", appearance=look, size=256), watcher.seen, watcher.lost)
    visemes = spans(*(("aa", 300), ("PP", 120)) * 40)
    face.tell(Speak(face="f", epoch=1, at_sample=0, pcm=sound(visemes), visemes=visemes))
    face.tell(Sounding(face="f", epoch=1, samples=0, clock_us=now_us()))
    await watcher.until(8)
    spoken = decode(watcher.pictures)
    assert spoken[0].shape == (256, 256)
    assert np.abs(spoken[-1].astype(int) - spoken[0].astype(int)).max() > 40  # it moved

    clock = asyncio.get_running_loop().time
    loading = cpu_seconds(worker.pid)
    for victim in children(worker.pid):
        os.kill(victim, signal.SIGKILL)
    killed, seen = clock(), len(watcher.pictures)
    await watcher.until(seen + 1)
    gap, (successor,) = clock() - killed, children(worker.pid)
    used = cpu_seconds(successor)
    print(f"replaced after {gap:.2f} s; {used:.2f} s of processor, loading took {loading:.2f} s")
    # Both grow alike on a slow machine: whatever loads the libraries again is found out there too.
    assert used < 0.6 * loading
    assert gap < 5.0  # 1 s where nothing else runs
    await watcher.until(seen + 5)
    fresh = watcher.pictures[-5:]
    assert any(picture.key for picture in watcher.pictures[seen : seen + 2])
    assert len(decode(watcher.pictures[seen:])) >= 4
    assert all(picture.epoch == 1 for picture in fresh)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_face_goes_on_when_the_process_that_keeps_its_worker_is_killed(
    short_folder: Path,
) -> None:
    first = begun(short_folder)
    (painting,) = children(first.pid)
    links, watcher = FaceLinks([f"unix:{short_folder}/w"], "secret"), Watcher()
    running = asyncio.create_task(links.run())
    look = msgspec.json.encode(Appearance(origin="european"))
    links.open(OpenFace(face="f", appearance=look, size=128), watcher.seen, watcher.lost)
    await watcher.until(3)
    first.kill()
    first.wait()
    seen = len(watcher.pictures)
    await watcher.until(seen + 15)  # longer than it takes to see that the parent is gone
    assert Path(f"/proc/{painting}").exists()
    second = await asyncio.to_thread(begun, short_folder)
    try:
        async with asyncio.timeout(20):
            while running_still(painting):  # noqa: ASYNC110 - the end of another's child
                await asyncio.sleep(0.05)
        seen = len(watcher.pictures)
        await watcher.until(seen + 5)
        assert not watcher.refused
        assert children(second.pid)
    finally:
        second.terminate()
        assert second.wait(10) == 0
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def running_still(pid: int) -> bool:
    """Not ended, nor waiting for somebody to note that it has."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def test_without_a_key_it_does_not_begin(tmp_path: Path) -> None:
    told = [sys.executable, "-m", "media.avatar.worker", "--address", "unix:/x", "--folder", "/x"]
    environment = {k: v for k, v in os.environ.items() if k != "KINDRED_FACES_KEY"}
    done = subprocess.run(told, env=environment, capture_output=True, check=False, cwd=Path.cwd())
    assert done.returncode == 2
    assert b"KINDRED_FACES_KEY" in done.stderr
