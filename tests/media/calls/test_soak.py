"""A thousand calls leave nothing in the process that carried them: memory, descriptors, threads.

The worker and the gateway are processes of their own, so that what is measured is theirs alone:
the people at the other end are stock aiortc, which keeps some 30 KB of each call.
"""

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from media.calls.holding import dial_face, dial_leg
from media.calls.leg import Connected
from media.calls.wire import FaceWanted, Picture
from media.calls.workers import Workers
from storage.bus.board import ValkeyBoard
from tests.media.calls.clients import Microphone, Person
from tests.media.calls.test_worker import Process, up
from tests.walking.test_crash import doomed

pytestmark = [pytest.mark.stores, pytest.mark.soak, pytest.mark.timeout(2400)]
CALLS, AT_ONCE, LOOKS = 1_000, 5, 20
SPEECH = (8_000 * np.sin(np.arange(24_000) / 9)).astype("<i2")


class Size:
    """What a process had at each look."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.memory_mb: list[float] = []
        self.descriptors: list[int] = []
        self.threads: list[int] = []

    def look(self) -> None:
        self.memory_mb.append(self.process.memory_info().rss / 1e6)
        self.descriptors.append(self.process.num_fds())
        self.threads.append(self.process.num_threads())

    def is_flat(self, mb: float) -> bool:
        """The last quarter against the one before it, 250 calls apart: the first half warms up."""
        quarter = len(self.memory_mb) // 4
        early, late = self.memory_mb[2 * quarter : 3 * quarter], self.memory_mb[-quarter:]
        grown = statistics.median(late) - statistics.median(early)
        print(
            f"{self.process.name()}: {grown:+.2f} MB", [round(size, 1) for size in self.memory_mb]
        )
        print("descriptors", self.descriptors, "threads", self.threads)
        return (
            grown < mb
            and self.descriptors[-1] <= self.descriptors[quarter]
            and self.threads[-1] <= self.threads[quarter]
        )


@pytest.fixture
async def workers(valkey_url: str) -> AsyncIterator[Workers]:
    made = Workers(ValkeyBoard(valkey_url))
    yield made
    await made.aclose()


async def one_call(workers: Workers, kind: Any) -> None:
    """Connect, hear, send a message (and see a picture), hang up."""
    person = Person(Microphone(SPEECH), video=kind == "video")
    opened = await workers.open_leg(await person.offer(), kind, ())
    leg = await dial_leg(opened.address)
    face = await dial_face(opened.address) if kind == "video" else None
    await person.answered(opened.answer)
    async with asyncio.timeout(60):
        async for event in leg.events():
            if isinstance(event, Connected):
                leg.play(0, SPEECH.tobytes())
                leg.tell(b"{}")
                break
        if face is not None:
            await paint(face)
            face.close()
        while len(person.sound) < 4_800:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await person.close()
        async for _ in leg.events():
            pass
    await leg.aclose("done")


async def paint(face: Any) -> None:
    """A keyframe of noise: what is in it the worker does not look at."""
    async for told in face.told():
        if isinstance(told, FaceWanted) and told.codec is not None:
            picture = Picture(
                epoch=0,
                position=None,
                play_at_us=0,
                key=True,
                codec=told.codec,
                data=b"\x10" * 9_000,
            )
            for _ in range(5):
                face.show(picture)
        return


@pytest.mark.parametrize("kind", ["voice", "video"])
async def test_a_thousand_calls_leave_nothing_in_a_media_worker(
    workers: Workers, valkey_url: str, tmp_path: Path, kind: str
) -> None:
    from config.media import MediaSettings

    process = await Process("one", valkey_url, tmp_path, MediaSettings()).start()
    try:
        await up(workers, "one")
        size = Size(psutil.Process(process.process.pid))
        for n in range(0, CALLS, AT_ONCE):
            await asyncio.gather(*(one_call(workers, kind) for _ in range(AT_ONCE)))
            if n % (CALLS // LOOKS) == 0:
                async with asyncio.timeout(30):
                    while (await workers.known())["one"].legs:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                size.look()
        assert size.is_flat(1.5)
    finally:
        await process.end()


async def test_a_thousand_socket_calls_leave_nothing_in_a_gateway(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    environment = {"KINDRED_DEFAULT_PLAN": "vip", "KINDRED_SOCKETS__COMMANDS_PER_SECOND": "500"}
    async with doomed(
        database_url, valkey_url, tmp_path, repository,
        module="tests.walking.doomed_call", **environment,
    ) as gateway:  # fmt: skip
        person = await gateway.person()
        room = (await person.room())["id"]
        size = Size(psutil.Process(gateway.process.pid))
        for n in range(CALLS):
            ack = await person.ask({"type": "call.start", "room": room, "sample_rate": 24_000})
            assert ack["type"] == "ack", ack
            call = ack["call"]
            await person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
            await person.ask({"type": "call.end", "room": room, "call": call})
            person.frames.clear()
            if n % (CALLS // LOOKS) == 0:
                size.look()
        assert size.is_flat(1.5)
        with contextlib.suppress(TimeoutError):
            await person.close()
