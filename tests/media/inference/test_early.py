"""Words that may be for nothing: understood where nobody would wait, by the house's recogniser."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.hearing import HearingSettings, TranscriptionProvider
from media.inference.client import Inference
from media.inference.ear import RemoteEar
from media.inference.service import Service
from media.speech.ports import VoiceChoice
from tests.media.inference.conftest import KEY, serving
from tests.media.inference.test_inference import SENTENCE, Metronome, hear, plain
from tests.media.joe import say
from tests.soon import until

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path / "w.sock", speaker=Metronome) as running:
        running.engines.parallel = 1
        yield running


def listening(inference: Inference) -> tuple[RemoteEar, int]:
    """An ear that has heard a sentence."""
    ear = inference.ear("en")
    assert isinstance(ear, RemoteEar)
    return ear, hear(ear, say(SENTENCE))


async def test_an_idle_worker_understands_early(inference: Inference, service: Service) -> None:
    ear, end = listening(inference)
    heard = await ear.early(0, end)
    assert heard is not None
    assert plain(heard.text) == plain(SENTENCE)
    await until(lambda: service.questions == 0)
    await ear.aclose()


async def test_a_worker_that_does_anything_else_has_no_time_for_it(
    inference: Inference, service: Service
) -> None:
    ear, end = listening(inference)

    async def speak() -> None:
        async for _ in inference.speaker.speak("on for ever", VoiceChoice()):
            pass

    speaking = asyncio.create_task(speak())
    await until(lambda: service.questions == 1)
    assert await ear.early(0, end) is None
    speaking.cancel()
    await until(lambda: service.questions == 0)
    assert await ear.early(0, end) is not None
    await ear.aclose()


async def test_one_early_question_keeps_out_another_but_no_real_one(
    inference: Inference, service: Service
) -> None:
    ear, end = listening(inference)
    other, its_end = listening(inference)
    early = asyncio.create_task(ear.early(0, end))
    await until(lambda: service.questions == 1)
    assert await other.early(0, its_end) is None
    assert plain((await other.transcribe(0, its_end)).text) == plain(SENTENCE)
    assert await early is not None
    for one in (ear, other):
        await one.aclose()


async def test_what_is_dropped_leaves_the_worker(inference: Inference, service: Service) -> None:
    ear, end = listening(inference)
    early = asyncio.create_task(ear.early(0, end))
    await until(lambda: service.questions == 1)
    early.cancel()
    await until(lambda: service.questions == 0)
    assert early.cancelled()
    assert plain((await ear.transcribe(0, end)).text) == plain(SENTENCE)
    await ear.aclose()


async def test_a_recogniser_that_is_paid_is_asked_nothing_in_vain(tmp_path: Path) -> None:
    paid = TranscriptionProvider(kind="openai", base_url="http://127.0.0.1:9/v1")
    hearing = HearingSettings(use=["paid", "embedded"], providers={"paid": paid})
    path = tmp_path / "paid.sock"
    async with serving(path, hearing=hearing), Inference([f"unix:{path}"], KEY) as client:
        await client.peer_for_question()
        ear, end = listening(client)
        assert await ear.early(0, end) is None
        await ear.aclose()


async def test_without_a_worker_nothing_is_waited_for(tmp_path: Path) -> None:
    async with Inference([f"unix:{tmp_path / 'nobody.sock'}"], KEY) as client:
        ear = client.ear("en")
        assert isinstance(ear, RemoteEar)
        async with asyncio.timeout(1):
            assert await ear.early(0, 16_000) is None
