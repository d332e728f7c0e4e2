"""A call's ear whose recogniser listens along: sent while somebody speaks, and nothing otherwise.

The recogniser is a local server of the real protocol; loud sound is a voice.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

import media.inference.along
from config.hearing import HearingSettings, TranscriptionProvider
from media.hearing.activity import Memory
from media.hearing.ports import Ear, HearsAlong, Transcript
from media.inference.along import AFTER, BEFORE, Places
from media.inference.client import Inference
from media.inference.engines import Engines
from media.sound.formats import HEARING_FRAME_SAMPLES as FRAME
from media.sound.levels import Floats, silence
from tests.media.hearing.streaming import Along
from tests.media.inference.conftest import KEY, serving
from tests.soon import until

pytestmark = pytest.mark.asyncio
SECOND = 16_000
VOICE = b"\x00\x20" * 16_000  # a second of it


class Loudness:
    """A voice is what is loud."""

    def judge(self, windows: Sequence[Floats], memories: Sequence[Memory]) -> list[float]:
        return [float(abs(window).max() > 0.1) for window in windows]


class LoudEngines(Engines):
    """No model is needed."""

    async def activity(self) -> Loudness:  # type: ignore[override]
        return Loudness()


class Whole:
    """A recogniser of whole utterances."""

    languages: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: TranscriptionProvider) -> None:
        self.name = name

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        return Transcript(text=f"{len(pcm) // 32} ms of it")

    async def aclose(self) -> None: ...


@pytest.fixture
async def along() -> AsyncIterator[Along]:
    async with Along().running() as running:
        yield running


@pytest.fixture
async def ear(tmp_path: Path, along: Along, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ear]:
    monkeypatch.setattr(media.inference.along, "QUIET_SECONDS", 1.5)
    hearing = HearingSettings(
        use=["along", "whole"],
        providers={
            "along": TranscriptionProvider(kind="deepgram", base_url=along.url, api_key="k"),
            "whole": TranscriptionProvider(kind=f"{__name__}:Whole"),
        },
        final_seconds=0.6,
        answer_seconds=2.0,
    )
    path = tmp_path / "w.sock"
    async with (
        serving(path, hearing=hearing, engines=LoudEngines),
        Inference([f"unix:{path}"], KEY) as client,
    ):
        await client.peer_for_question()
        made = client.ear("en")
        yield made
        await made.aclose()


async def hear(ear: Ear, pcm: bytes, at_sample: int) -> int:
    """As a call would push it, a hundred times faster, and judged as it goes."""
    for at in range(0, len(pcm), 2 * FRAME):
        ear.push(pcm[at : at + 2 * FRAME], at_sample + at // 2)
        await asyncio.sleep(0)
    end = at_sample + len(pcm) // 2
    async with asyncio.timeout(20):
        while (await ear.voiced()).until_sample + 512 <= end:
            pass
    return end


async def test_words_are_there_early_and_final_and_were_sent_while_they_were_spoken(
    ear: Ear, along: Along
) -> None:
    start = await hear(ear, silence(SECOND), 0)
    end = await hear(ear, VOICE * 2, start)
    await until(lambda: along.bytes_heard >= 2 * SECOND * 2)  # before anybody asked
    assert along.streams[0].orders == []
    assert isinstance(ear, HearsAlong)
    async with asyncio.timeout(20):
        while not (early := await ear.so_far(start - 4_800, end)) or not early.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert early.text.startswith("w")
    end = await hear(ear, silence(SECOND // 5), end)
    final = await ear.transcribe(start - 4_800, end)
    assert final.text.startswith(early.text)
    assert len(final.text.split()) >= 5
    assert (final.language, final.confidence) == ("en", 0.9)


async def test_a_silent_session_opens_no_connection_and_sends_nothing(
    ear: Ear, along: Along
) -> None:
    hum = b"\x00\x04" * SECOND  # it passes the gate, and is no voice
    end = await hear(ear, silence(20 * SECOND), 0)
    await hear(ear, hum * 5, end)
    for _ in range(100):
        await asyncio.sleep(0)
    assert along.streams == []


async def test_silence_between_utterances_is_not_sent_and_ends_the_connection(
    ear: Ear, along: Along
) -> None:
    at = await hear(ear, VOICE, 0)
    at = await hear(ear, silence(30 * SECOND), at)
    assert (await ear.transcribe(0, SECOND + 3_200)).text == "w0 w1 w2"
    await until(lambda: along.streams[0].over.is_set())
    again = await hear(ear, VOICE, at)
    end = await hear(ear, silence(SECOND), again)
    assert len((await ear.transcribe(at - 4_800, end)).text.split()) >= 2
    assert len(along.streams) >= 2
    assert along.bytes_heard <= 2 * (2 * SECOND + 2 * (BEFORE + AFTER) + 4 * 512)


async def test_a_pause_in_mid_speech_stays_one_stream_and_words_keep_their_places(
    ear: Ear, along: Along
) -> None:
    at = await hear(ear, VOICE, 0)
    first = await ear.transcribe(0, at)
    again = await hear(ear, silence(2 * SECOND), at)
    end = await hear(ear, VOICE, again)
    whole, second = await asyncio.gather(ear.transcribe(0, end), ear.transcribe(again, end))
    assert len(along.streams) == 1
    assert whole.text.split()[: len(first.text.split()) - 1] == first.text.split()[:-1]
    assert whole.text.endswith(second.text)
    assert set(first.text.split()) & set(second.text.split()) == set()


async def test_a_recogniser_that_goes_away_in_the_middle_costs_no_word(
    ear: Ear, along: Along
) -> None:
    along.mode = "away"
    end = await hear(ear, VOICE * 2, 0)
    end = await hear(ear, silence(SECOND // 5), end)
    along.mode = "closed"
    assert (await ear.transcribe(0, end)).text == f"{end // 16} ms of it"
    next_end = await hear(ear, VOICE, end)  # not asked again at once
    assert (await ear.transcribe(end, next_end)).text == f"{(next_end - end) // 16} ms of it"
    assert len(along.streams) >= 1


async def test_finals_that_come_too_late_are_not_waited_for_nor_mixed_into_what_follows(
    ear: Ear, along: Along
) -> None:
    along.mode = "late"
    end = await hear(ear, VOICE, 0)
    along_only = along.streams
    found = await ear.transcribe(0, end)
    assert "ms of it" in found.text
    along.mode = "fine"
    along.let_go.set()
    await until(lambda: bool(along_only))
    begin = await hear(ear, silence(2 * SECOND), end)
    last = await hear(ear, VOICE, begin)
    said = (await ear.transcribe(begin, last)).text
    assert "w0" not in said.split()


async def test_a_recogniser_that_is_away_from_the_start_is_passed_over(
    ear: Ear, along: Along
) -> None:
    along.mode = "closed"
    end = await hear(ear, VOICE, 0)
    assert isinstance(ear, HearsAlong)
    assert await ear.so_far(0, end) is None
    assert (await ear.transcribe(0, end)).text == "1000 ms of it"


async def test_a_call_that_ends_in_mid_speech_leaves_no_connection(ear: Ear, along: Along) -> None:
    await hear(ear, VOICE, 0)
    await until(lambda: bool(along.streams))
    await ear.aclose()
    async with asyncio.timeout(10):
        await along.streams[0].over.wait()


async def test_places_of_a_stream_with_time_left_out() -> None:
    places = Places()
    places.add(1_000, 500)
    places.add(1_500, 500)
    places.add(9_000, 1_000)
    assert [places.of(at) for at in (0, 999, 1_000, 1_999)] == [1_000, 1_999, 9_000, 9_999]
    assert (places.first, places.sent) == (1_000, 2_000)
