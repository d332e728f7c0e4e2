"""One suite over every speaker: what the port promises holds for whoever speaks."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from config.speech import SpeechProvider, SpeechSettings
from media.speech.chain import SpeakerChain
from media.speech.ports import Speaker, SpeechError, Spoken, VoiceChoice
from media.speech.providers.table import make_speaker
from media.speech.visemes import SHAPES
from tests.media.speech.loudness import level, samples
from tests.media.speech.speakers import Studio

pytestmark = pytest.mark.asyncio
KINDS = ("embedded", "espeak", "openai", "elevenlabs", "chain")
REMOTE = ("openai", "elevenlabs")
ESPEAK = shutil.which("espeak-ng") is not None


@pytest_asyncio.fixture
async def studio() -> AsyncIterator[Studio]:
    async with Studio().running() as running:
        yield running


def made(kind: str, studio: Studio) -> Speaker:
    if kind == "espeak" and not ESPEAK:
        pytest.skip("espeak-ng is not installed")
    if kind == "chain":
        return SpeakerChain(
            [made("elevenlabs", studio), made("embedded", studio)], SpeechSettings()
        )
    base = f"{studio.url}/v1" if kind == "openai" else studio.url
    settings = SpeechProvider(
        kind=kind, base_url=base, api_key="k", voices={"alto": "aria"}, voice="bob"
    )
    return make_speaker(kind, settings)


@pytest_asyncio.fixture(params=KINDS)
async def speaker(request: pytest.FixtureRequest, studio: Studio) -> AsyncIterator[Speaker]:
    one = made(request.param, studio)
    yield one
    await one.aclose()


@pytest_asyncio.fixture(params=REMOTE)
async def remote(request: pytest.FixtureRequest, studio: Studio) -> AsyncIterator[Speaker]:
    one = made(request.param, studio)
    yield one
    await one.aclose()


async def said(speaker: Speaker, text: str, choice: VoiceChoice | None = None) -> list[Spoken]:
    return [piece async for piece in speaker.speak(text, choice or VoiceChoice())]


TEXT = "Hello *waves* **there**, my old friend 😀!"


async def test_it_speaks_whole_audible_samples(speaker: Speaker) -> None:
    pieces = await said(speaker, TEXT)
    sound = b"".join(piece.pcm for piece in pieces)
    assert all(len(piece.pcm) % 2 == 0 for piece in pieces)
    assert 0.8 < len(sound) / 48_000 < 5
    assert level(samples(sound)) > 0.01


async def test_words_are_code_points_of_the_original_in_order(speaker: Speaker) -> None:
    pieces = await said(speaker, TEXT)
    words = [word for piece in pieces for word in piece.words]
    assert [TEXT[w.start : w.end] for w in words] == ["Hello", "there", "my", "old", "friend"]
    assert all(a.at_sample + a.samples <= b.at_sample + 2 for a, b in itertools.pairwise(words))
    total = sum(len(piece.pcm) for piece in pieces) // 2
    assert words[-1].at_sample < total
    if all(piece.exact for piece in pieces):
        assert words[-1].at_sample + words[-1].samples <= total + 2


async def test_marks_come_with_or_before_their_sound(speaker: Speaker) -> None:
    given = 0
    for piece in await said(speaker, TEXT):
        assert all(word.at_sample >= given - 2 for word in piece.words)
        assert all(viseme.at_sample >= given - 2 for viseme in piece.visemes)
        assert {viseme.shape for viseme in piece.visemes} <= set(SHAPES)
        given += len(piece.pcm) // 2


async def test_nothing_to_say_is_no_sound(speaker: Speaker) -> None:
    assert await said(speaker, "*waves* 😀") == []


async def test_a_clause_beyond_the_limit_is_refused(speaker: Speaker) -> None:
    with pytest.raises(SpeechError):
        await said(speaker, "word " * 130)


async def test_two_clauses_at_once_do_not_mix(speaker: Speaker) -> None:
    alone = await said(speaker, "One two three.")
    both = await asyncio.gather(said(speaker, "One two three."), said(speaker, "Four."))
    size = sum(len(piece.pcm) for piece in alone)
    assert sum(len(piece.pcm) for piece in both[0]) == pytest.approx(size, rel=0.05)
    assert len(both[1][0].words) == 1


async def test_it_speaks_again_after_a_clause_was_left(speaker: Speaker) -> None:
    async with aclosing(speaker.speak(TEXT * 4, VoiceChoice())) as pieces:  # type: ignore[type-var]
        await anext(pieces)
    assert await said(speaker, "And on we go.")


async def test_a_cancelled_request_is_dropped(remote: Speaker, studio: Studio) -> None:
    studio.mode = "silent"
    task = asyncio.create_task(said(remote, TEXT))
    await studio.called.wait()
    task.cancel()
    async with asyncio.timeout(10):
        await studio.dropped.wait()
    assert (await asyncio.gather(task, return_exceptions=True))[0].__class__ is (
        asyncio.CancelledError
    )


async def test_the_first_piece_comes_before_the_last_is_made(
    remote: Speaker, studio: Studio
) -> None:
    studio.mode = "held"
    async with aclosing(remote.speak(TEXT * 3, VoiceChoice())) as pieces:  # type: ignore[type-var]
        async with asyncio.timeout(10):
            first = await anext(pieces)
        assert first.pcm
        studio.go.set()
        assert [piece async for piece in pieces]


@pytest.mark.parametrize(
    ("mode", "again"),
    [("busy", True), ("broken", True), ("key", False), ("refuses", False), ("page", False)],
)
async def test_a_refusal_is_told_by_its_kind(
    remote: Speaker, studio: Studio, mode: str, again: bool
) -> None:
    studio.mode = mode
    with pytest.raises(SpeechError) as refused:
        await said(remote, TEXT)
    assert refused.value.retryable is again
    assert "friend" not in str(refused.value)


@pytest.mark.parametrize("mode", ["cut", "empty"])
async def test_a_stream_that_breaks_is_an_error(remote: Speaker, studio: Studio, mode: str) -> None:
    studio.mode = mode
    with pytest.raises(SpeechError):
        await said(remote, TEXT * 3)


async def test_an_address_where_nobody_is_is_an_error(studio: Studio) -> None:
    for kind in REMOTE:
        settings = SpeechProvider(kind=kind, base_url="http://127.0.0.1:9", api_key="k")
        with pytest.raises(SpeechError):
            await said(make_speaker(kind, settings), TEXT)


async def test_requests_are_those_of_the_protocols(studio: Studio) -> None:
    choice = VoiceChoice(voice="alto-bright", rate=1.1, style="warm")
    for kind in REMOTE:
        await said(made(kind, studio), TEXT, choice)
    openai, eleven = studio.asked
    assert openai["input"] == "Hello there, my old friend!"
    assert (openai["voice"], openai["speed"], openai["response_format"]) == ("aria", 1.1, "pcm")
    assert openai["instructions"] == "Speak in a warm manner."
    assert openai["key"] == "Bearer k"
    assert (eleven["voice"], eleven["key"], eleven["format"]) == ("aria", "k", "pcm_24000")
    assert eleven["voice_settings"] == {"speed": 1.1}


async def test_times_of_a_piece_of_its_own_are_understood(studio: Studio) -> None:
    whole = await said(made("elevenlabs", studio), TEXT)
    studio.mode = "own times"
    pieces = await said(made("elevenlabs", studio), TEXT)
    assert [w for p in pieces for w in p.words] == [w for p in whole for w in p.words]
