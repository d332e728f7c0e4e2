"""Bad pictures sent to a real worker: each is answered by name, and the worker lives on."""

import asyncio
from pathlib import Path

import msgspec

from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.rendering.server import FaceServer
from media.avatar.rendering.wire import Opened, OpenFace, Picture, Refused
from media.avatar.rig_engine import RigEngine
from tests.media.avatar.rendering.test_server import call
from tests.media.avatar.test_picture import MIRA, png_that_claims

BAD = {
    "unreadable": MIRA[: len(MIRA) // 2],
    "too_many_pixels": png_that_claims(10_000, 10_000),
    "animated": b"GIF89a" + bytes(64),
    "too_small": png_that_claims(64, 64),
}
LOOK = msgspec.json.encode(Appearance(origin="african"))


async def test_each_is_answered_by_name_and_the_next_face_is_shown(short_folder: Path) -> None:
    painter = CpuPainter(short_folder / "rigs")
    server = FaceServer(RigEngine(painter), key="k", most=4)  # type: ignore[arg-type]
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(f"unix:{short_folder}/f.sock", ready))
    await ready.wait()
    caller, found = await call(f"unix:{short_folder}/f.sock"), {}
    for name, picture in BAD.items():
        caller.tell(OpenFace(face=name, picture=picture, size=128))
        told = await caller.next(Refused, Opened)
        assert isinstance(told, Refused)
        found[told.face] = told.reason
    assert found == {name: name for name in BAD}
    # With an appearance beside it the drawn face is shown instead.
    caller.tell(OpenFace(face="f", appearance=LOOK, picture=BAD["animated"], size=128))
    assert isinstance(await caller.next(Refused, Opened), Opened)
    assert isinstance(await caller.next(Picture), Picture)
    assert server.load().faces == 1
    serving.cancel()
    await asyncio.wait([serving])
