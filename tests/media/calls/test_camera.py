"""A person's camera: real VP8 from a stock client, looked at one still at a time, or not at all."""

import asyncio
import random
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtp import RtpPacket
from av import VideoFrame
from av.codec.context import CodecContext
from av.packet import Packet

from media.calls.holding import WorkerLeg, dial_leg
from media.calls.keyframes import Keyframes
from media.calls.leg import Connected, LegAddress, Seen
from media.calls.stills import still
from tests.media.calls.clients import Microphone, Person, serving

RED, BLUE = (200, 30, 30), (30, 30, 200)


def painted(colour: tuple[int, int, int], width: int = 640, height: int = 480) -> VideoFrame:
    """One colour in tiles of many lights, so that it is worth some bytes."""
    noise = (
        np.random.default_rng(7)
        .integers(-90, 90, (height // 8, width // 8, 1))
        .repeat(8, 0)
        .repeat(8, 1)
    )
    picture = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    return VideoFrame.from_ndarray(picture, format="rgb24")


def packets(frame: VideoFrame, *, stamp: int = 9_000, first: int = 65_530) -> list[RtpPacket]:
    """A keyframe as a browser would send it, its numbers running over the wrap."""
    frame.pts, frame.time_base = 0, Fraction(1, 90_000)
    encoder = Vp8Encoder()
    payloads, _ = encoder.encode(frame, force_keyframe=True)
    made = []
    for at, payload in enumerate(payloads):
        packet = RtpPacket(
            payload_type=97,
            sequence_number=(first + at) % 65_536,
            timestamp=stamp,
            marker=int(at == len(payloads) - 1),
        )
        packet.payload = payload
        made.append(packet)
    return made


def decoded(jpeg: bytes) -> np.ndarray:
    reader: Any = CodecContext.create("mjpeg", "r")
    (frame,) = [*reader.decode(Packet(jpeg)), *reader.decode(None)]
    return np.asarray(frame.to_ndarray(format="rgb24"))


def fed(given: list[RtpPacket], film: Keyframes | None = None) -> list[Any]:
    film = film or Keyframes()
    return [whole for one in given if (whole := film.add("video/vp8", one)) is not None]


# --- one keyframe out of packets


def test_a_keyframe_is_put_together_whatever_the_order_of_its_packets() -> None:
    given = packets(painted(RED))
    assert len(given) > 3
    (in_order,) = fed(given)
    mixed = list(given)
    random.Random(3).shuffle(mixed)
    (shuffled,) = fed(mixed)
    assert in_order == shuffled
    assert still("vp8", in_order[1], 512, 60_000) is not None


def test_a_keyframe_with_a_hole_is_none_and_the_next_one_is() -> None:
    film, broken = Keyframes(), packets(painted(RED))
    del broken[2]
    assert fed(broken, film) == []
    assert len(fed(packets(painted(RED), stamp=99_000, first=200), film)) == 1


def test_what_builds_on_other_frames_is_no_keyframe() -> None:
    encoder = Vp8Encoder()
    later = []
    for at in range(3):
        frame = painted(RED)
        frame.pts, frame.time_base = at * 3_000, Fraction(1, 90_000)
        later, _ = encoder.encode(frame, force_keyframe=at == 0)
    packet = RtpPacket(payload_type=97, sequence_number=1, timestamp=6_000, marker=1)
    packet.payload = later[0]
    assert fed([packet]) == []


@pytest.mark.parametrize("payload", [b"\x10", b"\xff\xff\xff", b"\x90\x80", bytes(40)])
def test_a_damaged_packet_does_no_harm(payload: bytes) -> None:
    film = Keyframes()
    packet = RtpPacket(payload_type=97, sequence_number=5, timestamp=1, marker=1)
    packet.payload = payload
    for _ in range(600):
        film.add("video/vp8", packet)
        packet.sequence_number = (packet.sequence_number + 1) % 65_536
    assert len(fed(packets(painted(RED)), film)) == 1


# --- one still out of a keyframe


def test_a_still_is_small_true_and_within_its_bytes() -> None:
    ((codec, data),) = fed(packets(painted(BLUE)))
    fine = still(codec, data, 512, 60_000)
    assert fine is not None
    assert (fine.width, fine.height) == (512, 384)
    assert fine.jpeg.startswith(b"\xff\xd8")
    assert np.abs(decoded(fine.jpeg).mean((0, 1)) - np.array(BLUE)).max() < 30
    coarse = still(codec, data, 512, len(fine.jpeg) - 1)
    assert coarse is not None
    assert len(coarse.jpeg) < len(fine.jpeg)
    assert still(codec, data, 512, 300) is None


def test_a_still_is_never_made_larger_than_the_picture_was() -> None:
    ((codec, data),) = fed(packets(painted(BLUE, 320, 240)))
    seen = still(codec, data, 512, 60_000)
    assert seen is not None
    assert (seen.width, seen.height) == (320, 240)


def test_monsters_and_rubbish_are_not_decoded() -> None:
    ((codec, data),) = fed(packets(painted(BLUE)))
    monster = data[:6] + (16_383).to_bytes(2, "little") * 2 + data[10:]
    assert still(codec, monster, 512, 60_000) is None
    assert still("vp8", b"", 512, 60_000) is None
    assert still("h264", random.Random(1).randbytes(900), 512, 60_000) is None


# --- a worker and a person


class Film(VideoStreamTrack):
    """A camera that sees one colour."""

    def __init__(self, colour: tuple[int, int, int]) -> None:
        super().__init__()
        self.frame = painted(colour)
        self.sent = 0

    async def recv(self) -> VideoFrame:
        pts, base = await self.next_timestamp()
        self.frame.pts, self.frame.time_base = pts, base
        self.sent += 1
        return self.frame


async def filmed(control: Any, film: Film, *, camera: bool) -> tuple[Person, WorkerLeg, str]:
    person = Person(Microphone())
    person.pc.addTrack(film)
    opened = await control.open_leg(await person.offer(), "video", (), camera=camera)
    leg = await dial_leg(
        LegAddress(leg=opened.leg, address=control.address, key=opened.key, transport="webrtc")
    )
    await person.answered(opened.answer)
    return person, leg, opened.answer


async def until_connected(events: AsyncIterator[Any]) -> None:
    async for event in events:
        if isinstance(event, Connected):
            return


async def seen_within(events: AsyncIterator[Any], seconds: float) -> Seen | None:
    try:
        async with asyncio.timeout(seconds):
            async for event in events:
                if isinstance(event, Seen):
                    return event
    except TimeoutError:
        pass
    return None


async def test_a_look_brings_one_still_and_closed_eyes_bring_none(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        film = Film(RED)
        person, leg, _ = await filmed(control, film, camera=True)
        events = leg.events()
        async with asyncio.timeout(20):
            await until_connected(events)
        (carried,) = worker.legs.values()
        decodes: list[int] = []
        came = carried.camera.came
        carried.camera.came = lambda *told: (decodes.append(1), came(*told))  # type: ignore[method-assign]
        leg.look()  # nobody has opened the eyes
        assert await seen_within(leg.events(), 1.0) is None
        assert decodes == []
        leg.watch(on=True, pixels=256, most_bytes=30_000)
        leg.look()
        still_ = await seen_within(leg.events(), 8.0)
        assert still_ is not None
        assert (still_.width, still_.height) == (256, 192)
        assert np.abs(decoded(still_.jpeg).mean((0, 1)) - np.array(RED)).max() < 40
        assert len(decodes) == 1  # of all the frames that came, one was taken
        assert film.sent > 5
        leg.look()
        leg.watch(on=False)  # at once, while the still is under way
        assert await seen_within(leg.events(), 1.0) is None
        await leg.aclose("done")
        await person.close()


async def test_where_nobody_sees_the_peer_is_asked_to_send_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, control):
        person, leg, answer = await filmed(control, Film(RED), camera=False)
        video = answer[answer.index("m=video") :]
        assert "a=sendonly" in video
        async with asyncio.timeout(20):
            await until_connected(leg.events())
        leg.watch(on=True, pixels=256, most_bytes=30_000)
        leg.look()
        assert await seen_within(leg.events(), 1.5) is None
        await leg.aclose("done")
        await person.close()
