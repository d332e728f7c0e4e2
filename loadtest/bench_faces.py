"""`python -m loadtest.bench_faces`: what moving faces cost on this machine, part by part.

Milliseconds a frame for batches of 1 to 256, of deciding, painting and encoding; what a call's
first packet takes; sessions one core carries at 25 frames a second; and how long after it was due
a frame is an encoded packet.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
from msgspec import Struct

from media.avatar.appearance import Appearance
from media.avatar.engine import Engine, Source, Step
from media.avatar.engines import ENGINES, open_engine
from media.avatar.motion.director import Director
from media.avatar.painter import Painter
from media.avatar.rendering.device import Begin, Device, now_us
from media.avatar.rendering.encode import FrameEncoder
from media.avatar.rendering.wire import Codec, OpenFace, Picture, Refused, Sounding, Speak
from media.avatar.state import Rows
from media.sound.formats import PLAYOUT_RATE
from media.speech.ports import Viseme

FPS = 25
FRAME = PLAYOUT_RATE // FPS
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ORIGINS = ("european", "african", "east_asian", "south_asian")


class Cost(Struct, kw_only=True):
    """One line: milliseconds for one frame, the median of `frames`."""

    what: str
    size: int
    batch: int
    ms: float
    frames: int


class Whole(Struct, kw_only=True):
    """So many speaking faces on a device, in real time."""

    faces: int
    size: int
    codec: str
    seconds: float
    fps: float
    packet_ms_p50: float
    packet_ms_p95: float
    skipped: int
    cores: float


def speech(seconds: float, seed: int) -> tuple[tuple[Viseme, ...], bytes]:
    """Babble and its sound."""
    chance = np.random.default_rng(seed)
    marks: list[Viseme] = []
    at = 0
    while at < seconds * PLAYOUT_RATE:
        shape = str(chance.choice(("aa", "E", "I", "O", "U", "PP", "SS", "DD", "FF", "nn")))
        long = int(chance.integers(1400, 4400))
        marks.append(Viseme(shape, at, long))
        at += long
    sound = (8000 * np.sin(np.arange(at) * 0.045)).astype("<i2").tobytes()
    return tuple(marks), sound


def rows(count: int, batch: int) -> list[Rows]:
    """What that many directors of speaking faces say, `count` times."""
    directors = [Director(f"face {n}") for n in range(batch)]
    for n, director in enumerate(directors):
        marks, sound = speech(count / FPS + 1, n)
        director.speak(1, 0, sound, marks)
    return [np.stack([one.row(k * FRAME, k * FRAME) for one in directors]) for k in range(count)]


def deciding(count: int = 400) -> Cost:
    """One director's rows while it speaks."""
    marks, sound = speech(count / FPS + 1, 0)
    director = Director("bench")
    director.speak(1, 0, sound, marks)
    times = timed(count, lambda k: director.row(k * FRAME, k * FRAME))
    return Cost(what="decide", size=0, batch=1, ms=statistics.median(times), frames=count)


def painting(engine: Engine, size: int, batch: int) -> Cost:
    """A batch of speaking faces through the engine."""
    assets = [
        engine.prepare(Source(appearance=Appearance(origin=origin)), size)  # type: ignore[arg-type]
        for origin in ORIGINS
    ]
    for slot in range(batch):
        engine.open(slot, assets[slot % len(assets)])
    count = max(3, min(60, 240 // batch))
    told = rows(count, batch)
    most = engine.caps.max_batch

    def paint(k: int) -> None:
        steps = [Step(slot=n, row=told[k][n], pts=k * FRAME, fresh=True) for n in range(batch)]
        for start in range(0, batch, most):
            engine.step(steps[start : start + most])

    times = timed(count, paint, engine.caps.device)
    for slot in range(batch):
        engine.close(slot)
    return Cost(
        what="paint", size=size, batch=batch, ms=statistics.median(times) / batch, frames=count
    )


def encoding(engine: Engine, size: int, codec: Codec) -> Cost:
    """A speaking face through an encoder."""
    look = Source(appearance=Appearance(origin="european"))
    engine.open(0, engine.prepare(look, size))
    count = 100
    pictures = [
        engine.step([Step(slot=0, row=row[0], pts=0, fresh=True)]).frames[0].copy()
        for row in rows(count, 1)
    ]
    engine.close(0)
    encoder = FrameEncoder(codec, size, FPS, 600)
    times = timed(count, lambda k: encoder.encode(pictures[k], k * 40_000))
    return Cost(
        what=f"encode {codec}", size=size, batch=1, ms=statistics.median(times), frames=count
    )


def beginning(open_one: Callable[[], Engine], size: int, codec: Codec, count: int = 7) -> Cost:
    """From a kept face that nobody shows yet to its first packet: read, painted, encoded."""
    look, times = Appearance(origin="european"), []
    open_one().prepare(Source(appearance=look), size)  # drawn once, so that it is kept
    for _ in range(count):
        engine, sent = open_one(), list[Picture | Refused]()
        device = Device(engine, sent.append)
        asked = OpenFace(
            face="0", appearance=msgspec.json.encode(look), size=size, codec=codec, attitude="idle"
        )
        clock = time.thread_time if engine.caps.device == "cpu" else time.perf_counter
        began = clock()
        device.post(Begin(asked, engine.prepare(Source(appearance=look), size)))
        while not sent:
            device.beat(now_us())
        times.append((clock() - began) * 1000)
        device.stop()
    return Cost(what="first packet", size=size, batch=1, ms=statistics.median(times), frames=count)


def together(engine: Engine, faces: int, size: int, codec: Codec, seconds: float) -> Whole:
    """Speaking faces on a device for a while; the device degrades if it must, and is told."""
    sent: list[Picture] = []

    def deliver(told: Picture | Refused) -> None:
        if isinstance(told, Picture):
            sent.append(told)

    device = Device(engine, deliver)
    for n in range(faces):
        look = Appearance(origin=ORIGINS[n % len(ORIGINS)])  # type: ignore[arg-type]
        name, marks = str(n), speech(seconds + 1, n)
        asked = OpenFace(
            face=name, appearance=msgspec.json.encode(look), size=size, codec=codec, attitude="idle"
        )
        device.post(Begin(asked, engine.prepare(Source(appearance=look), size)))
        device.post(Speak(face=name, epoch=1, at_sample=0, pcm=marks[1], visemes=marks[0]))
    began, cpu = now_us(), time.process_time()
    tenth = 0
    while (passed := now_us() - began) < seconds * 1e6:
        if passed >= tenth * 100_000:
            tenth += 1
            for n in range(faces):
                at = passed * PLAYOUT_RATE // 1_000_000
                told = Sounding(face=str(n), epoch=1, samples=at, clock_us=began + passed)
                device.post(told)
        turn = now_us()
        device.beat(turn)
        time.sleep(max(0.0, (turn + 10_000 - now_us()) / 1e6))
    late = sorted(device.late_us)
    device.stop()
    for slot in range(1, faces + 1):
        engine.close(slot)
    return Whole(
        faces=faces,
        size=size,
        codec=codec,
        seconds=seconds,
        fps=len(sent) / faces / seconds,
        packet_ms_p50=late[len(late) // 2] / 1000,
        packet_ms_p95=late[int(len(late) * 0.95)] / 1000,
        skipped=device.figures.skipped,
        cores=(time.process_time() - cpu) / seconds,
    )


def by_torch(folder: Path, device: str) -> Engine:
    """The drawn face by torch; on the CPU that is for comparing alone. One thread, as the other."""
    import torch

    from media.avatar.rig_engine import RigEngine
    from media.avatar.torch_painter import TorchPainter

    torch.set_num_threads(1)
    return RigEngine(cast("Painter", TorchPainter(folder, device, max_batch=256)))


def opened(told: argparse.Namespace, folder: Path) -> Engine:
    """The engine that was asked for, with nothing in its memory."""
    if told.torch:
        return by_torch(folder, told.device)
    return open_engine(told.engine, told.device, folder, told.weights)


def timed(count: int, work: Callable[[int], object], device: str = "cpu") -> list[float]:
    """Milliseconds of each of `count` runs, after one that does not count.

    Of this thread's processor, so that other work on the machine does not count; on a device, by
    the clock.
    """
    clock = time.thread_time if device == "cpu" else time.perf_counter
    work(0)
    times = []
    for k in range(count):
        began = clock()
        work(k)
        times.append((clock() - began) * 1000)
    return times


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table, and write build/bench_faces.json."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_faces", description=__doc__)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="rig")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--torch", action="store_true", help="paint with torch, even on the CPU")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--folder", type=Path, help="where drawn faces are kept [thrown away]")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--faces", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=8.0)
    told = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as thrown_away:
        folder = told.folder or Path(thrown_away)
        engine = opened(told, folder)
        costs = [deciding()]
        for size in told.sizes:
            costs += [painting(engine, size, batch) for batch in told.batches]
            costs += [encoding(engine, size, codec) for codec in ("vp8", "h264")]
            costs.append(beginning(lambda: opened(told, folder), size, "vp8"))
        wholes = [
            together(engine, faces, size, "h264", told.seconds)
            for size in told.sizes
            for faces in told.faces
        ]
    report(costs, wholes)
    return 0


def report(costs: list[Cost], wholes: list[Whole]) -> None:
    """Tables for people, a file for programs."""
    print(f"{'what':14}{'size':>6}{'batch':>7}{'ms a frame':>12}")
    for one in costs:
        print(f"{one.what:14}{one.size:6}{one.batch:7}{one.ms:12.3f}")
    decide = costs[0].ms
    for size in sorted({one.size for one in costs if one.size}):
        paint = min(one.ms for one in costs if one.what == "paint" and one.size == size)
        code = min(one.ms for one in costs if one.what.startswith("encode") and one.size == size)
        print(
            f"sessions a core at {size} and {FPS} fps: {1000 / FPS / (decide + paint + code):.1f}"
        )
    head = f"{'faces':>6}{'size':>6}{'fps':>7}{'packet ms p50':>15}{'p95':>7}"
    print(f"\n{head}{'skipped':>9}{'cores':>7}")
    for whole in wholes:
        print(
            f"{whole.faces:6}{whole.size:6}{whole.fps:7.1f}{whole.packet_ms_p50:15.1f}"
            f"{whole.packet_ms_p95:7.1f}{whole.skipped:9}{whole.cores:7.2f}"
        )
    path = Path("build/bench_faces.json")
    path.parent.mkdir(exist_ok=True)
    told = {"load": os.getloadavg(), "costs": costs, "together": wholes}
    path.write_text(json.dumps(msgspec.to_builtins(told), indent=1))


if __name__ == "__main__":
    raise SystemExit(main())
