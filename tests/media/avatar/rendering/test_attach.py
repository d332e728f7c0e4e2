"""A face attached to a leg: the leg's wishes reach the encoder, pictures reach the leg."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from media.avatar.appearance import Appearance
from media.avatar.rendering import wire
from media.avatar.rendering.attach import LegTold
from media.avatar.rendering.device import now_us
from media.calls import wire as calls
from media.calls.leg import Gone, LegAddress, Played
from tests.media.avatar.rendering.test_server import call, serving

LOOK = msgspec.json.encode(Appearance(origin="african"))


class FakeLeg:
    """A media worker's door for one leg, by the contract of media/calls/wire.py."""

    def __init__(self, folder: Path) -> None:
        self.address = LegAddress(
            leg="l1", address=f"unix:{folder}/leg", key="secret", transport="webrtc"
        )
        self.pictures: asyncio.Queue[calls.Picture] = asyncio.Queue()
        self.hello: calls.Hello | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.codec: calls.Codec | None = "h264"

    async def arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames, self.writer = calls.Frames(), writer
        while data := await reader.read(65_536):
            for body in frames.feed(data):
                said = calls.to_worker.decode(body)
                if isinstance(said, calls.Hello):
                    self.hello = said
                    self.tell(calls.FaceWanted(codec=self.codec))
                elif isinstance(said, calls.Picture):
                    self.pictures.put_nowait(said)

    def tell(self, message: msgspec.Struct) -> None:
        assert self.writer is not None
        self.writer.write(calls.pack(message))

    async def picture(self) -> calls.Picture:
        async with asyncio.timeout(20):
            return await self.pictures.get()


@asynccontextmanager
async def leg_in(folder: Path) -> AsyncIterator[FakeLeg]:
    leg = FakeLeg(folder)
    async with await asyncio.start_unix_server(leg.arrived, f"{folder}/leg"):
        yield leg


async def test_pictures_go_to_the_leg_in_the_codec_it_wants(short_folder: Path) -> None:
    async with leg_in(short_folder) as leg, serving(short_folder) as (server, address):
        holder = await call(address)
        holder.tell(wire.OpenFace(face="f", appearance=LOOK, size=128, leg=leg.address))
        opened = await holder.next(wire.Opened)
        assert isinstance(opened, wire.Opened)
        assert opened.codec == "h264"
        assert leg.hello == calls.Hello(role="face", key="secret", leg="l1")
        first = await leg.picture()
        assert first.key
        assert first.codec == "h264"
        leg.tell(calls.Bandwidth(bits_per_second=400_000))
        leg.tell(Played(epoch=2, samples=4800, clock_us=now_us()))
        leg.tell(calls.KeyframeWanted())
        while not ((seen := await leg.picture()).key and seen.epoch == 2):
            pass
        assert seen.position is not None
        assert seen.position > 4800
        assert server.device.sessions["f"].encoder.kbps == 340


async def test_a_leg_that_hangs_up_ends_its_face_and_its_holder_is_told(
    short_folder: Path,
) -> None:
    async with leg_in(short_folder) as leg, serving(short_folder) as (server, address):
        holder = await call(address)
        holder.tell(wire.OpenFace(face="f", appearance=LOOK, size=128, leg=leg.address))
        await leg.picture()
        leg.tell(Gone(reason="hung_up"))
        refused = await holder.next(wire.Refused)
        assert isinstance(refused, wire.Refused)
        assert refused.reason == "leg_lost"
        async with asyncio.timeout(10):
            while server.device.sessions:  # noqa: ASYNC110 - asks another thread
                await asyncio.sleep(0.02)


async def test_a_peer_without_pictures_and_a_leg_that_is_not_there_are_refused(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.avatar.rendering.attach.AGAIN_SECONDS", 0.001)
    async with leg_in(short_folder) as leg, serving(short_folder) as (server, address):
        holder = await call(address)
        leg.codec = None
        holder.tell(wire.OpenFace(face="f", appearance=LOOK, size=128, leg=leg.address))
        refused = await holder.next(wire.Refused)
        assert isinstance(refused, wire.Refused)
        assert refused.reason == "no_pictures"
        nowhere = msgspec.structs.replace(leg.address, address=f"unix:{short_folder}/none")
        holder.tell(wire.OpenFace(face="g", appearance=LOOK, size=128, leg=nowhere))
        refused = await holder.next(wire.Refused)
        assert isinstance(refused, wire.Refused)
        assert refused.face == "g"
        assert server.load().faces == 0


def test_a_leg_that_tells_the_same_place_twice_is_paused_and_a_dry_one_is_silent() -> None:
    told = LegTold("f")

    def playing(samples: int, at_ms: int, *, dry: bool = False) -> bool:
        [sounding] = told.take(Played(epoch=1, samples=samples, clock_us=at_ms * 1000, dry=dry))
        assert isinstance(sounding, wire.Sounding)
        return sounding.playing

    assert playing(0, 0)
    assert playing(2400, 100)
    assert not playing(2400, 200)
    assert playing(4800, 300)
    assert not playing(4800, 310, dry=True)
    assert told.take(Gone(reason="hung_up")) == []
