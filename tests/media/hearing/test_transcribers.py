"""Every recogniser keeps the port's promises: the shipped one by ear, remote ones by protocol.

The remote ones talk to a local server that speaks the vendor's protocol (recognisers.py).
"""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from config.hearing import HearingSettings, TranscriptionProvider
from media.hearing.ports import HearingError, Transcriber
from media.hearing.providers.table import (
    PROVIDERS,
    UnknownProvider,
    chosen,
    make_transcriber,
)
from media.sound.levels import silence
from media.sound.wav import read_wav
from tests.media.hearing.recognisers import Stand
from tests.media.joe import say

pytestmark = pytest.mark.asyncio
SENTENCE = "I was thinking we could go to the lake on Saturday."
REMOTE = [kind for kind in PROVIDERS if kind != "embedded"]


def plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with Stand(SENTENCE).running() as running:
        yield running


def remote(kind: str, stand: Stand, **more: str) -> Transcriber:
    base = f"{stand.url}/v1" if kind == "openai" else stand.url
    settings = TranscriptionProvider(kind=kind, base_url=base, api_key="a-key", **more)
    return make_transcriber("there", settings)


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_the_words_of_an_utterance(kind: str, stand: Stand) -> None:
    transcriber = remote(kind, stand)
    heard = await transcriber.transcribe(say(SENTENCE), "en")
    assert plain(heard.text) == plain(SENTENCE)
    assert heard.speech_probability > 0.5
    assert heard.language == "en"
    await transcriber.aclose()


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_many_at_once_and_all_answered(kind: str, stand: Stand) -> None:
    transcriber = remote(kind, stand)
    work = [transcriber.transcribe(say("Good night.")) for _ in range(4)]
    assert all(answer.text for answer in await asyncio.gather(*work))
    await transcriber.aclose()


@pytest.mark.parametrize("kind", REMOTE)
async def test_what_a_remote_one_is_sent(kind: str, stand: Stand) -> None:
    pcm = say("Good night.")
    transcriber = remote(kind, stand, model="big-ear", language="fr")
    await transcriber.transcribe(pcm, "en")
    asked = stand.asked[0]
    sound = read_wav(bytes(asked["wav"])).pcm if kind == "openai" else bytes(asked["heard"])  # type: ignore[call-overload]
    assert sound == pcm
    assert (asked["model"], asked["language"]) == ("big-ear", "fr")
    assert str(asked["key"]).endswith(" a-key")
    await transcriber.aclose()


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize(
    ("mode", "retryable"), [("busy", True), ("key", False), ("garbled", True), ("cut", True)]
)
async def test_whatever_goes_wrong_is_a_hearing_error(
    kind: str, mode: str, retryable: bool, stand: Stand
) -> None:
    stand.mode = mode
    transcriber = remote(kind, stand)
    with pytest.raises(HearingError) as caught:
        await transcriber.transcribe(say("Good night."))
    assert caught.value.retryable is retryable
    assert "no such key" not in str(caught.value)
    await transcriber.aclose()


@pytest.mark.parametrize("kind", REMOTE)
async def test_nobody_listening_is_a_hearing_error(kind: str) -> None:
    stand = Stand()
    async with stand.running():
        transcriber = remote(kind, stand)
    with pytest.raises(HearingError) as caught:
        await transcriber.transcribe(b"\0\0" * 1600)
    assert caught.value.retryable
    await transcriber.aclose()


@pytest.mark.parametrize("kind", REMOTE)
async def test_cancelling_stops_the_remote_one(kind: str, stand: Stand) -> None:
    stand.mode = "slow"
    transcriber = remote(kind, stand)
    work = asyncio.create_task(transcriber.transcribe(say("Good night.")))
    async with asyncio.timeout(20):
        await stand.called.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await stand.dropped.wait()
    await transcriber.aclose()


async def test_cancelled_work_leaves_the_shipped_one_free() -> None:
    transcriber = make_transcriber("embedded", TranscriptionProvider(kind="embedded"))
    unwanted = [asyncio.create_task(transcriber.transcribe(say(SENTENCE))) for _ in range(20)]
    await asyncio.sleep(0)
    for task in unwanted:
        task.cancel()
    answer = await transcriber.transcribe(say("Good night."))
    assert plain(answer.text) == "good night"
    assert all(task.cancelled() for task in unwanted)
    await transcriber.aclose()


async def test_silence_and_nothing_are_no_words() -> None:
    transcriber = make_transcriber("embedded", TranscriptionProvider(kind="embedded"))
    for pcm in (b"", silence(16_000)):
        answer = await transcriber.transcribe(pcm)
        assert (answer.text, answer.speech_probability) == ("", 0.0)
    await transcriber.aclose()


async def test_names_that_are_unknown_are_answered_clearly() -> None:
    with pytest.raises(UnknownProvider, match="known: embedded, openai, deepgram, or module:Class"):
        make_transcriber("mine", TranscriptionProvider(kind="telepathy"))
    with pytest.raises(UnknownProvider, match="cannot be loaded"):
        make_transcriber("mine", TranscriptionProvider(kind="no.such.module:Ear"))
    with pytest.raises(UnknownProvider, match=r"hearing\.use names 'mine'"):
        chosen(HearingSettings(use=["mine"]))
    own = "media.hearing.providers.deepgram:DeepgramTranscriber"
    assert make_transcriber("mine", TranscriptionProvider(kind=own)).name == "mine"
