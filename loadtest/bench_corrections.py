"""What each correction of aiortc is worth: the same work by aiortc as it comes, and by ours.

`python -m loadtest.bench_corrections`. CPU time of this process where work is compared; the tests
that hold the corrections in place are tests/media/calls/test_corrections.py.
"""

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket, compute_audio_level_dbov
from av import AudioFrame, VideoFrame

from loadtest.bench_calls import Caller, echo, talk
from media.avatar.rendering.encode import FrameEncoder
from media.calls import opus
from media.calls.offers import check_offer
from media.calls.rtc import PacketConnection
from media.sound.formats import PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE, SAMPLE_BYTES

SECONDS: Final = 10
SIZE: Final = 512
FPS: Final = 25
WIDE: Final = 48_000
JAM_SECONDS: Final = 0.04  # as long as a frame of video takes aiortc


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of this process."""
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def voice(rate: int) -> Any:
    """Something with a pitch and overtones, as voices have."""
    at = np.arange(SECONDS * rate) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 20))
    return (2_500 * (1 + np.sin(2 * np.pi * 3 * at)) * buzz).astype("<i2")


def sound_frames() -> Iterator[AudioFrame]:
    """As a track gives them to aiortc."""
    sound = voice(WIDE)
    for at in range(0, len(sound), WIDE // 50):
        frame = AudioFrame(format="s16", layout="mono", samples=WIDE // 50)
        frame.planes[0].update(sound[at : at + WIDE // 50].tobytes())
        frame.pts, frame.sample_rate, frame.time_base = at, WIDE, Fraction(1, WIDE)
        yield frame


def pictures(count: int) -> Iterator[Any]:
    """Something that moves, as planes of I420."""
    across, down = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    chroma = np.full((SIZE // 2, SIZE), 128)
    for n in range(count):
        luma = 128 + 60 * np.sin((across + 9 * n) / 40) + 50 * np.cos((down - 5 * n) / 25)
        yield np.concatenate((luma, chroma)).astype(np.uint8)


def loudness() -> dict[str, float]:
    """A second of sound: aiortc measures each frame's loudness in Python; ours has no frames."""
    frames = list(sound_frames())
    spent = cpu_ms(lambda: [compute_audio_level_dbov(frame) for frame in frames])
    return {"stock_cpu_ms_a_second": round(spent / SECONDS, 2), "ours_cpu_ms_a_second": 0.0}


def mono() -> dict[str, float]:
    """A second of sound encoded: what it costs, and how much it is."""
    frames, stock, theirs = list(sound_frames()), OpusEncoder(), list[bytes]()
    stock_ms = cpu_ms(lambda: theirs.extend(p for f in frames for p in stock.encode(f)[0]))
    sound, encoder, ours = voice(PLAYOUT_RATE).tobytes(), opus.Encoder(), list[bytes]()
    step = PLAYOUT_FRAME_SAMPLES * SAMPLE_BYTES
    cut = [sound[at : at + step] for at in range(0, len(sound), step)]
    ours_ms = cpu_ms(lambda: ours.extend(encoder.encode(piece) for piece in cut))
    return {
        "stock_kbps": round(8 * sum(map(len, theirs)) / SECONDS / 1000, 1),
        "ours_kbps": round(8 * sum(map(len, ours)) / SECONDS / 1000, 1),
        "stock_cpu_ms_a_second": round(stock_ms / SECONDS, 2),
        "ours_cpu_ms_a_second": round(ours_ms / SECONDS, 2),
    }


def stock_video(frames: list[Any], rates: list[int]) -> tuple[float, int]:
    """CPU, and how often the picture began anew (aiortc opens another codec)."""
    encoder, codecs = H264Encoder(), set[int]()

    def work() -> None:
        for n, (planes, kbps) in enumerate(zip(frames, rates, strict=True)):
            encoder.target_bitrate = kbps * 1000
            frame = VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = n * 3_600, Fraction(1, 90_000)
            encoder.encode(frame)
            kept.append(encoder.codec)
            codecs.add(id(encoder.codec))

    kept: list[Any] = []  # or an id might come twice
    return cpu_ms(work), len(codecs)


def our_video(frames: list[Any], rates: list[int]) -> tuple[float, int]:
    """The same."""
    encoder, keys = FrameEncoder("h264", SIZE, FPS, rates[0]), 0

    def work() -> None:
        nonlocal keys
        for n, (planes, kbps) in enumerate(zip(frames, rates, strict=True)):
            encoder.follow(kbps)
            coded = encoder.encode(planes, n * 40_000)
            keys += coded is not None and coded.key

    return cpu_ms(work), keys


def preset() -> dict[str, float]:
    """A frame of 512 x 512 as H.264, at one rate."""
    frames = list(pictures(2 * FPS))
    rates = [1_000] * len(frames)
    stock, ours = stock_video(frames, rates)[0], our_video(frames, rates)[0]
    return {
        "stock_cpu_ms_a_frame": round(stock / len(frames), 2),
        "ours_cpu_ms_a_frame": round(ours / len(frames), 2),
    }


def reports() -> dict[str, float]:
    """Two seconds in which what the receiver believes swings by 15 %."""
    frames = list(pictures(2 * FPS))
    rates = [800 if n % 5 < 3 else 920 for n in range(len(frames))]
    stock, ours = stock_video(frames, rates), our_video(frames, rates)
    return {
        "stock_encoders_opened": stock[1],
        "ours_encoders_opened": ours[1],
        "stock_cpu_ms_a_frame": round(stock[0] / len(frames), 2),
        "ours_cpu_ms_a_frame": round(ours[0] / len(frames), 2),
    }


def prefetch() -> dict[str, float]:
    """Packets a jitter buffer takes before it gives the first."""
    buffer, taken = JitterBuffer(capacity=16, prefetch=4), 0
    while True:
        packet = RtpPacket(payload_type=96, sequence_number=taken, timestamp=960 * taken)
        packet._data = b"x"  # type: ignore[attr-defined]
        taken += 1
        if buffer.add(packet)[1] is not None:
            return {"stock_packets": taken, "ours_packets": 1}


async def own_path() -> dict[str, float]:
    """How long a frame of sound waits to be encoded while video is encoded for other calls."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(6))  # as Python makes it on two cores
    over = threading.Event()

    jams = [threading.Thread(target=_jam, args=(loop, over)) for _ in range(8)]
    for jam in jams:
        jam.start()
    stock, encoder, waits = OpusEncoder(), opus.Encoder(), list[float]()
    ours, pcm = list[float](), voice(PLAYOUT_RATE)[:PLAYOUT_FRAME_SAMPLES].tobytes()
    for frame in list(sound_frames())[:50]:
        began = time.perf_counter()
        encoder.encode(pcm)
        ours.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        await loop.run_in_executor(None, stock.encode, frame)
        waits.append(1000 * (time.perf_counter() - began))
    over.set()
    for jam in jams:
        await asyncio.to_thread(jam.join)
    return {"stock_ms_p50": _middle(waits), "ours_ms_p50": _middle(ours)}


def _jam(loop: asyncio.AbstractEventLoop, over: threading.Event) -> None:
    """One call's video: a thread of the executor is taken for so long, again and again."""

    async def frame() -> None:
        await loop.run_in_executor(None, over.wait, JAM_SECONDS)

    while not over.is_set():
        asyncio.run_coroutine_threadsafe(frame(), loop).result()


def _middle(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 2)


async def took_ms(work: Callable[[], Awaitable[object]]) -> float:
    """By the clock: it is waiting that is measured."""
    began = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - began)


async def local_names() -> dict[str, float]:
    """To take an offer with three candidates that only multicast DNS could resolve."""
    caller = PacketConnection(RTCConfiguration(iceServers=[]))
    caller.addTransceiver("audio")
    await caller.setLocalDescription(await caller.createOffer())
    sdp = str(caller.localDescription.sdp)
    line = next(line for line in sdp.splitlines() if line.startswith("a=candidate:"))
    words = line.split()
    named = [" ".join([*words[:4], f"0c5b1e2f-{n}.local", *words[5:]]) for n in range(3)]
    offer = sdp.replace(line, "\r\n".join([*named, line]))
    found = {}
    for name, text in (("stock", offer), ("ours", check_offer(offer).sdp)):
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        told = RTCSessionDescription(text, "offer")
        found[f"{name}_ms"] = round(
            await took_ms(lambda c=connection, t=told: c.setRemoteDescription(t)),  # type: ignore[misc]
            1,
        )
        await connection.close()
    await caller.close()
    return found


async def public_hosts() -> dict[str, float]:
    """Hosts on the internet that are asked for one's own address, unless somebody configures it."""
    found: dict[str, float] = {}
    for name, servers in (("stock", None), ("ours", [])):
        connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        connection.addTransceiver("audio")
        (transceiver,) = connection.getTransceivers()
        gatherer = transceiver.receiver.transport.transport.iceGatherer
        found[f"{name}_hosts"] = int(gatherer._connection.stun_server is not None)
        await connection.close()
    return found


async def undrained(seconds: float) -> dict[str, float]:
    """What is kept of a minute of sound that nobody takes."""
    found: dict[str, float] = {}
    for name, make in (("stock", RTCPeerConnection), ("ours", PacketConnection)):
        caller, callee = Caller(), make(RTCConfiguration(iceServers=[]))
        await callee.setRemoteDescription(RTCSessionDescription(await caller.offer(), "offer"))
        await callee.setLocalDescription(await callee.createAnswer())
        await caller.answered(callee.localDescription.sdp)
        await talk([caller], seconds)
        (receiver,) = callee.getReceivers()
        queue = receiver.track._queue  # type: ignore[attr-defined]
        kept = 0
        while not queue.empty():
            kept += sum(plane.buffer_size for plane in queue.get_nowait().planes)
        found[f"{name}_mb_a_minute"] = round(kept * 60 / seconds / 1e6, 1)
        await caller.close()
        await callee.close()
    return found


async def run(seconds: float) -> dict[str, Any]:
    """All of them."""
    return {
        "loudness of each frame": loudness(),
        "jitter prefetch": {
            **prefetch(),
            "stock_echo_p50_ms": (await echo(seconds, stock=True))["p50_ms"],
            "ours_echo_p50_ms": (await echo(seconds))["p50_ms"],
        },
        "H.264 preset": preset(),
        "Opus mono at 28 kb/s": mono(),
        "receiver's reports": reports(),
        "an executor of its own": await own_path(),
        ".local candidates": await local_names(),
        "iceServers": await public_hosts(),
        "undrained tracks": await undrained(seconds),
    }


def main() -> int:
    """Measure, print, and leave JSON behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="Of echoes.")
    parser.add_argument("--out", type=Path, default=Path("build/bench_corrections.json"))
    told = parser.parse_args()
    found = uvloop.run(run(told.seconds))
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_text(json.dumps(found, indent=2) + "\n")
    for name, figures in found.items():
        print(f"{name:<26}", ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
