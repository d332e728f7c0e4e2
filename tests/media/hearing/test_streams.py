"""Every recogniser that listens along keeps the port's promises, with a server of its protocol."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from config.hearing import TranscriptionProvider
from media.hearing.ports import HearingError, StreamingTranscriber
from media.hearing.providers.table import PROVIDERS, make_transcriber
from tests.media.hearing.streaming import Along
from tests.soon import until

LOUD = b"\x00\x20" * 16  # a millisecond
KINDS = [
    kind
    for kind in PROVIDERS
    if isinstance(make_transcriber("x", TranscriptionProvider(kind=kind)), StreamingTranscriber)
]


@pytest.fixture
async def along() -> AsyncIterator[Along]:
    async with Along().running() as running:
        yield running


def made(kind: str, along: Along, **more: object) -> StreamingTranscriber:
    settings = TranscriptionProvider(kind=kind, base_url=along.url, api_key="k", **more)  # type: ignore[arg-type]
    found = make_transcriber("there", settings)
    assert isinstance(found, StreamingTranscriber)
    return found


def test_there_is_one() -> None:
    assert KINDS == ["deepgram"]


@pytest.mark.parametrize("kind", KINDS)
async def test_words_come_while_sound_goes_in_and_are_final_once_asked(
    kind: str, along: Along
) -> None:
    async with made(kind, along).stream("en") as stream:
        for _ in range(10):
            await stream.hear(LOUD * 100)
        await until(lambda: bool(stream.so_far()))
        assert not stream.so_far()[0].final
        said = await stream.settle()
        assert [one.text for one in said] == ["w0", "w1"]
        assert all(one.final and one.confidence == 0.9 for one in said)
        assert (said[1].from_sample, said[1].until_sample) == (400 * 16, 800 * 16)
        assert list(stream.so_far()) == said
    assert along.streams[0].asked["interim_results"] == "true"
    assert along.streams[0].asked["language"] == "en"


@pytest.mark.parametrize("kind", KINDS)
async def test_it_goes_on_after_it_has_settled(kind: str, along: Along) -> None:
    async with made(kind, along).stream() as stream:
        for number in (1, 2, 3):
            for _ in range(8):
                await stream.hear(LOUD * 100)
            assert len(await stream.settle()) == 2 * number


@pytest.mark.parametrize("kind", KINDS)
async def test_without_times_of_words_a_result_is_one_piece(kind: str, along: Along) -> None:
    along.mode = "plain"
    async with made(kind, along).stream() as stream:
        await stream.hear(LOUD * 1_200)
        (said,) = await stream.settle()
        assert (said.text, said.from_sample, said.until_sample) == ("w0 w1 w2", 0, 1_200 * 16)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_goes_away_in_the_middle_is_a_hearing_error(
    kind: str, along: Along
) -> None:
    along.mode = "away"

    async def talk() -> None:
        async with made(kind, along).stream() as stream:
            said = 0
            while said < 200:
                await stream.hear(LOUD * 100)
                said += 1
                await asyncio.sleep(0.005)
            await stream.settle()

    with pytest.raises(HearingError) as caught:
        await talk()
    assert caught.value.retryable


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_read_is_a_hearing_error(kind: str, along: Along) -> None:
    along.mode = "garbled"

    async def talk() -> None:
        async with made(kind, along).stream() as stream:
            await stream.hear(LOUD * 100)
            await stream.settle()

    with pytest.raises(HearingError):
        await talk()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_final_that_comes_late_comes_all_the_same(kind: str, along: Along) -> None:
    along.mode = "late"
    async with made(kind, along).stream() as stream:
        await stream.hear(LOUD * 800)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.settle(), 0.2)
        along.let_go.set()
        await until(lambda: [one.text for one in stream.so_far() if one.final] == ["w0", "w1"])
        await stream.hear(LOUD * 400)
        assert len(await stream.settle()) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_leaving_ends_the_stream_at_the_other_end(kind: str, along: Along) -> None:
    async with made(kind, along).stream() as stream:
        await stream.hear(LOUD * 100)
    async with asyncio.timeout(10):
        await along.streams[0].over.wait()
    assert along.streams[0].orders[-1] == "CloseStream"


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_there_is_a_hearing_error(kind: str, along: Along) -> None:
    along.mode = "closed"

    async def talk() -> None:
        async with made(kind, along).stream():
            pass

    with pytest.raises(HearingError) as caught:
        await talk()
    assert caught.value.retryable


@pytest.mark.parametrize("kind", KINDS)
async def test_it_can_be_switched_off(kind: str, along: Along) -> None:
    assert made(kind, along).streams
    assert not made(kind, along, stream=False).streams
