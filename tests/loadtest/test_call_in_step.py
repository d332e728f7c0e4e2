"""A whole video call, sound and picture decoded by the person: both come, together.

Real workers for media and faces, stock aiortc at the far end. What the person's browser would use
to keep lips and sound together, the sender's reports, is what is used here.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

from loadtest.insync import InStep, Look, Spans, loudness, measure, skews
from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.rendering.links import FaceLinks
from media.avatar.rendering.server import FaceServer
from media.avatar.rendering.wire import OpenFace, Picture, Refused, Speak
from media.avatar.rig_engine import RigEngine
from media.calls.leg import Connected
from media.speech.ports import Viseme
from tests.loadtest.test_face_in_step import dark
from tests.media.avatar.motion.speech import babble, length, sound
from tests.media.avatar.rendering.conftest import short_folder
from tests.media.calls.clients import Person, call, serving

__all__ = ["short_folder"]
LOOK = msgspec.json.encode(Appearance(origin="european"))


class Watcher(Person):
    """A person who notes when each thing belongs, by the reports of who sent it."""

    def __init__(self) -> None:
        super().__init__(video=True)
        self.looks: list[tuple[int, float]] = []
        self.heard_at: list[tuple[int, int]] = []  # RTP stamp, samples
        self.reports: dict[str, list[tuple[int, float]]] = {"audio": [], "video": []}

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame: Any = await track.recv()
                if track.kind == "audio":
                    stereo = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                    self.heard.append(stereo[:, 0].copy())
                    self.heard_at.append((frame.pts, len(stereo)))
                else:
                    luma = frame.to_ndarray(format="yuv420p")[: frame.height]
                    self.looks.append((frame.pts, dark(luma)))

    def seconds(self, kind: str, stamp: int) -> float:
        """When something with this stamp left, on the sender's clock; stamps begin at 0."""
        rate = 48_000 if kind == "audio" else 90_000
        offsets = [sent - rtp / rate for rtp, sent in self.reports[kind]]
        return float(np.median(offsets)) + stamp / rate


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[Watcher]:
    """Watchers that want the reports their receivers get."""
    watchers: list[Watcher] = []
    handle = RTCRtpReceiver._handle_rtcp_packet

    async def noting(self: Any, packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket):
            info, kind = packet.sender_info, self._RTCRtpReceiver__kind
            begin = self._RTCRtpReceiver__timestamp_mapper._origin
            for watcher in watchers if begin is not None and info.ntp_timestamp else ():
                sent = (info.ntp_timestamp >> 32) + (info.ntp_timestamp & 0xFFFFFFFF) / 2**32
                watcher.reports[kind].append(((info.rtp_timestamp - begin) % 2**32, sent))
        await handle(self, packet)

    monkeypatch.setattr(RTCRtpReceiver, "_handle_rtcp_packet", noting)
    return watchers


async def watch(
    folder: Path, watchers: list[Watcher], visemes: tuple[Viseme, ...]
) -> tuple[Watcher, list[Spans], bytes]:
    """One call in which somebody says this."""
    pcm = sound(visemes)
    faces = FaceServer(RigEngine(CpuPainter(folder / "rigs")), key="k", most=2)  # type: ignore[arg-type]
    ready = asyncio.Event()
    painting = asyncio.create_task(faces.serve(f"unix:{folder}/faces", ready))
    await ready.wait()
    links = FaceLinks([f"unix:{folder}/faces"], "k")
    linked = asyncio.create_task(links.run())
    person = Watcher()
    watchers.append(person)
    lost: list[Refused] = []
    async with serving(folder) as (_worker, control):
        leg = await call(control, person, "video")
        face = links.open(
            OpenFace(face="f", appearance=LOOK, size=256, leg=leg.address), ignore, lost.append
        )
        async for event in leg.events():
            if isinstance(event, Connected):
                break
        await until(lambda: len(person.looks) > 10)
        leg.flush(1)
        step = 24_000
        for at in range(0, length(visemes), step):
            piece = pcm[at * 2 : (at + step) * 2]
            marks = tuple(
                Viseme(v.shape, v.at_sample - at, v.samples)
                for v in visemes
                if at <= v.at_sample < at + step
            )
            face.tell(Speak(face="f", epoch=1, at_sample=at, pcm=piece, visemes=marks))
            leg.play(1, piece)
            await passed(0.97 * len(piece) / 48_000)  # as fast as it is spoken
        await passed(1.0)
        assert not lost
        await leg.aclose("hung_up")
        await person.close()
    for task in (linked, painting):
        task.cancel()
    await asyncio.wait([linked, painting])
    return person, *heard(person, visemes)


def heard(person: Watcher, visemes: tuple[Viseme, ...]) -> tuple[list[Spans], bytes]:
    """When the sound began, found where the decoded sound is first loud, and the sound."""
    stamps = np.array([stamp for stamp, _ in person.heard_at])
    pcm = np.zeros(int(stamps[-1] - stamps[0]) + 48_000, np.int16)
    for stamp, piece in zip(stamps - stamps[0], person.heard, strict=True):
        pcm[stamp : stamp + len(piece)] = piece  # what is silent is not all sent
    loud = int(np.flatnonzero(np.abs(pcm.astype(int)) > 400)[0])
    begin = person.seconds("audio", person.heard_at[0][0]) + loud / 48_000
    first = next(v for v in visemes if v.shape not in ("sil", "PP"))
    return [Spans(begin - first.at_sample / 24_000, visemes)], pcm[loud:].astype("<i2").tobytes()


def judge(person: Watcher, spoken: list[Spans], pcm: bytes) -> InStep:
    looks = [Look(person.seconds("video", stamp), opening) for stamp, opening in person.looks]
    found = measure(looks, spoken)
    print(found)
    energy, times = loudness(pcm, 48_000), np.array([look.at_seconds for look in looks])
    first = next(v for v in spoken[0].visemes if v.shape not in ("sil", "PP"))
    begin = spoken[0].at_seconds + first.at_sample / 24_000
    grid = begin + np.arange(energy.size) / 100
    mouth = np.interp(grid, times, np.array([look.opening for look in looks]))
    print("against energy:", [round(lag) for _, lag, _ in skews(mouth, energy)])
    return found


async def passed(seconds: float) -> None:
    """A call is real time: sound takes as long as it takes."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def until(holds: Any) -> None:
    async with asyncio.timeout(25):
        while not holds():  # noqa: ASYNC110 - asks the far end
            await asyncio.sleep(0.02)


def ignore(_picture: Picture) -> None:
    """Pictures go to the leg."""


async def test_a_person_sees_the_mouth_move_with_what_they_hear(
    short_folder: Path, reported: list[Watcher]
) -> None:
    visemes = babble(np.random.default_rng(11), 115)
    person, spoken, pcm = await watch(short_folder, reported, visemes)
    found = judge(person, spoken, pcm)
    assert found.fps > 10
    assert found.windows >= 1
    assert found.skew_ms_p99 < 100  # 40 where nothing else runs; half an hour of it is in soak


@pytest.mark.soak
@pytest.mark.timeout(2400)
async def test_half_an_hour_of_a_call_in_step(short_folder: Path, reported: list[Watcher]) -> None:
    visemes = babble(np.random.default_rng(12), 1800 * 1000 // 135)
    person, spoken, pcm = await watch(short_folder, reported, visemes)
    found = judge(person, spoken, pcm)
    assert found.skew_ms_p99 <= 40
    assert abs(found.drift_ms_per_minute) < 0.3
    assert found.shut_share >= 0.95
