"""A whole video call, sound and picture decoded by the person: both come, together.

Real workers for media and faces, stock aiortc at the far end. What the person's browser would use
to keep lips and sound together, the sender's reports, is what is used here: when a thing arrived
says how busy this machine is, and nothing else.
"""

import asyncio
import contextlib
import random
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

from loadtest.insync import InStep, Look, Spans, measure
from loadtest.placing import Decoded, Said, placed
from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.rendering.links import Face, FaceLinks
from media.avatar.rendering.server import FaceServer
from media.avatar.rendering.wire import Flush, OpenFace, Picture, Refused, Speak
from media.avatar.rig_engine import RigEngine
from media.calls.holding import WorkerLeg, dial_leg
from media.calls.leg import Connected, LegAddress, LegQuality, Played
from media.speech.ports import Viseme
from tests.loadtest.test_face_in_step import dark
from tests.media.avatar.motion.speech import babble, length, sound
from tests.media.avatar.rendering.conftest import short_folder
from tests.media.calls.clients import Person, serving
from tests.media.calls.relay import Weather, through_relay
from tests.media.calls.test_bad_networks import without_candidates
from tests.soon import until

__all__ = ["short_folder"]

pytestmark = pytest.mark.long
LOOK = msgspec.json.encode(Appearance(origin="european"))
PIECE = 12_000  # samples told at once
AHEAD = 48_000  # samples synthesised ahead of what is heard, as voices are
MOST_LOST = 48_000 // 3
NTP_UNIX = 2_208_988_800


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
        """When something with this stamp is to be heard or seen, by the report before it."""
        rate, reports = 48_000 if kind == "audio" else 90_000, self.reports[kind]
        place = bisect_right(reports, stamp, key=lambda report: report[0])
        rtp, sent = reports[max(0, place - 1)]
        return sent + (stamp - rtp) / rate


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
                sent = info.ntp_timestamp / 2**32 - NTP_UNIX
                watcher.reports[kind].append(((info.rtp_timestamp - begin) % 2**32, sent))
        await handle(self, packet)

    monkeypatch.setattr(RTCRtpReceiver, "_handle_rtcp_packet", noting)
    return watchers


class Companion:
    """Who speaks into the call: sound to the leg, visemes to the face, a little ahead."""

    def __init__(self, leg: WorkerLeg, face: Face) -> None:
        self.leg, self.face = leg, face
        self.said: list[Said] = []
        self.played: dict[int, int] = {}
        self.quality: list[LegQuality] = []
        self.connected = asyncio.Event()
        self._epoch = 0

    async def listen(self) -> None:
        async for event in self.leg.events():
            if isinstance(event, Played):
                self.played[event.epoch] = max(event.samples, self.played.get(event.epoch, 0))
            elif isinstance(event, LegQuality):
                self.quality.append(event)
            elif isinstance(event, Connected):
                self.connected.set()

    async def say(self, visemes: Sequence[Viseme], cut_after: int | None = None) -> None:
        """To the end, or interrupted after so many samples have left."""
        self._epoch = epoch = self._epoch + 1
        pcm, end = sound(tuple(visemes)), length(tuple(visemes))
        self.leg.flush(epoch)
        began, told, wanted = time.time(), 0, min(end, cut_after or end)
        while self.played.get(epoch, 0) < wanted:
            while told < end and told - self.played.get(epoch, 0) < AHEAD:
                self._tell(epoch, told, pcm[told * 2 : (told + PIECE) * 2], visemes)
                told += PIECE
            await asyncio.sleep(0.02)
        if cut_after is not None:
            self.leg.flush(epoch + 1)
            self.face.tell(Flush(face="f", epoch=epoch + 1))
            self._epoch += 1
        heard = self.played[epoch] if cut_after is not None else None
        self.said.append(Said(began + 0.05, pcm, tuple(visemes), heard))

    def _tell(self, epoch: int, at: int, piece: bytes, visemes: Sequence[Viseme]) -> None:
        marks = tuple(
            Viseme(v.shape, v.at_sample - at, v.samples)
            for v in visemes
            if at <= v.at_sample < at + PIECE
        )
        self.face.tell(Speak(face="f", epoch=epoch, at_sample=at, pcm=piece, visemes=marks))
        self.leg.play(epoch, piece)


class Talk(NamedTuple):
    """What came of a call."""

    person: Watcher
    companion: Companion


@asynccontextmanager
async def talking(
    folder: Path, watchers: list[Watcher], weather: Weather | None = None
) -> AsyncIterator[Talk]:
    """A connected video call whose face is seen; `weather`: through a network that bad."""
    faces = FaceServer(RigEngine(CpuPainter(folder / "rigs")), key="k", most=2)  # type: ignore[arg-type]
    ready = asyncio.Event()
    painting = asyncio.create_task(faces.serve(f"unix:{folder}/faces", ready))
    await ready.wait()
    links = FaceLinks([f"unix:{folder}/faces"], "k")
    linked = asyncio.create_task(links.run())
    person, lost, relay = Watcher(), list[Refused](), None
    watchers.append(person)
    async with serving(folder) as (_worker, control):
        offer = await person.offer()
        opened = await control.open_leg(
            without_candidates(offer) if weather else offer, "video", ()
        )
        answer = opened.answer
        if weather is not None:
            answer, relay = await through_relay(answer, weather)
        leg = await dial_leg(
            LegAddress(leg=opened.leg, address=control.address, key=opened.key, transport="webrtc")
        )
        await person.answered(answer)
        asked = OpenFace(face="f", appearance=LOOK, size=256, leg=leg.address)
        companion = Companion(leg, links.open(asked, ignore, lost.append))
        listening = asyncio.create_task(companion.listen())
        await until(companion.connected.is_set)
        await until(lambda: len(person.looks) > 10)
        yield Talk(person, companion)
        assert not lost
        await leg.aclose("hung_up")
        await person.close()
        if relay is not None:
            relay.close()
    for task in (linked, painting, listening):
        task.cancel()
    await asyncio.wait([linked, painting, listening])


def spans(talk: Talk) -> list[Spans]:
    """When each phoneme was heard, found in the sound that was decoded."""
    person = talk.person
    first = person.heard_at[0][0]
    pcm = np.zeros(person.heard_at[-1][0] - first + 48_000, np.int16)
    last, end = person.heard[0], 0
    for (stamp, count), piece in zip(person.heard_at, person.heard, strict=True):
        at = stamp - first
        if (
            0 < at - end <= MOST_LOST
        ):  # lost: what was heard before goes on, as a phone would have it
            pcm[end:at] = np.resize(last, at - end)
        pcm[at : at + count] = last = piece  # what is silent is not all sent
        end = at + count
    decoded = Decoded(person.seconds("audio", first), pcm.astype("<i2").tobytes(), 48_000)
    return placed(talk.companion.said, decoded)


def judge(talk: Talk) -> InStep:
    person = talk.person
    looks = [Look(person.seconds("video", stamp), opening) for stamp, opening in person.looks]
    found = measure(looks, spans(talk))
    print(found)
    print("quality:", talk.companion.quality[-1:])
    return found


def ignore(_picture: Picture) -> None:
    """Pictures go to the leg."""


async def test_a_person_sees_the_mouth_move_with_what_they_hear(
    short_folder: Path, reported: list[Watcher]
) -> None:
    async with talking(short_folder, reported) as talk:
        await talk.companion.say(babble(np.random.default_rng(11), 95))
    found = judge(talk)
    assert found.fps > 3  # as many as this machine has time for
    assert found.windows >= 1 or found.fps < 22
    if found.windows:
        assert found.skew_ms_p99 < 40


@pytest.mark.parametrize("weather", [None, Weather(loss=0.03)], ids=["interrupted", "with loss"])
async def test_it_stays_in_step_when_interrupted_and_when_packets_are_lost(
    short_folder: Path, reported: list[Watcher], weather: Weather | None
) -> None:
    chance = np.random.default_rng(13)
    async with talking(short_folder, reported, weather) as talk:
        for part in range(3):
            cut = None if weather or part % 2 else 24_000 * 4
            await talk.companion.say(babble(chance, 54), cut)
    found = judge(talk)
    assert found.fps > 3  # as many as this machine has time for
    assert found.windows >= 1 or found.fps < 22
    if found.windows:
        # A phone of the tests' own makes up for what was lost, and not to the millisecond.
        assert found.skew_ms_p99 < (60 if weather else 40)


@pytest.mark.soak
@pytest.mark.timeout(2400)
async def test_half_an_hour_of_a_call_in_step(short_folder: Path, reported: list[Watcher]) -> None:
    """With interruptions now and then, as people make them."""
    numbers, chance = np.random.default_rng(12), random.Random(12)
    began = time.monotonic()
    async with talking(short_folder, reported) as talk:
        while time.monotonic() - began < 1800:
            cut = 24_000 * chance.randrange(4, 12) if chance.random() < 0.2 else None
            await talk.companion.say(babble(numbers, 150), cut)
    found = judge(talk)
    assert found.windows > 400
    assert found.skew_ms_p99 <= 40
    assert abs(found.drift_ms_per_minute) < 0.3
    assert found.shut_share >= 0.95
