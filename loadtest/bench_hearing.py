"""`python -m loadtest.bench_hearing`: what hearing costs, measured on this machine in one run.

Voice activity by streams, a decision on the end of a turn, an utterance to words and how many of
them are wrong (on sentences the shipped voice says), a hundred silent ears, a worker's memory.
CPU seconds, not wall time: the machine may be busy. JSON to build/hearing.json.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil

from config.hearing import HearingSettings
from config.inference import InferenceSettings
from loadtest.sentences import CUT, WHOLE
from media.hearing.activity import WINDOW_SAMPLES, Memory, Silero
from media.hearing.turn_end import SmartTurn, find_turn_model
from media.hearing.whisper import Whisper
from media.inference.client import Inference
from media.inference.orders import WorkerOrders
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE
from media.sound.levels import floats_of, pcm_of, silence
from media.sound.resampling import resampled
from media.speech.joe import JoeVoice
from media.speech.ports import VoiceChoice

RESULT = Path("build/hearing.json")
KEY = "bench"
SENTENCES, CUT_SHORT = WHOLE[:20], CUT[:10]


def spoken(texts: Sequence[str]) -> list[bytes]:
    """The texts as the shipped voice says them, at 16 kHz."""
    voice = JoeVoice()
    said = (b"".join(piece.pcm for piece in voice.say(text, VoiceChoice())) for text in texts)
    return [resampled(pcm, PLAYOUT_RATE, HEARING_RATE) for pcm in said]


def noisy(pcm: bytes, ratio_db: float, seed: int) -> bytes:
    """With white noise so many decibels below it."""
    sound = floats_of(pcm)
    power = float((sound**2).mean()) / 10 ** (ratio_db / 10)
    noise = np.random.default_rng(seed).normal(0, power**0.5, sound.size)
    return pcm_of((sound + noise).astype(np.float32))


def cpu_seconds(work: Callable[[], object]) -> float:
    """What it takes of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def bench_activity(pcm: bytes) -> dict[str, float]:
    """Milliseconds of CPU for a window of 32 ms, by streams judged together."""
    silero, found = Silero(device="cpu"), {}
    sound = floats_of(pcm)
    windows = [sound[at : at + WINDOW_SAMPLES] for at in range(0, sound.size - 512, WINDOW_SAMPLES)]
    for streams in (1, 20, 100):
        memories = [Memory() for _ in range(streams)]
        rounds = max(len(windows), 4_000 // streams)

        def judge(
            streams: int = streams, memories: list[Memory] = memories, n: int = rounds
        ) -> None:
            for i in range(n):
                silero.judge([windows[i % len(windows)]] * streams, memories)

        judge(n=20)
        found[f"{streams} streams"] = 1000 * cpu_seconds(judge) / rounds / streams
    return found


def bench_turns(whole: Sequence[bytes], cut: Sequence[bytes]) -> dict[str, float] | None:
    """CPU milliseconds a decision, and the share that is right at one half."""
    path = find_turn_model()
    if path is None:
        return None
    judge = SmartTurn(path, "cpu")
    pause = silence(HEARING_RATE // 5)
    judge.finished(whole[0])
    began = time.process_time()
    complete = [judge.finished(pcm + pause) for pcm in whole]
    unfinished = [judge.finished(pcm + pause) for pcm in cut]
    spent = time.process_time() - began
    return {
        "cpu_ms": 1000 * spent / (len(whole) + len(cut)),
        "whole_right": sum(p > 0.5 for p in complete) / len(whole),
        "cut_right": sum(p <= 0.5 for p in unfinished) / len(cut),
    }


def bench_words(sounds: Sequence[bytes], texts: Sequence[str]) -> dict[str, float]:
    """CPU seconds an utterance, and words that were wrong."""
    whisper = Whisper(device="cpu")
    whisper.words(sounds[0])
    began = time.process_time()
    heard = [whisper.words(pcm).text for pcm in sounds]
    spent = time.process_time() - began
    noise = [whisper.words(noisy(pcm, 10, i)).text for i, pcm in enumerate(sounds)]
    return {
        "cpu_seconds": spent / len(sounds),
        "word_error_rate": errors(texts, heard),
        "word_error_rate_10_db": errors(texts, noise),
    }


def errors(texts: Sequence[str], heard: Sequence[str]) -> float:
    """Words inserted, left out or exchanged, by the words that were said."""
    wrong = sum(distance(plain(a), plain(b)) for a, b in zip(texts, heard, strict=True))
    return wrong / sum(len(plain(text)) for text in texts)


def plain(text: str) -> list[str]:
    """Words without case and marks."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("color", "colour")).split()


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein's, over words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@contextmanager
def worker(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A real inference worker, its address and its process."""
    path = folder / "bench.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        ready, told = os.pipe()
        orders = WorkerOrders(
            hearing=HearingSettings(),
            inference=InferenceSettings(device="cpu"),
            key=KEY,
            listen_fd=listening.fileno(),
            ready_fd=told,
        )
        child = subprocess.Popen(
            [sys.executable, "-m", "media.inference.worker"],
            env={**os.environ, **orders.to_environment()},
            pass_fds=(listening.fileno(), told),
            stdout=subprocess.DEVNULL,
        )
        try:
            os.close(told)
            os.read(ready, 1)
            yield f"unix:{path}", psutil.Process(child.pid)
        finally:
            os.close(ready)
            child.terminate()
            child.wait(10)


async def bench_worker(pcm: bytes, seconds: float) -> dict[str, float]:
    """A worker with a hundred ears: silent, then twenty of them talking; and its memory."""
    with tempfile.TemporaryDirectory() as folder, worker(Path(folder)) as (address, process):
        found = {"unused_mb": process.memory_info().rss / 1e6}
        async with Inference([address], KEY) as client:
            ears = [await client.listen("en") for _ in range(100)]
            await _listen(ears, [silence(320)], 0.5)
            found |= await _cost("100_silent", process, _listen(ears, [silence(320)], seconds))
            frames = [pcm[at : at + 640] for at in range(0, len(pcm) - 640, 640)]
            await _listen(ears[:20], frames, 2.0)
            found |= await _cost("20_talking", process, _listen(ears[:20], frames, seconds))
            await ears[0].transcribe(0, HEARING_RATE)
            client.warm()
            async with asyncio.timeout(30):
                async for _ in client.speaker.speak("Good night.", VoiceChoice()):
                    pass
            await asyncio.sleep(3.0)
            found["all_loaded_mb"] = process.memory_info().rss / 1e6
            for ear in ears:
                await ear.aclose()
    return found


async def _listen(ears: Sequence[Any], frames: Sequence[bytes], seconds: float) -> float:
    """Push every 20 ms and read what is told; how many seconds of sound that was, for each."""
    loop = asyncio.get_running_loop()
    readers = [asyncio.create_task(_read(ear)) for ear in ears]
    began = loop.time()
    count = int(seconds * 50)
    for i in range(count):
        for ear in ears:
            ear.push(frames[i % len(frames)], ear.heard_until)
        await asyncio.sleep(max(0.0, began + (i + 1) * 0.02 - loop.time()))
    for reader in readers:
        reader.cancel()
    return count * 0.02


async def _read(ear: Any) -> None:
    while True:
        await ear.voiced()


async def _cost(name: str, process: psutil.Process, work: Any) -> dict[str, float]:
    """Milliseconds of CPU for each second, of the worker and of the gateway's side."""
    here, there, began = time.process_time(), _cpu(process), time.monotonic()
    await work
    spent = time.monotonic() - began
    return {
        f"{name}_worker_ms_per_s": 1000 * (_cpu(process) - there) / spent,
        f"{name}_gateway_ms_per_s": 1000 * (time.process_time() - here) / spent,
    }


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@click.command()
@click.option("--seconds", default=10.0, help="How long ears are listened to [10].")
def main(seconds: float) -> None:
    """Measure, print, and write build/hearing.json."""
    sounds, cut = spoken(SENTENCES), spoken(CUT_SHORT)
    found: dict[str, Any] = {
        "voice_activity_cpu_ms_per_window": bench_activity(sounds[6]),
        "end_of_turn": bench_turns(sounds, cut),
        "words": bench_words(sounds, SENTENCES),
        "worker": asyncio.run(bench_worker(sounds[6] + silence(8000), seconds)),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    for part, figures in found.items():
        click.echo(part.replace("_", " "))
        for name, figure in (figures or {"not installed": float("nan")}).items():
            click.echo(f"  {name.replace('_', ' '):<32} {figure:9.3f}")


if __name__ == "__main__":
    main()
