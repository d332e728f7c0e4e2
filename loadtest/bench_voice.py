"""Voice to voice with the models that ship: from the last voiced sound said to the first one heard.

`python -m loadtest.bench_voice [--turns 12]`. A headless caller over WebRTC, without a jitter
buffer of its own, says recorded lines; the call's own record tells the stages. Then the same with
models that take no time: what is left beside the pause is what is ours.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import numpy as np
import uvloop
from aiortc import RTCConfiguration, RTCSessionDescription

from loadtest.peers.houses import PLAIN, STUBS, House, house
from loadtest.peers.stub_voice import now_us
from loadtest.plan import Account
from loadtest.speech import SPOKEN
from media.calls import opus
from media.calls.outgoing import OutgoingTrack
from media.calls.rtc import PacketConnection
from media.sound.formats import PLAYOUT_FRAME_SAMPLES, SAMPLE_BYTES
from rooms.calls.quality import STAGES

FRAME_US: Final = 20_000
FRAME_BYTES: Final = PLAYOUT_FRAME_SAMPLES * SAMPLE_BYTES
VOICED: Final = 400  # of 32,768: as soft as a beginning may be
QUIET_US: Final = 2_500_000
ANSWER_SECONDS: Final = 30.0
WARM_SECONDS: Final = 90.0
PAUSE_MS: Final = 192  # the setting voice.pause_ms
BARS: Final = {"voice to voice": 1_400, "outside the models": 150}
TOLD: Final = {
    "pause": "the pause is noticed",
    "transcript": "its words are there",
    "decided": "it is a turn",
    "word": "first word of the answer",
    "clause": "first clause",
    "sound": "its first sound is made",
    "out": "it has left",
    "heard": "it is heard",
}


def spoken() -> list[list[bytes]]:
    """Lines by the voice that ships, as packets."""
    from media.speech.joe import JoeVoice
    from media.speech.ports import VoiceChoice

    voice, choice = JoeVoice(), VoiceChoice()
    return [packets(b"".join(piece.pcm for piece in voice.say(t, choice))) for t in SPOKEN]


def packets(said: bytes) -> list[bytes]:
    """A line as packets of 20 ms, up to its last voiced sound."""
    sound = np.frombuffer(said, "<i2")
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 600)
    pcm = sound[: loud[-1]].tobytes()
    encoder = opus.Encoder()
    cut = range(0, len(pcm), FRAME_BYTES)
    return [encoder.encode(pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")) for at in cut]


class Caller:
    """One person in a call, headless: packets out that are ready, packets in as they come."""

    def __init__(self) -> None:
        self.pc = PacketConnection(RTCConfiguration(iceServers=[]))
        self.heard_at = 0
        self.voice_to_voice_ms: list[float] = []
        self._track = OutgoingTrack("audio")
        self.pc.addTrack(self._track)
        self._decoder = opus.Decoder()
        self._waiting: list[bytes] = []
        self._said_at = 0
        self._answered = asyncio.Event()
        self._slot = 0
        self._call = ""
        self._speaking: asyncio.Task[None] | None = None

    async def begin(self, http: httpx2.AsyncClient, room: str) -> None:
        """Call, and be connected. Raises TimeoutError and httpx2.HTTPStatusError."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        answer = await http.post(
            f"/v1/calls?room={room}",
            content=self.pc.localDescription.sdp,
            headers={"content-type": "application/sdp"},
        )
        self._call = answer.raise_for_status().headers["location"].rpartition("/")[2]
        await self.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        vars(self.pc.getTransceivers()[0].receiver)["take"] = self._take
        self._speaking = asyncio.create_task(self._speak())
        async with asyncio.timeout(20):
            while self.pc.connectionState != "connected":  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def end(self, http: httpx2.AsyncClient) -> dict[str, Any]:
        """Hang up; the call's record."""
        await http.delete(f"/v1/calls/{self._call}")
        found: dict[str, Any] = (await http.get(f"/api/v1/calls/{self._call}")).json()
        if self._speaking is not None:
            self._speaking.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self.pc.close()
        return found

    async def quiet(self) -> None:
        """Until the companion has been heard, and has finished."""
        async with asyncio.timeout(WARM_SECONDS):
            while not self.heard_at or now_us() - self.heard_at < QUIET_US:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def say(self, line: Sequence[bytes]) -> None:
        """Say a line and wait for the first sound of its answer."""
        self._answered.clear()
        self._waiting = list(line)
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._answered.wait()

    async def _speak(self) -> None:
        """A packet every 20 ms: of a line, or of silence."""
        began = now_us()
        while True:
            if self._waiting:
                self._track.put(self._waiting.pop(0), self._slot * PLAYOUT_FRAME_SAMPLES, 0)
                if not self._waiting:
                    self._said_at = now_us()
            else:
                self._track.put(opus.SILENCE, self._slot * PLAYOUT_FRAME_SAMPLES, 0)
            self._slot += 1
            await asyncio.sleep(max(0.0, (began + self._slot * FRAME_US - now_us()) / 1e6))

    def _take(self, _: str, packet: Any) -> None:
        try:
            sound = np.frombuffer(self._decoder.decode(packet.payload), "<i2")
        except opus.BadPacket:
            return
        if not len(sound) or int(np.abs(sound.astype(np.int32)).max()) < VOICED:
            return
        self.heard_at = now_us()
        if self._said_at:
            self.voice_to_voice_ms.append((self.heard_at - self._said_at) / 1000)
            self._said_at = 0
            self._answered.set()


async def talked(
    here: House, account: Account, lines: Sequence[list[bytes]], turns: int
) -> dict[str, Any]:
    """A call of so many turns: what was heard, and what its record says."""
    headers = {"authorization": f"Bearer {account.token}"}
    async with httpx2.AsyncClient(base_url=here.url, headers=headers, timeout=30) as http:
        warming = Caller()  # the models are loaded with the first call
        await warming.begin(http, account.room)
        await warming.quiet()
        await warming.say(lines[0])
        await warming.quiet()
        await warming.end(http)
        caller = Caller()
        await caller.begin(http, account.room)
        await caller.quiet()
        for turn in range(turns):
            await caller.say(lines[turn % len(lines)])
            await caller.quiet()
        record = await caller.end(http)
    return {"voice_to_voice_ms": caller.voice_to_voice_ms, "record": record["quality"]}


def measured(
    lines: Sequence[list[bytes]], turns: int, settings: Mapping[str, str]
) -> dict[str, Any]:
    """In a house of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="kindred-voice-") as folder,
        house(Path(folder), 1, settings) as here,
    ):
        found: dict[str, Any] = uvloop.run(talked(here, here.people[0], lines, turns))
    return found


def middle(values: Sequence[float], percent: int = 50) -> float:
    """The value that so many per cent stay within."""
    ranked = sorted(values)
    return ranked[(len(ranked) - 1) * percent // 100]


def stages(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Each stage: its name, when it is over and how long it took, in the middle; in ms."""
    told, rows, before = found["record"]["stages"], [], 0.0
    ends = {name: float(told[name]["p50_ms"]) for name in STAGES if name in told}
    ends["heard"] = middle(found["voice_to_voice_ms"])
    for name, end in ends.items():
        rows.append((name, end, end - before))
        before = end
    return rows


def table(real: dict[str, Any], bare: dict[str, Any]) -> list[str]:
    """What the terminal shows."""
    heard = real["voice_to_voice_ms"]
    ours = middle(bare["voice_to_voice_ms"]) - PAUSE_MS
    lines = [f"{'stage, after the last voiced sound':<40}{'at ms':>8}{'took':>8}{'bare':>8}"]
    alone = {name: took for name, _, took in stages(bare)}
    for name, end, took in stages(real):
        lines.append(f"{TOLD[name]:<40}{end:>8.0f}{took:>8.0f}{alone.get(name, 0):>8.0f}")
    lines += [
        "",
        f"voice to voice, {len(heard)} turns: p50 {middle(heard):.0f} ms, "
        f"p95 {middle(heard, 95):.0f} ms (at most {BARS['voice to voice']})",
        f"outside the models: {ours:.0f} ms beside a pause of {PAUSE_MS} "
        f"(at most {BARS['outside the models']})",
    ]
    return lines


def main() -> int:
    """Measure, print, and leave JSON behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("build/bench_voice.json"))
    told = parser.parse_args()
    lines = spoken()
    real, bare = measured(lines, told.turns, PLAIN), measured(lines, told.turns, STUBS)
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_text(json.dumps({"real": real, "bare": bare}, indent=2) + "\n")
    print("\n".join(table(real, bare)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
