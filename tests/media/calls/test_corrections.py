"""What is corrected of aiortc, one by one: each with stock aiortc beside it, which fails the same.

Where stock begins to pass, a correction may go; where ours begins to fail, one was lost.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import aiortc.rtcrtpsender
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from av import AudioFrame, VideoFrame

from media.avatar.rendering.encode import FrameEncoder
from media.calls.decoding import Hearing
from media.calls.engine import Received
from media.calls.holding import WorkerLeg
from media.calls.opus import Encoder
from media.calls.rtc import PacketReceiver
from media.sound.formats import PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE
from tests.media.calls.clients import Microphone, Person, call, serving
from tests.soon import until

SECOND = PLAYOUT_RATE
SIZE = 128


def voice(seconds: float, rate: int = PLAYOUT_RATE) -> np.ndarray:
    """Something with a pitch, overtones and breath, as voices have."""
    at = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 20))
    breath = np.random.default_rng(3).normal(0, 0.1, len(at))
    return (4_000 * (1 + np.sin(2 * np.pi * 3 * at)) * (buzz + breath) / 2).astype("<i2")


class Deaf(Person):
    """Stock, and nobody takes what its track holds."""

    def _on_track(self, track: Any) -> None:
        self.track = track


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[tuple[Person, WorkerLeg]]:
    """Somebody who only listens: whatever is encoded in this process, the worker encodes."""
    async with serving(tmp_path) as (_, control):
        person = Person()
        leg = await call(control, person)
        await until(person.connected.is_set)
        yield person, leg
        await leg.aclose("done")
        await person.close()


async def test_no_loudness_is_computed_sample_by_sample(
    listener: tuple[Person, WorkerLeg], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person, leg = listener
    measured: list[Any] = []
    rtp = aiortc.rtcrtpsender.rtp
    stock = rtp.compute_audio_level_dbov
    monkeypatch.setattr(
        rtp, "compute_audio_level_dbov", lambda frame: (measured.append(frame), stock(frame))[1]
    )
    leg.play(0, voice(1.0).tobytes())
    await until(lambda: np.abs(person.sound.astype(int)).sum() > 0)
    assert not measured
    (tmp_path / "stock").mkdir()
    async with serving(tmp_path / "stock") as (_, control):
        speaker = Person(Microphone(voice(5, 48_000)))
        other = await call(control, speaker)
        await until(lambda: measured)
        await other.aclose("done")
        await speaker.close()


class Transport:
    state = "new"


def opus_packet(sequence: int, payload: bytes) -> RtpPacket:
    packet = RtpPacket(payload_type=96, sequence_number=sequence, timestamp=960 * sequence)
    packet.ssrc, packet.payload = 7, payload
    return packet


async def test_the_first_packet_is_heard_without_waiting_for_four() -> None:
    codec = RTCRtpCodecParameters("audio/opus", clockRate=48_000, channels=2, payloadType=96)
    ours, stock = PacketReceiver("audio", Transport()), RTCRtpReceiver("audio", Transport())  # type: ignore[arg-type]
    hearing, encoder = Hearing(), Encoder()
    heard: list[Any] = []

    def take(_: str, packet: RtpPacket) -> None:
        got = Received(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload)
        heard.extend(hearing.add(got, 1_000))

    ours.take = take
    for receiver in (ours, stock):
        vars(receiver)["_RTCRtpReceiver__codecs"][96] = codec
    payload = encoder.encode(voice(0.02).tobytes())
    for sequence in range(3):
        packet = opus_packet(sequence, payload)
        await ours._handle_rtp_packet(packet, 0)
        await stock._handle_rtp_packet(packet, 0)
        assert len(heard) == sequence + 1, "each is heard as it comes"
    assert vars(stock)["_RTCRtpReceiver__decoder_queue"].empty()


def picture(n: int) -> np.ndarray:
    """Something that moves, as planes of I420."""
    across, down = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    luma = (across * 2 + down + 7 * n) % 256
    chroma = np.full((SIZE // 2, SIZE), 128)
    return np.concatenate((luma, chroma)).astype(np.uint8)


def keyframes_of_ours(codec: Any, rates: list[int]) -> int:
    encoder = FrameEncoder(codec, SIZE, 25, rates[0])
    keys = 0
    for n, kbps in enumerate(rates):
        encoder.follow(kbps)
        coded = encoder.encode(picture(n), n * 40_000)
        keys += coded is not None and coded.key
    return keys


def keyframes_of_stock(rates: list[int]) -> int:
    encoder, keys = H264Encoder(), 0
    for n, kbps in enumerate(rates):
        encoder.target_bitrate = kbps * 1000
        frame = VideoFrame.from_ndarray(picture(n), format="yuv420p")
        frame.pts, frame.time_base = n * 3_600, Fraction(1, 90_000)
        payloads, _ = encoder.encode(frame)
        keys += any(_is_key(payload) for payload in payloads)
    return keys


def _is_key(payload: bytes) -> bool:
    kind = payload[0] & 31
    if kind == 24:  # several units in one packet
        return any(payload[at] & 31 in (5, 7) for at in (3,))
    return (payload[1] & 31 if kind == 28 else kind) in (5, 7)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_receivers_report_does_not_begin_the_picture_anew(codec: str) -> None:
    """What a receiver believes swings by more than a tenth all the time."""
    swinging = [600 if n % 2 else 690 for n in range(12)]
    assert keyframes_of_ours(codec, swinging) == 1
    assert keyframes_of_stock(swinging) > 6


def test_h264_is_encoded_fast_enough_for_a_call() -> None:
    """x264 writes its settings into its first picture: 1 is superfast's, 7 the default's."""
    coded = FrameEncoder("h264", SIZE, 25, 600).encode(picture(0), 0)
    assert coded is not None
    assert b"subme=1 " in coded.data
    assert b"rc_lookahead=0 " in coded.data
    stock = H264Encoder()
    frame = VideoFrame.from_ndarray(picture(0), format="yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, 90_000)
    assert b"subme=1 " not in b"".join(stock.encode(frame)[0])


def test_sound_is_mono_and_takes_a_third_of_the_bandwidth() -> None:
    seconds = 4
    sound, encoder = voice(seconds), Encoder()
    cut = range(0, len(sound), PLAYOUT_FRAME_SAMPLES)
    ours = [encoder.encode(sound[at : at + PLAYOUT_FRAME_SAMPLES].tobytes()) for at in cut]
    assert not any(packet[0] & 4 for packet in ours), "the bit for stereo"
    rate = 8 * sum(map(len, ours)) / seconds
    assert 20_000 < rate < 36_000
    stock, theirs = OpusEncoder(), []
    wide = voice(seconds, 48_000)
    for n in range(0, len(wide), 960):
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(wide[n : n + 960].tobytes())
        frame.pts, frame.sample_rate, frame.time_base = n, 48_000, Fraction(1, 48_000)
        theirs += stock.encode(frame)[0]
    assert any(packet[0] & 4 for packet in theirs)
    assert 8 * sum(map(len, theirs)) / seconds > 2.5 * rate


async def test_sound_flows_while_the_shared_threads_are_all_busy(
    listener: tuple[Person, WorkerLeg], tmp_path: Path
) -> None:
    """Stock encodes sound on the executor that video, files and names also wait for."""
    person, leg = listener
    (tmp_path / "stock").mkdir()
    async with serving(tmp_path / "stock") as (worker, control):
        speaker = Person(Microphone(voice(20, 48_000)))
        other = await call(control, speaker)
        await until(speaker.connected.is_set)
        loop, let_go = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        jam = loop.run_in_executor(None, let_go.wait, 20.0)
        (carried,) = worker.legs.values()
        before = len(person.heard)
        received = carried._hearing._reorder.received
        leg.play(0, voice(2.0).tobytes())
        await until(lambda: len(person.heard) > before + 60)
        assert carried._hearing._reorder.received - received < 10, "stock's sound stood still"
        let_go.set()
        await jam
        await other.aclose("done")
        await speaker.close()


async def test_no_name_is_asked_for_that_only_the_persons_own_network_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock waits a second for each, in setRemoteDescription."""
    asked: list[str] = []
    stock = aioice.ice.Connection.add_remote_candidate

    async def add(connection: Any, candidate: Any) -> None:
        if candidate is not None:
            asked.append(candidate.host)
            if candidate.host.endswith(".local"):
                return
        await stock(connection, candidate)

    monkeypatch.setattr(aioice.ice.Connection, "add_remote_candidate", add)
    async with serving(tmp_path) as (_, control):
        person = Person(Microphone())
        offer = await person.offer()
        line = next(line for line in offer.splitlines() if line.startswith("a=candidate:"))
        words = line.split()
        words[4] = "0c5b1e2f-3d4a.local"
        named = offer.replace(line, " ".join(words) + "\r\n" + line)
        opened = await control.open_leg(named, "voice", ())
        await person.answered(opened.answer)
        await until(person.connected.is_set)
        assert asked
        assert not [host for host in asked if host.endswith(".local")]
        await person.close()
    bare = RTCPeerConnection()
    await bare.setRemoteDescription(aiortc.RTCSessionDescription(named, "offer"))
    assert [host for host in asked if host.endswith(".local")]
    await bare.close()


async def test_no_public_host_learns_of_a_call(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Person()
        leg = await call(control, person)
        (carried,) = worker.legs.values()
        assert servers_of(carried.peer._connection) == [None]
        await leg.aclose("done")
        await person.close()
    stock = RTCPeerConnection()
    stock.addTransceiver("audio")
    assert servers_of(stock) != [None]
    await stock.close()


def servers_of(connection: RTCPeerConnection) -> list[Any]:
    return [
        transceiver.receiver.transport.transport.iceGatherer._connection.stun_server
        for transceiver in connection.getTransceivers()
    ]


async def test_nothing_piles_up_where_nobody_takes_a_track(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Deaf(Microphone(voice(10, 48_000)))
        leg = await call(control, person)
        await until(person.connected.is_set)
        leg.play(0, voice(3.0).tobytes())
        await until(lambda: person.track._queue.qsize() > 60)  # stock keeps all of it
        (carried,) = worker.legs.values()
        assert carried._hearing._reorder.received > 50
        for receiver in carried.peer._connection.getReceivers():
            assert receiver.track._queue.empty()
            assert vars(receiver)["_RTCRtpReceiver__decoder_queue"].empty()
        await leg.aclose("done")
        await person.close()
