"""Voice sessions over a WebSocket, ours beside pipecat's in one run, with the same stub models.

`python -m loadtest.peers.voice_bench [--people 20] [--seconds 40] [--sessions 1000]`. CPU is of
every process of a server; lateness is what people notice, on the one clock of the machine. Both
hear at 16 kHz and speak at 24; `--rate 24000` has ours resample what it hears.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import numpy as np
import psutil
import uvloop

from config.voice import VoiceSettings
from loadtest.bench import free_port
from loadtest.peers import pipecat_venv
from loadtest.peers.houses import STUBS, House, cpu_by_role, house, memory_by_role, role_of
from loadtest.peers.stub_voice import HEARD
from loadtest.peers.talker import Lines, Noticed, Ours, Plain, Talker, pump
from media.hearing.activity import Memory, Silero
from media.hearing.ports import Voiced
from media.inference.windows import Windows
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE, SAMPLE_BYTES
from media.sound.levels import floats_of
from media.sound.resampling import resampled
from media.voice.floor import Floor
from media.voice.orders import Pause

PAUSE_SECONDS: Final = 0.192  # of silence, six windows, end a turn on both sides
OPEN_SECONDS: Final = 0.3  # of sound, before the next one comes
LEAD_FRAMES: Final = 25  # of noise after the words, in which nothing new is begun
NOISE: Final = 20
MOST_PEER_SESSIONS: Final = 100
Make = Callable[[int], Talker]

# --- what is said


def speech() -> bytes:
    """The question, by the voice that ships, at 24 kHz; without the silence around it."""
    from media.speech.joe import JoeVoice
    from media.speech.ports import VoiceChoice

    said = b"".join(piece.pcm for piece in JoeVoice().say(HEARD, VoiceChoice()))
    sound = np.frombuffer(said, "<i2")
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 600)
    return bytes(sound[loud[0] : loud[-1]].tobytes())


def lines(rate: int, said: bytes, decided: dict[int, int]) -> Lines:
    """The question at a server's rate, and a microphone's noise."""
    rng = np.random.default_rng(7)
    size = rate // 50
    noise = [rng.normal(0, NOISE, size).astype("<i2").tobytes() for _ in range(50)]
    pcm = resampled(said, PLAYOUT_RATE, rate)
    step = size * SAMPLE_BYTES
    frames = [pcm[at : at + step].ljust(step, b"\0") for at in range(0, len(pcm), step)]
    return Lines([*frames, *noise[:LEAD_FRAMES]], len(frames), noise, decided)


def decided_by_ours(pcm: bytes) -> dict[int, int]:
    """By where 16 kHz speech begins in windows: samples until a companion that speaks pauses."""
    silero = Silero(device="cpu")
    found: dict[int, int] = {}
    for shift in range(0, 512, 64):
        windows, memory, floor = Windows(), Memory(), Floor(VoiceSettings())
        floor.other = "open"
        for window in windows.push(bytes(SAMPLE_BYTES * shift) + pcm, 0):
            sure = silero.judge([floats_of(window.pcm)], [memory])[0] if window.passes else 0.0
            told = Voiced(
                until_sample=window.until_sample, probability=sure, level_db=window.level_db
            )
            if any(isinstance(order, Pause) for order in floor.voiced(told)):
                found[shift] = window.until_sample - shift
                break
    return found


# --- measurements


async def talked(port: int, make: Make, people: int, seconds: float, top: psutil.Process,
                 role: Callable[[psutil.Process], str]) -> dict[str, Any]:  # fmt: skip
    """Everybody talks for so long: what it cost, and what they noticed."""
    await warmed(port, make)
    before = memory_by_role(top, role)
    talkers = await opened(port, [make(n) for n in range(people)])
    await pump(talkers, 3.0)
    for talker in talkers:
        talker.talking = True
    await pump(talkers, 8.0)
    for talker in talkers:
        talker.noticed = Noticed()
    began = cpu_by_role(top, role)
    await pump(talkers, seconds)
    ended = cpu_by_role(top, role)
    after = memory_by_role(top, role)
    noticed = Noticed()
    for talker in talkers:
        noticed.take(talker.noticed)
    lost = sum(talker.gone for talker in talkers)
    for talker in talkers:
        talker.close()
    cost = {name: ended[name] - began.get(name, 0.0) for name in ended}
    share = 1000 / (people * seconds)
    waited = [ms - 1000 * PAUSE_SECONDS for ms in noticed.waited_ms]
    return {
        "cpu_ms_per_session_second": round(sum(cost.values()) * share, 2),
        "of_it": {name: round(spent * share, 2) for name, spent in cost.items()},
        "mb_per_session": round((sum(after.values()) - sum(before.values())) / people, 2),
        "mb_of_it": {
            name: round((after[name] - before.get(name, 0)) / people, 2) for name in after
        },
        "first_audio_ms": quantiles(noticed.added_ms),
        "answer_after_the_pause_ms": quantiles(waited),
        "silent_after_the_decision_ms": quantiles(noticed.cut_ms),
        "turns": noticed.turns,
        "unanswered": noticed.unanswered,
        "unread": noticed.unread,
        "connections_lost": lost,
    }


async def stores_warmed(here: House) -> None:
    """Connections to the stores are the house's, whoever talks."""
    async with httpx2.AsyncClient(base_url=here.url, timeout=30) as http:
        asked = [
            http.get(path, headers={"authorization": f"Bearer {one.token}"})
            for one in here.people
            for path in ("/api/v1/rooms", "/api/v1/wallet/balance", "/api/v1/calls")
        ]
        await asyncio.gather(*asked)


async def warmed(port: int, make: Make) -> None:
    """The first session has modules and models loaded, which is no other session's cost."""
    (first,) = await opened(port, [make(0)])
    await pump([first], 2.0)
    first.talking = True
    await pump([first], 6.0)
    first.close()
    await asyncio.sleep(1.0)


async def opened(port: int, talkers: Sequence[Talker]) -> list[Talker]:
    """All connected, one after another: a server that loads a model for each must not fall behind
    before anything is measured."""
    for talker in talkers:
        await talker.open(port)
        await pump([talker], OPEN_SECONDS)
    return list(talkers)


async def grown(port: int, make: Make, people: int, sessions: int, top: psutil.Process
                ) -> dict[str, Any]:  # fmt: skip
    """Sessions begun, heard and closed: what is left of them."""
    sizes = [total_mb(top)]
    tenth = max(sessions // 10, people)
    for first in range(0, sessions, people):
        talkers = await opened(port, [make(n) for n in range(people)])
        await pump(talkers, 0.6)
        for talker in talkers:
            talker.close()
        await asyncio.sleep(0.4)
        if (first + people) % tenth < people:
            await asyncio.sleep(1.0)
            sizes.append(total_mb(top))
    return {"sessions": sessions, "mb": [round(size, 1) for size in sizes]}


def total_mb(top: psutil.Process) -> float:
    """Of all processes of a server."""
    return sum(memory_by_role(top, lambda _: "all").values())


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """How many, and where the middle and the slow end lie."""
    if not values:
        return {"count": 0}
    ranked = sorted(values)
    last = len(ranked) - 1
    return {
        "count": len(ranked),
        "p50": round(ranked[last // 2], 1),
        "p95": round(ranked[last * 95 // 100], 1),
        "most": round(ranked[-1], 1),
    }


def measure_ours(
    said: bytes, people: int, seconds: float, sessions: int, rate: int = HEARING_RATE
) -> dict[str, Any]:
    """All figures of ours."""
    told = lines(rate, said, decided_by_ours(resampled(said, PLAYOUT_RATE, HEARING_RATE)))
    with (
        tempfile.TemporaryDirectory(prefix="kindred-voice-") as folder,
        house(Path(folder), people, STUBS) as here,
    ):
        uvloop.run(stores_warmed(here))

        def make(n: int) -> Talker:
            return Talker(n, Ours(here.people[n], rate), told, 500_000 + 37_000 * n)

        found = uvloop.run(talked(here.port, make, people, seconds, here.top, role_of))
        if sessions:
            found["growth"] = uvloop.run(grown(here.port, make, people, sessions, here.top))
    return found


def measure_peer(said: bytes, people: int, seconds: float, sessions: int) -> dict[str, Any] | None:
    """The same of pipecat's; None where it is not to be had."""
    interpreter = pipecat_venv.python()
    if interpreter is None:
        return None
    heard = resampled(said, PLAYOUT_RATE, HEARING_RATE)
    with tempfile.NamedTemporaryFile(suffix=".pcm") as file:
        Path(file.name).write_bytes(heard)
        decided = pipecat_venv.decided(interpreter, Path(file.name))
    told = lines(HEARING_RATE, said, decided)
    port = free_port()
    with pipecat_venv.serving(interpreter, port) as top:
        uvloop.run(until_listening(port))

        def make(n: int) -> Talker:
            return Talker(n, Plain(), told, 500_000 + 37_000 * n)

        found = uvloop.run(talked(port, make, people, seconds, top, lambda _: "pipecat"))
        if sessions:
            fewer = min(sessions, MOST_PEER_SESSIONS)
            found["growth"] = uvloop.run(grown(port, make, people, fewer, top))
    return found


async def until_listening(port: int) -> None:
    """Until somebody accepts connections. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def main() -> int:
    """Measure, print, and leave JSON behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--only", choices=("ours", "peer"))
    parser.add_argument("--rate", type=int, default=HEARING_RATE, help="of our microphones")
    parser.add_argument("--out", type=Path, default=Path("build/bench_voices.json"))
    told = parser.parse_args()
    said, found = speech(), dict[str, Any]()
    asked = (told.people, told.seconds, told.sessions)
    if told.only != "ours":
        found["pipecat"] = measure_peer(said, *asked)
    if told.only != "peer":
        found["kindred"] = measure_ours(said, *asked, told.rate)
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
