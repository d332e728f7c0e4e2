"""A gateway's ears and speaker over a worker: the whole way, by the real engines."""

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from config.hearing import HearingSettings
from media.hearing.activity import Activity
from media.hearing.ports import Ear, HearingError, Voiced
from media.inference.client import Inference
from media.inference.engines import Engines
from media.inference.service import Service
from media.sound.formats import HEARING_FRAME_SAMPLES as FRAME
from media.sound.levels import silence
from media.speech.ports import SpeechError, Spoken, SpokenWord, VoiceChoice
from tests.media.inference.conftest import KEY, serving
from tests.media.joe import say
from tests.soon import until

pytestmark = pytest.mark.asyncio
SENTENCE = "I was thinking we could go to the lake on Saturday."
SECOND = 16_000


def plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def hear(ear: Ear, pcm: bytes, at_sample: int = 0) -> int:
    """The whole sound as a call would push it, 20 ms at a time; where it ends."""
    for at in range(0, len(pcm), 2 * FRAME):
        ear.push(pcm[at : at + 2 * FRAME], at_sample + at // 2)
    return at_sample + len(pcm) // 2


async def judgements(ear: Ear, until_sample: int) -> list[Voiced]:
    found: list[Voiced] = []
    async with asyncio.timeout(30):
        while not found or found[-1].until_sample + 512 <= until_sample:
            found.append(await ear.voiced())
    return found


class Metronome:
    """A speaker for tests of the protocol: a piece of sound for each word, and waits if told."""

    name = "metronome"
    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.dropped = asyncio.Event()
        self.begun = asyncio.Event()

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        if text == "fail":
            raise SpeechError("it cannot be said", retryable=False, detail="secret")
        self.begun.set()
        for i, _ in enumerate(text.split()):
            yield Spoken(pcm=bytes(4800), words=(SpokenWord(0, 1, i * 2400, 2400),))
        if text.endswith("for ever"):
            try:
                await asyncio.Event().wait()
            finally:
                self.dropped.set()

    async def aclose(self) -> None:
        pass


@pytest.fixture
def metronome() -> Metronome:
    return Metronome()


@pytest.fixture
async def service(tmp_path: Path, metronome: Metronome) -> AsyncIterator[Service]:
    async with serving(tmp_path / "w.sock", speaker=lambda: metronome) as running:
        yield running


async def test_an_utterance_is_voiced_finished_and_understood(inference: Inference) -> None:
    ear = inference.ear("en")
    start = hear(ear, silence(SECOND))
    end = hear(ear, say(SENTENCE), start)
    end = hear(ear, silence(SECOND // 2), end)
    told = await judgements(ear, end)
    ends = [one.until_sample for one in told]
    steps = [(b, b - a) for a, b in pairwise([0, *ends])]
    assert all(step == 512 for at, step in steps if start + 8000 < at < end - 16_000)
    assert all(step % 512 == 0 and step <= 2560 for _, step in steps), "silence, five at once"
    before = [one.probability for one in told if one.until_sample < start]
    within = [one.probability for one in told if start + 8000 < one.until_sample < end - 16_000]
    assert max(before) == 0.0
    assert sum(p > 0.5 for p in within) > 0.7 * len(within)
    heard = await ear.transcribe(start, end)
    assert plain(heard.text) == plain(SENTENCE)
    await ear.aclose()


async def test_the_end_of_a_turn_is_judged_or_said_to_be_unknown(
    inference: Inference, service: Service
) -> None:
    ear = inference.ear("en")
    end = hear(ear, say("What is your favourite colour?") + silence(3200))
    if service.engines.judges_turns:
        assert await ear.turn_ended(0, end) > 0.5
    else:  # the network could not be had at installation
        with pytest.raises(HearingError, match="no end-of-turn model"):
            await ear.turn_ended(0, end)


async def test_a_silent_ear_costs_the_worker_nothing(
    inference: Inference, service: Service
) -> None:
    ear = inference.ear()
    end = hear(ear, silence(10 * SECOND))
    assert all(one.probability == 0.0 for one in await judgements(ear, end))
    assert (service.ears, service.judging.windows, service.engines.used) == (0, 0, False)


async def test_a_gap_is_silence_and_late_sound_is_dropped(inference: Inference) -> None:
    ear = inference.ear("en")
    end = hear(ear, say("Good night."), 0)
    ear.push(say("Good night."), 100)  # again, all of it late
    later = hear(ear, say(SENTENCE), end + 20 * SECOND)
    told = await judgements(ear, later)
    places = [one.until_sample for one in told]
    assert places == sorted(set(places))
    assert plain((await ear.transcribe(end, later)).text) == plain(SENTENCE)


async def test_a_span_that_ends_in_mid_window_is_whole(inference: Inference) -> None:
    ear = inference.ear("en")
    pcm = say("My dog is called Biscuit.")
    end = hear(ear, pcm)
    assert end % 512
    assert "biscuit" in plain((await ear.transcribe(0, end)).text)


async def test_sound_before_what_is_asked_about_is_kept_nowhere(
    inference: Inference, service: Service
) -> None:
    ear = inference.ear("en")
    pcm = say("Good night.")
    middle = hear(ear, pcm)
    end = hear(ear, pcm, middle)
    both = await asyncio.gather(ear.transcribe(0, middle), ear.transcribe(middle, end))
    assert ["night" in plain(heard.text) for heard in both] == [True, True]
    (there,) = (one for caller in service.callers for one in caller.ears.values())
    assert there.sound.heard_anything(0, middle - 512), "the first was still being asked about"
    assert "night" in plain((await ear.transcribe(middle, end)).text)
    assert not there.sound.heard_anything(0, middle - 512)
    assert sum(len(kept) for _, kept in ear._sent.pieces()) <= len(pcm) + 1024
    await ear.aclose()


async def test_many_ears_are_judged_together(inference: Inference, service: Service) -> None:
    ears = [inference.ear("en") for _ in range(50)]
    pcm = say("Good night.")
    ends = [hear(ear, pcm) for ear in ears]
    alike = await asyncio.gather(
        *(judgements(ear, end) for ear, end in zip(ears, ends, strict=True))
    )
    for told in alike:
        assert [round(one.probability, 2) for one in told] == [
            round(one.probability, 2) for one in alike[0]
        ]
    assert service.judging.batches < service.judging.windows / 4
    for ear in ears:
        await ear.aclose()
    await until(lambda: service.ears == 0)
    assert service.is_idle


async def test_cancelled_questions_leave_the_worker(inference: Inference, service: Service) -> None:
    ear = inference.ear("en")
    end = hear(ear, say(SENTENCE))
    guesses = [asyncio.create_task(ear.transcribe(0, end)) for _ in range(20)]
    await until(lambda: service.questions == 20)
    async with asyncio.timeout(20):
        for guess in guesses:
            guess.cancel()
        heard = await ear.transcribe(0, end)
        assert plain(heard.text) == plain(SENTENCE)
        assert service.questions <= 1
    assert all(guess.cancelled() for guess in guesses)


async def test_too_many_waiting_are_refused(tmp_path: Path) -> None:
    hearing = HearingSettings(most_waiting=2)
    path = tmp_path / "full.sock"
    async with serving(path, hearing=hearing), Inference([f"unix:{path}"], KEY) as client:
        work = [client.transcriber.transcribe(say("Good night.")) for _ in range(6)]
        answers = await asyncio.gather(*work, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, HearingError)]
    assert len(refused) == 4
    assert all(error.retryable for error in refused)


async def test_a_language_nobody_understands_is_said(inference: Inference) -> None:
    with pytest.raises(HearingError, match="no recogniser understands") as caught:
        await inference.transcriber.transcribe(say("Good night."), "hi-IN")
    assert not caught.value.retryable


async def test_a_clause_comes_in_pieces_with_its_marks(inference: Inference) -> None:
    said = [piece async for piece in inference.speaker.speak("one two three", VoiceChoice())]
    assert [len(piece.pcm) for piece in said] == [4800] * 3
    assert said[1].words == (SpokenWord(0, 1, 2400, 2400),)


async def test_what_cannot_be_said_is_a_speech_error(inference: Inference) -> None:
    with pytest.raises(SpeechError, match="it cannot be said") as caught:
        async for _ in inference.speaker.speak("fail", VoiceChoice()):
            pass
    assert (caught.value.retryable, caught.value.detail) == (False, "secret")
    with pytest.raises(SpeechError, match="too long"):
        async for _ in inference.speaker.speak("a" * 601, VoiceChoice()):
            pass


async def test_leaving_a_clause_ends_its_work(inference: Inference, metronome: Metronome) -> None:
    async def listen() -> None:
        async for _ in inference.speaker.speak("on for ever", VoiceChoice()):
            pass

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(20):
        await metronome.begun.wait()
        listening.cancel()
        await metronome.dropped.wait()


async def test_a_wrong_key_or_no_protocol_is_turned_away(tmp_path: Path, service: Service) -> None:
    path = str(tmp_path / "w.sock")
    async with Inference([f"unix:{path}"], "another") as client:
        with pytest.raises(HearingError, match="no inference worker"):
            await client.transcriber.transcribe(b"")
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x02hi", b"\xff\xff\xff\xff"):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(junk)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
    assert not service.ears


async def test_a_full_worker_sends_ears_to_another(tmp_path: Path) -> None:
    small, large = tmp_path / "small.sock", tmp_path / "large.sock"
    async with (
        serving(small, most_ears=1) as one,
        serving(large) as other,
        Inference([f"unix:{small}", f"unix:{large}"], KEY) as client,
    ):
        await until(lambda: all(peer.is_up for peer in client.peers))
        ears = [client.ear("en") for _ in range(4)]
        pcm = say(SENTENCE)
        for ear in ears:
            hear(ear, pcm)
        words = await asyncio.gather(*(ear.transcribe(0, len(pcm) // 2) for ear in ears))
        assert {plain(said.text) for said in words} == {plain(SENTENCE)}
        assert (one.ears, other.ears) == (1, 3)


class Deaf(Engines):
    """Engines whose network cannot be loaded."""

    tried = 0

    async def activity(self) -> Activity:
        self.tried += 1
        raise HearingError("the network is broken", retryable=False)


async def test_a_worker_that_cannot_listen_says_so_and_is_not_pestered(tmp_path: Path) -> None:
    path = tmp_path / "deaf.sock"
    async with serving(path, engines=Deaf) as service:
        async with Inference([f"unix:{path}"], KEY) as client:
            await until(lambda: client.is_up)
            ear = client.ear("en")
            end = hear(ear, say("Good night."))
            with pytest.raises(HearingError, match="the network is broken"):
                await judgements(ear, end)
            with pytest.raises(HearingError):
                await ear.transcribe(0, end)
        assert isinstance(service.engines, Deaf)
        assert service.engines.tried == 1


async def test_an_operator_may_do_without_the_end_of_turn_network(tmp_path: Path) -> None:
    path, hearing = tmp_path / "w.sock", HearingSettings(turn_model="none")
    async with serving(path, hearing=hearing) as service:
        assert not service.engines.judges_turns
        async with Inference([f"unix:{path}"], KEY) as client:
            ear = await client.listen("en")
            with pytest.raises(HearingError, match="no end-of-turn model") as refused:
                await ear.turn_ended(0, SECOND)
            assert not refused.value.retryable
            await ear.aclose()
