"""OpenAI's stock client against the doors for sound: a companion's voice out, words back."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import openai
import pytest

from config.speech import SpeechSettings
from media.speech.chain import SpeakerChain
from media.speech.embedded import JoeSpeaker
from media.speech.joe import JoeVoice
from media.speech.ports import VoiceChoice
from tests.live import Client, Live, running
from tests.media.inference.conftest import KEY, serving

pytestmark = [pytest.mark.stores, pytest.mark.long]
TEXT = "Hello *waves* there. I am glad that you came back 😀 to me today."
SPOKEN_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@asynccontextmanager
async def house(
    database_url: str, valkey_url: str, tmp_path: Path, joe: JoeVoice, **environment: str
) -> AsyncIterator[Live]:
    path = tmp_path / "worker.sock"
    async with (
        serving(path, speaker=lambda: SpeakerChain([JoeSpeaker(voice=joe)], SpeechSettings())),
        running(
            database_url, valkey_url, tmp_path, inference=(f"unix:{path}", KEY), **environment
        ) as started,
    ):
        yield started


@pytest.fixture
async def live(
    database_url: str, valkey_url: str, tmp_path: Path, joe: JoeVoice
) -> AsyncIterator[Live]:
    async with house(database_url, valkey_url, tmp_path, joe) as started:
        yield started


class Caller:
    """A person, and the stock client with a key of theirs."""

    def __init__(self, person: Client, client: openai.AsyncOpenAI) -> None:
        self.person = person
        self.client = client
        self.audio = client.audio

    async def available(self) -> int:
        answer = (await self.person.rest("GET", "/api/v1/wallet/balance")).json()
        assert answer["held_microcredits"] == 0
        left: int = answer["available_microcredits"]
        return left

    async def said(self, **more: Any) -> bytes:
        asked: dict[str, Any] = {"model": "kindred", "voice": "mira", "input": TEXT, **more}
        return (await self.audio.speech.create(**asked)).content


@asynccontextmanager
async def calling(live: Live, **changes: Any) -> AsyncIterator[Caller]:
    person = Client(live, await live.registered(**changes))
    key = await person.rest("POST", "/api/v1/api-keys", json={"name": "app", "scopes": ["chat"]})
    async with openai.AsyncOpenAI(
        base_url=f"{live.url}/v1", api_key=key.json()["key"], max_retries=0
    ) as client:
        yield Caller(person, client)


@pytest.fixture
async def caller(live: Live) -> AsyncIterator[Caller]:
    async with calling(live) as one:
        yield one


def decoded_seconds(data: bytes, kind: str) -> tuple[float, dict[str, str]]:
    """How long a file sounds, and what remarks it carries."""
    if kind == "pcm":
        return len(data) / 48_000, {}
    with av.open(io.BytesIO(data)) as file:
        frames = list(file.decode(audio=0))
        seconds = sum(frame.samples for frame in frames) / frames[0].sample_rate
        return seconds, {**file.metadata, **file.streams.audio[0].metadata}


def question(joe: JoeVoice, text: str) -> bytes:
    """A WAV file in which somebody says it."""
    pcm = b"".join(piece.pcm for piece in joe.say(text, VoiceChoice()))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(24_000) + pcm + bytes(24_000))
    return out.getvalue()


async def test_a_companion_speaks_in_every_format_and_is_marked(caller: Caller) -> None:
    lengths = {}
    for kind in SPOKEN_FORMATS:
        lengths[kind], remarks = decoded_seconds(await caller.said(response_format=kind), kind)
        told = " ".join(remarks.values())
        assert ("AI-generated" in told) == (kind not in {"aac", "pcm"}), (kind, remarks)
    assert 3 < lengths["pcm"] < 9
    assert all(abs(seconds - lengths["pcm"]) < 0.3 for seconds in lengths.values())


async def test_speech_is_charged_by_the_character_once(live: Live, caller: Caller) -> None:
    before = await caller.available()
    await caller.said(response_format="pcm")
    price = live.settings.prices.speech_microcredits_per_1k
    cost = -(-len(TEXT) * price // 1000)
    assert before - await caller.available() == cost
    for _ in range(2):  # repeated under one key: charged once
        await caller.said(response_format="pcm", extra_headers={"idempotency-key": "again"})
    assert before - await caller.available() == 2 * cost
    with pytest.raises(openai.ConflictError):
        await caller.said(input="Other words.", extra_headers={"idempotency-key": "again"})


async def test_who_hangs_up_pays_for_what_was_sent(live: Live, caller: Caller) -> None:
    before = await caller.available()
    long = "This is one of many sentences that take their time. " * 60
    async with caller.audio.speech.with_streaming_response.create(
        model="kindred", voice="alto", input=long, response_format="pcm"
    ) as answer:
        async for block in answer.iter_bytes():
            assert block
            break
    async with asyncio.timeout(20):
        while (after := await _settled(caller)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    whole = -(-len(long) * live.settings.prices.speech_microcredits_per_1k // 1000)
    assert 0 < before - after < whole


async def _settled(caller: Caller) -> int | None:
    answer = (await caller.person.rest("GET", "/api/v1/wallet/balance")).json()
    left: int = answer["available_microcredits"]
    return None if answer["held_microcredits"] else left


async def test_voices_differ_and_their_names_are_told_apart(caller: Caller) -> None:
    sounds = [
        await caller.said(voice=voice, response_format="pcm", input="Good morning to you.")
        for voice in ("mira", "kwame", "onyx", "soprano-soft")
    ]
    assert len({len(sound) for sound in sounds}) > 2
    with pytest.raises(openai.NotFoundError) as unknown:
        await caller.said(voice="nobody")
    assert unknown.value.code == "voice_not_found"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"input": ""}, openai.UnprocessableEntityError),
        ({"input": "*waves* 😀"}, openai.UnprocessableEntityError),
        ({"input": "a" * 4_097}, openai.UnprocessableEntityError),
        ({"speed": 9}, openai.UnprocessableEntityError),
        ({"response_format": "midi"}, openai.UnprocessableEntityError),
    ],
)
async def test_what_cannot_be_said_is_refused_and_free(
    caller: Caller, change: dict[str, Any], wrong: type[Exception]
) -> None:
    before = await caller.available()
    with pytest.raises(wrong):
        await caller.said(**change)
    assert await caller.available() == before


async def test_nobody_without_credits_is_spoken_to(
    database_url: str, valkey_url: str, tmp_path: Path, joe: JoeVoice
) -> None:
    prices = {"KINDRED_PRICES__SPEECH_MICROCREDITS_PER_1K": str(10**12)}
    async with (
        house(database_url, valkey_url, tmp_path, joe, **prices) as live,
        calling(live) as one,
    ):
        with pytest.raises(openai.APIStatusError) as refused:
            await one.said()
        assert refused.value.status_code == 402
        assert await one.available() > 0


async def test_without_a_worker_it_says_so_and_charges_nothing(
    database_url: str, valkey_url: str, tmp_path: Path, joe: JoeVoice
) -> None:
    async with (
        running(database_url, valkey_url, tmp_path) as live,
        calling(live) as one,
    ):
        before = await one.available()
        with pytest.raises(openai.InternalServerError) as away:
            await one.said()
        assert away.value.status_code == 503
        with pytest.raises(openai.InternalServerError):
            await one.audio.transcriptions.create(
                model="kindred", file=("a.wav", question(joe, "Hello there."))
            )
        assert await one.available() == before


async def test_sound_comes_back_as_words_and_is_charged_by_the_second(
    live: Live, caller: Caller, joe: JoeVoice
) -> None:
    sound = question(joe, "Tomorrow we will walk along the river.")
    before = await caller.available()
    plain = await caller.audio.transcriptions.create(model="kindred", file=("a.wav", sound))
    assert "walk along the river" in plain.text.lower()
    seconds = -(-(len(sound) - 44) // 48_000)
    price = live.settings.prices.transcription_microcredits_per_1k
    assert before - await caller.available() == -(-seconds * price // 1000)
    full = await caller.audio.transcriptions.create(
        model="kindred", file=("a.wav", sound), response_format="verbose_json", language="en"
    )
    assert full.segments
    assert full.segments[0].end == pytest.approx((len(sound) - 44) / 48_000, abs=0.1)
    text = await caller.audio.transcriptions.create(
        model="kindred", file=("a.wav", sound), response_format="text"
    )
    assert "river" in str(text)


async def test_what_was_spoken_is_understood(caller: Caller) -> None:
    """There and back again, through a compressed file."""
    said = await caller.said(
        voice="kwame", input="We will walk along the river.", response_format="mp3"
    )
    words = await caller.audio.transcriptions.create(model="kindred", file=("a.mp3", said))
    assert "along the river" in words.text.lower()


@pytest.mark.parametrize(
    "data", [b"", b"no sound at all", np.random.default_rng(1).bytes(5_000), b"RIFF\0\0\0\0WAVE"]
)
async def test_files_without_sound_are_refused_and_free(caller: Caller, data: bytes) -> None:
    before = await caller.available()
    with pytest.raises((openai.UnprocessableEntityError, openai.BadRequestError)):
        await caller.audio.transcriptions.create(model="kindred", file=("a.wav", data))
    assert await caller.available() == before


async def test_files_beyond_the_limits_are_refused(
    database_url: str, valkey_url: str, tmp_path: Path, joe: JoeVoice
) -> None:
    limits = {
        "KINDRED_SPEECH__UPLOAD_BYTES_MAX": "600000",
        "KINDRED_SPEECH__UPLOAD_SECONDS_MAX": "2",
    }
    async with (
        house(database_url, valkey_url, tmp_path, joe, **limits) as live,
        calling(live) as one,
    ):
        with pytest.raises(openai.APIStatusError) as large:
            await one.audio.transcriptions.create(model="kindred", file=("a.wav", bytes(700_000)))
        assert large.value.status_code == 413
        with pytest.raises(openai.UnprocessableEntityError, match="longer than 2 s"):
            await one.audio.transcriptions.create(
                model="kindred", file=("a.wav", question(joe, "This lasts a while."))
            )
