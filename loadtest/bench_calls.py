"""What a call costs a media worker: CPU, lateness, echo, memory; beside aiortc as it comes.

`python -m loadtest.bench_calls [--calls 1,4,8,14] [--seconds 8]`. The worker has a process of its
own; callers are as light as can be (packets made beforehand), and CPU time is the worker's own,
for wall time depends on who else is busy.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from msgspec import Struct

from media.calls import opus
from media.calls.control import Control
from media.calls.holding import WorkerLeg, dial_leg
from media.calls.leg import Heard, LegAddress, LegQuality
from media.calls.load import Load
from media.calls.outgoing import OutgoingTrack
from media.calls.rtc import PacketConnection, RtcEngine
from media.calls.serving import Worker
from media.sound.formats import PLAYOUT_RATE

KEY: Final = "bench"
FRAME_SECONDS: Final = 0.02
LOUD: Final = 3_000
CLICK_EVERY: Final = 50  # frames: an echo that takes long is not taken for the next one


class Row(Struct, frozen=True, kw_only=True):
    """One measurement."""

    what: str
    calls: int
    core_percent_per_call: float
    late_ms_p99: float | None = None


# --- the process that is measured


def worker_process(path: str) -> None:
    """A media worker on a socket, without a bus."""
    uvloop.run(_serve_worker(path))


async def _serve_worker(path: str) -> None:
    worker = Worker(RtcEngine(), KEY, load=Load(most=100.0))
    await asyncio.get_running_loop().create_unix_server(worker.link, path)
    await asyncio.Event().wait()


def stock_process(path: str) -> None:
    """aiortc as it comes: what a person says is sent back to them."""
    uvloop.run(_serve_stock(path))


async def _serve_stock(path: str) -> None:
    kept: set[RTCPeerConnection] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        offer = (await reader.readuntil(b"\0"))[:-1].decode()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        kept.add(connection)
        connection.on("track", lambda track: connection.addTrack(track))
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        writer.write(connection.localDescription.sdp.encode() + b"\0")
        await reader.read()
        kept.discard(connection)
        await connection.close()

    await asyncio.start_unix_server(answer, path, limit=2**20)
    await asyncio.Event().wait()


@asynccontextmanager
async def measured(target: Any) -> AsyncIterator[tuple[psutil.Process, str]]:
    """The process, and its socket."""
    with tempfile.TemporaryDirectory(prefix="kindred-calls-") as folder:
        path = f"{folder}/s"
        process = multiprocessing.get_context("spawn").Process(target=target, args=(path,))
        process.start()
        try:
            async with asyncio.timeout(30):
                while not Path(path).exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            yield psutil.Process(process.pid), path
        finally:
            process.kill()
            process.join()


# --- callers


def packets(*, clicks: bool) -> list[bytes]:
    """Four seconds of something like speech, or of silence with clicks, encoded once."""
    rng, count = np.random.default_rng(5), 200
    encoder = opus.Encoder()
    frames = []
    for n in range(count):
        if clicks:
            loud = n % CLICK_EVERY == 0
            sound = rng.normal(0, 12_000 if loud else 0, 480)
        else:
            at = (np.arange(480) + 480 * n) / PLAYOUT_RATE
            sound = 6000 * np.sin(2 * np.pi * 180 * at) + rng.normal(0, 800, 480)
        frames.append(encoder.encode(np.clip(sound, -32_000, 32_000).astype("<i2").tobytes()))
    return frames


class Caller:
    """One person: sends packets that are ready; what comes back is counted, or timed."""

    def __init__(self) -> None:
        self.pc = PacketConnection(RTCConfiguration(iceServers=[]))
        self.track = OutgoingTrack("audio")
        self.pc.addTrack(self.track)
        self.leg: WorkerLeg | None = None
        self.late_ms: list[float] = []
        self.echoes_ms: list[float] = []
        self.received = 0
        self.echo = False
        self._clicked: float | None = None
        self._decoder = opus.Decoder()
        self._writer: asyncio.StreamWriter | None = None
        self._holding: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def answered(self, sdp: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        vars(self.pc.getTransceivers()[0].receiver)["take"] = self._take
        async with asyncio.timeout(20):
            while self.pc.connectionState != "connected":  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def call(self, control: Control) -> "Caller":
        """By a media worker."""
        opened = await control.open_leg(await self.offer(), "voice", ())
        self.leg = await dial_leg(
            LegAddress(leg=opened.leg, address=control.address, key=opened.key, transport="webrtc")
        )
        self._holding = asyncio.create_task(self._hold())
        await self.answered(opened.answer)
        return self

    async def call_stock(self, path: str) -> "Caller":
        """By aiortc as it comes."""
        reader, self._writer = await asyncio.open_unix_connection(path, limit=2**20)
        self._writer.write((await self.offer()).encode() + b"\0")
        await self.answered((await reader.readuntil(b"\0"))[:-1].decode())
        return self

    async def _hold(self) -> None:
        assert self.leg is not None
        async for event in self.leg.events():
            if isinstance(event, LegQuality):
                self.late_ms.append(event.late_ms_p99)
            elif isinstance(event, Heard) and self.echo:
                self.leg.play(0, _faster(event.pcm))

    def say(self, packet: bytes, slot: int, *, click: bool = False) -> None:
        """One packet."""
        if click:
            self._clicked = time.perf_counter()
        self.track.put(packet, slot * 480, 0)

    def _take(self, _: str, packet: Any) -> None:
        self.received += 1
        if self._clicked is None:
            return
        with contextlib.suppress(opus.BadPacket):
            heard = np.frombuffer(self._decoder.decode(packet.payload), "<i2")
            if len(heard) and np.abs(heard.astype(int)).max() > LOUD:
                self.echoes_ms.append(1000 * (time.perf_counter() - self._clicked))
                self._clicked = None

    async def close(self) -> None:
        if self._holding is not None and self.leg is not None:
            await self.leg.aclose("done")
            await self._holding
        if self._writer is not None:
            self._writer.close()
        await self.pc.close()


def _faster(pcm: bytes) -> bytes:
    """16 kHz as 24 kHz, well enough for a click."""
    heard = np.frombuffer(pcm, "<i2").astype(np.float32)
    at = np.arange(len(heard) * 3 // 2) * (2 / 3)
    return bytes(np.interp(at, np.arange(len(heard)), heard).astype("<i2").tobytes())


async def talk(callers: list[Caller], seconds: float, *, clicks: bool = False) -> None:
    """Everybody speaks at once; holders keep a second of sound ahead."""
    said, slot, loop = packets(clicks=clicks), 0, asyncio.get_running_loop()
    sound = (5000 * np.sin(2 * np.pi * 200 * np.arange(PLAYOUT_RATE) / PLAYOUT_RATE)).astype("<i2")
    began = loop.time()
    while loop.time() - began < seconds:
        for number, caller in enumerate(callers):
            n = (slot + number) % len(said)
            caller.say(said[n], slot, click=clicks and n % CLICK_EVERY == 0)
            if not clicks and slot % 50 == number % 50 and caller.leg is not None:
                caller.leg.play(0, sound.tobytes())
        slot += 1
        await asyncio.sleep(max(0.0, began + slot * FRAME_SECONDS - loop.time()))


# --- measurements


async def cost(count: int, seconds: float, *, stock: bool = False) -> Row:
    """CPU of a call, sound both ways."""
    async with measured(stock_process if stock else worker_process) as (process, path):
        callers = [Caller() for _ in range(count)]
        if stock:
            for caller in callers:
                await caller.call_stock(path)
        else:
            control = await Control(f"unix:{path}", KEY).connect()
            for caller in callers:
                await caller.call(control)
        await talk(callers, 2.0)
        before = sum(process.cpu_times()[:2])
        for caller in callers:
            caller.late_ms.clear()
        began = time.monotonic()
        await talk(callers, seconds)
        used = sum(process.cpu_times()[:2]) - before
        share = 100 * used / (time.monotonic() - began) / count
        late = sorted(value for caller in callers for value in caller.late_ms)
        for caller in callers:
            await caller.close()
        return Row(
            what="aiortc as it comes" if stock else "media worker",
            calls=count,
            core_percent_per_call=round(share, 2),
            late_ms_p99=round(late[len(late) // 2], 1) if late else None,
        )


async def echo(seconds: float, *, stock: bool = False) -> dict[str, float]:
    """From a click sent to its echo received, without a buffer at the caller."""
    async with measured(stock_process if stock else worker_process) as (_, path):
        caller = Caller()
        caller.echo = True
        if stock:
            await caller.call_stock(path)
        else:
            await caller.call(await Control(f"unix:{path}", KEY).connect())
        await talk([caller], seconds, clicks=True)
        found = sorted(caller.echoes_ms)
        await caller.close()
    return {
        "clicks": len(found),
        "p50_ms": round(found[len(found) // 2], 1),
        "p95_ms": round(found[len(found) * 95 // 100], 1),
    }


async def memory(at_once: int, rounds: int) -> dict[str, float]:
    """Of a call that goes on, and what is left of those that are over."""
    async with measured(worker_process) as (process, path):
        control = await Control(f"unix:{path}", KEY).connect()
        await (await Caller().call(control)).close()
        empty = process.memory_info().rss
        sizes = []
        for _ in range(rounds):
            callers = [await Caller().call(control) for _ in range(at_once)]
            await talk(callers, 1.0)
            full = process.memory_info().rss
            for caller in callers:
                await caller.close()
            await asyncio.sleep(0.5)
            sizes.append(process.memory_info().rss)
        return {
            "worker_mb": round(empty / 1e6, 1),
            "mb_per_call": round((full - empty) / at_once / 1e6, 2),
            "calls": at_once * rounds,
            "after_first_round_mb": round(sizes[0] / 1e6, 1),
            "after_last_round_mb": round(sizes[-1] / 1e6, 1),
        }


async def run(counts: list[int], seconds: float, rounds: int) -> dict[str, Any]:
    """All of it."""
    rows = [await cost(4, seconds, stock=True)]
    rows += [await cost(count, seconds) for count in counts]
    return {
        "cost": [{name: getattr(row, name) for name in row.__struct_fields__} for row in rows],
        "echo": await echo(seconds),
        "echo_stock": await echo(seconds, stock=True),
        "memory": await memory(10, rounds),
    }


def main() -> int:
    """Measure, print, and leave JSON behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", default="1,4,8,14")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("build/bench_calls.json"))
    told = parser.parse_args()
    found = uvloop.run(run([int(n) for n in told.calls.split(",")], told.seconds, told.rounds))
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
