"""The render worker's door: faces over a real socket, typed answers, and no way to end it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from media.avatar.appearance import Appearance
from media.avatar.painter import Asset
from media.avatar.rendering.ladder import Ladder, Rung
from media.avatar.rendering.server import FaceServer
from media.avatar.rendering.wire import (
    CloseFace,
    FromWorker,
    Hello,
    Opened,
    OpenFace,
    Picture,
    Refused,
    ToWorker,
    WorkerLoad,
    dial,
    from_worker,
    pack,
    read_frame,
)
from media.avatar.rig_engine import RigEngine
from tests.media.avatar.rendering.plain import PlainPainter
from tests.media.avatar.rendering.watching import decode

pytestmark = pytest.mark.asyncio
LOOK = msgspec.json.encode(Appearance(origin="african"))


class Caller:
    """A holder's end, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def tell(self, *messages: ToWorker) -> None:
        for message in messages:
            self.writer.write(pack(message))

    async def next(self, *kinds: type[FromWorker]) -> FromWorker:
        async with asyncio.timeout(20):
            while True:
                told = from_worker.decode(await read_frame(self.reader))
                if isinstance(told, kinds):
                    return told


@asynccontextmanager
async def serving(
    folder: Path, painter: PlainPainter | None = None, most: int = 4
) -> AsyncIterator[tuple[FaceServer, str]]:
    server = FaceServer(RigEngine(painter or PlainPainter()), key="k", most=most)
    address, ready = f"unix:{folder}/f.sock", asyncio.Event()
    task = asyncio.create_task(server.serve(address, ready))
    async with asyncio.timeout(10):
        await ready.wait()
    try:
        yield server, address
    finally:
        task.cancel()
        await asyncio.wait([task])


async def call(address: str, key: str = "k") -> Caller:
    caller = Caller(*await dial(address))
    caller.tell(Hello(key))
    return caller


async def test_a_face_opens_and_its_pictures_come(short_folder: Path) -> None:
    async with serving(short_folder) as (server, address):
        caller = await call(address)
        caller.tell(OpenFace(face="f", appearance=LOOK, size=128))
        assert await caller.next(Opened) == Opened(face="f", size=128, fps=25, codec="vp8")
        pictures = [await caller.next(Picture) for _ in range(10)]
        assert len(decode(pictures)) == 10
        load = await caller.next(WorkerLoad)
        assert isinstance(load, WorkerLoad)
        assert load.faces == 1
        caller.writer.close()
        async with asyncio.timeout(10):
            while server.device.sessions:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_refusals_are_typed_and_the_worker_lives_on(short_folder: Path) -> None:
    painter = PlainPainter()
    painter.fail_on = 7
    async with serving(short_folder, painter, most=1) as (_server, address):
        caller = await call(address)
        reasons = {}
        strange = msgspec.json.encode(Appearance(origin="african", seed=7))
        for name, asked in {
            "junk": OpenFace(face="a", appearance=b'{"origin": "moon"}', size=128),
            "size": OpenFace(face="a", appearance=LOOK, size=100),
            "rate": OpenFace(face="a", appearance=LOOK, size=128, fps=0),
            "none": OpenFace(face="a", picture=b"GIF89a", size=128),
            "face": OpenFace(face="a", appearance=strange, size=128),
        }.items():
            caller.tell(asked)
            refused = await caller.next(Refused, Opened)
            assert isinstance(refused, Refused), name
            reasons[name] = refused.reason
        assert reasons == {
            "junk": "bad_appearance", "size": "bad_size", "rate": "bad_rate",
            "none": "unsupported", "face": "no_face",
        }  # fmt: skip
        caller.tell(OpenFace(face="a", appearance=LOOK, size=128))
        await caller.next(Opened)
        caller.tell(OpenFace(face="b", appearance=LOOK, size=128))
        refused = await caller.next(Refused)
        assert isinstance(refused, Refused)
        assert refused.reason == "at_capacity"
        caller.tell(CloseFace(face="a"), OpenFace(face="b", appearance=LOOK, size=128))
        await caller.next(Opened)


async def test_whoever_waits_for_a_first_picture_comes_before_a_new_size(
    short_folder: Path,
) -> None:
    painter = PlainPainter()
    held = Held(painter)
    async with serving(short_folder, painter) as (server, address):
        caller = await call(address)
        caller.tell(OpenFace(face="f", appearance=look(1), size=512))
        await caller.next(Opened)
        server.device.ladder = Ladder((Rung(25, 256),))
        held.back.clear()
        for face, seed, size in (("g", 2, 128), ("h", 3, 384)):
            caller.tell(OpenFace(face=face, appearance=look(seed), size=size))
            async with asyncio.timeout(10):
                while face not in server._waiting:  # noqa: ASYNC110 - what the link has read
                    await asyncio.sleep(0.01)
            if face == "g":
                resizing = asyncio.create_task(server._resize())
                await asyncio.wait([resizing], timeout=0.1)
        held.back.set()
        async with asyncio.timeout(10):
            while len(held.asked) < 4:  # noqa: ASYNC110 - the server looks once a second
                await asyncio.sleep(0.02)
        await resizing
    assert held.asked == [(1, 512), (2, 128), (3, 256), (1, 256)]


def look(seed: int) -> bytes:
    return msgspec.json.encode(Appearance(origin="african", seed=seed))


class Held:
    """Keeps back what a painter prepares, while `back` is not set."""

    def __init__(self, painter: PlainPainter) -> None:
        self.asked: list[tuple[int, int]] = []  # seeds and sizes
        self.back = threading.Event()
        self.back.set()
        self._prepare, painter.prepare = painter.prepare, self._held  # type: ignore[method-assign]

    def _held(self, appearance: Appearance, size: int) -> Asset:
        self.asked.append((appearance.seed, size))
        self.back.wait(10)
        return self._prepare(appearance, size)


async def test_a_wrong_key_or_nonsense_ends_that_link_alone(short_folder: Path) -> None:
    async with serving(short_folder) as (_server, address):
        good = await call(address)
        good.tell(OpenFace(face="f", appearance=LOOK, size=128))
        await good.next(Opened)
        wrong = await call(address, key="other")
        broken = await call(address)
        broken.writer.write(b"\x00\x00\x00\x03abc")
        huge = await call(address)
        huge.writer.write(b"\xff\xff\xff\xff")
        for caller in (wrong, broken, huge):
            with pytest.raises(EOFError):
                await caller.next(Picture)
        # Another link may not touch a face that is not its own.
        thief = await call(address)
        thief.tell(CloseFace(face="f"))
        await good.next(Picture)
        await good.next(Picture)


async def test_nobody_waits_for_a_reader_that_does_not_read(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.avatar.rendering.server.MOST_UNSENT_BYTES", -1)
    async with serving(short_folder) as (server, address):
        caller = await call(address)
        caller.tell(OpenFace(face="f", appearance=LOOK, size=128))
        async with asyncio.timeout(10):
            while server.device.figures.frames < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        monkeypatch.setattr("media.avatar.rendering.server.MOST_UNSENT_BYTES", 1_000_000)
        first = await caller.next(Picture)
        assert isinstance(first, Picture)
        assert first.key  # what it missed cannot be decoded without
