"""A conversation at its real pace with the shipped models: real speech in, real speech back.

The line is ours, so that every sample is counted; room, wallet and stores are the house's.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from media.inference.client import Inference
from media.sound.resampling import resampled
from media.speech.ports import SpeechError, VoiceChoice
from media.voice.verdict import echo_share, words_of
from rooms.calls.conversation import Conversation
from tests.live import Live, running
from tests.media.inference.conftest import KEY, Process
from tests.rooms.calls.conversing import Talking
from tests.rooms.calls.talking import Line
from tests.soon import until

pytestmark = [pytest.mark.stores, pytest.mark.soak, pytest.mark.timeout(300)]


class RealLine(Line):
    """A line at its real pace, which keeps what left it."""

    def __init__(self) -> None:
        super().__init__()
        self.back: list[np.ndarray] = []

    def sound(self, pcm: bytes) -> None:
        """Real sound into the line, at 16 kHz."""
        self._mouth.append(np.frombuffer(pcm, np.int16))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.closed:
            if loop.time() >= began + self.frames * 0.02:
                self.step()
            else:
                await asyncio.sleep(0.004)

    def took(self, frame: np.ndarray) -> None:
        self.back.append(frame)


@pytest.fixture
async def real(
    database_url: str, valkey_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Live, Inference]]:
    worker = Process(tmp_path / "worker.sock")
    try:
        async with (
            running(database_url, valkey_url, tmp_path) as live,
            Inference([worker.address], KEY) as inference,
        ):
            await until(lambda: inference.is_up)
            inference.warm()
            yield live, inference
    finally:
        worker.close()


async def pcm_of(inference: Inference, text: str) -> bytes:
    """Somebody saying it, at 16 kHz; on a busy machine the models take a while to load."""
    for _ in range(4):
        try:
            pieces = [piece.pcm async for piece in inference.speaker.speak(text, VoiceChoice())]
            return resampled(b"".join(pieces), 24_000, 16_000)
        except SpeechError:
            continue
    raise AssertionError("the voice never loaded")


async def test_real_speech_is_understood_answered_and_interrupted(
    real: tuple[Live, Inference],
) -> None:
    live, inference = real
    live.script.tokens, live.script.gap_seconds = 80, 0.005
    question = await pcm_of(inference, "Good evening, can you tell me a story?")
    stop = await pcm_of(inference, "Wait, please stop.")
    await inference.transcriber.transcribe(question)  # the recogniser is loaded before the call
    person = await live.person()
    room = await live.house.realtime.holder.room((await person.room())["id"])
    talking = Talking(live, person, room)
    line = talking.line = RealLine()
    ear = inference.ear("en")
    settings = msgspec.structs.replace(live.settings.voice)
    who = await live.house.authenticate(person.token)
    conversation = Conversation(
        room, who, ear, inference.speaker, VoiceChoice(), settings, talking.notes
    )
    pacing = asyncio.create_task(line.run())
    going = asyncio.create_task(conversation.run(line))
    line.sound(question)
    await talking.companion_said(6)
    rng = np.random.default_rng(7)
    cough = rng.normal(0, 4_000, 4_000) * np.hanning(4_000)
    line.sound(cough.astype(np.int16).tobytes())
    await talking.companion_said(16)
    live.script.tokens = 5
    line.sound(stop)
    first, second = await talking.done(2)
    back = np.concatenate(line.back).tobytes()
    line.go()
    async with asyncio.timeout(10):
        await going
    line.closed = "hung up"
    await pacing
    await ear.aclose()
    said = [message["parts"][0]["text"] for message in await talking.messages()]
    assert words_of(said[0]) == words_of("Good evening, can you tell me a story?")
    assert "stop" in words_of(said[2])
    assert first["status"] == "interrupted"
    assert second["status"] == "completed"
    heard = await inference.transcriber.transcribe(resampled(back, 24_000, 16_000), "en")
    kept = words_of(first["text"] + " " + second["text"])
    assert echo_share(kept, words_of(heard.text)) > 0.8, "what is kept is what sounded"
    assert abs(len(kept) - len(words_of(heard.text))) <= 3
    for times in talking.notes.times:
        print(times)
        assert times.out_ms is not None
    await person.close()
