"""Workers as processes: killed in mid-call, started anew, and small again after a long rest."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from media.hearing.ports import HearingError
from media.inference.client import Inference
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE
from media.sound.resampling import resampled
from media.speech.ports import VoiceChoice
from tests.media.inference.conftest import KEY, Process
from tests.media.inference.test_inference import SENTENCE, hear, judgements, plain
from tests.media.joe import say
from tests.soon import until

pytestmark = [pytest.mark.asyncio, pytest.mark.kill, pytest.mark.long]
Make = Callable[..., Process]


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def until_up(client: Inference, count: int) -> None:
    await until(lambda: sum(peer.is_up for peer in client.peers) == count)


async def test_a_killed_worker_is_told_and_its_words_are_not_lost(processes: Make) -> None:
    worker = processes()
    async with Inference([worker.address], KEY) as client:
        await until_up(client, 1)
        ear = client.ear("en")
        end = hear(ear, say(SENTENCE))
        await judgements(ear, end)
        worker.kill()
        with pytest.raises(HearingError, match="lost"):
            async with asyncio.timeout(20):
                await ear.voiced()
        worker.start()
        await until_up(client, 1)
        async with asyncio.timeout(40):
            assert plain((await ear.transcribe(0, end)).text) == plain(SENTENCE)
        later = hear(ear, say("Good night."), end)
        assert max(one.probability for one in await judgements(ear, later)) > 0.5


async def test_questions_of_a_killed_worker_fail_at_once_or_are_answered_by_another(
    processes: Make,
) -> None:
    first, second = processes(), processes()
    async with Inference([first.address, second.address], KEY) as client:
        await until_up(client, 2)
        pcm = say(SENTENCE)
        work = [asyncio.create_task(client.transcriber.transcribe(pcm)) for _ in range(6)]
        await until(lambda: sum(peer.questions_there for peer in client.peers) >= 6)
        first.kill()
        async with asyncio.timeout(45):
            answers = await asyncio.gather(*work)
        assert {plain(answer.text) for answer in answers} == {plain(SENTENCE)}
        second.kill()
        with pytest.raises(HearingError):
            async with asyncio.timeout(15):
                await client.transcriber.transcribe(pcm)


async def test_an_unused_worker_is_small_and_a_rested_one_small_again(processes: Make) -> None:
    worker = processes(sleep_seconds=1.0)
    small = memory_mb(worker.child.pid)
    assert small < 70
    async with Inference([worker.address], KEY) as client:
        await until_up(client, 1)
        await client.transcriber.transcribe(say("Good night."))
        assert memory_mb(worker.child.pid) > small + 60
        await until(lambda: memory_mb(worker.child.pid) < small + 20)
        assert worker.child.poll() is None
        assert (await client.transcriber.transcribe(say("Good night."))).text


async def test_the_shipped_voice_speaks_through_a_worker_and_is_understood_by_it(
    processes: Make,
) -> None:
    worker = processes()
    async with Inference([worker.address], KEY) as client:
        async with asyncio.timeout(50):
            pieces = [piece async for piece in client.speaker.speak(SENTENCE, VoiceChoice())]
            pcm = resampled(b"".join(piece.pcm for piece in pieces), PLAYOUT_RATE, HEARING_RATE)
            heard = await client.transcriber.transcribe(pcm, "en")
    assert plain(heard.text) == plain(SENTENCE)
    assert [SENTENCE[word.start : word.end] for piece in pieces for word in piece.words]
    assert any(piece.visemes for piece in pieces)


async def test_a_worker_that_hangs_is_left_for_another(processes: Make) -> None:
    hung = processes()
    async with Inference([hung.address], KEY, silent_seconds=3.0) as client:
        await until_up(client, 1)
        ear = client.ear("en")
        end = hear(ear, say(SENTENCE))
        await judgements(ear, end)
        hung.child.send_signal(signal.SIGSTOP)
        hear(ear, say("Good night."), end)
        with pytest.raises(HearingError, match="lost"):
            await judgements(ear, end + 3600 * 16_000)


async def test_who_begins_to_listen_has_the_models_loaded_once(processes: Make) -> None:
    worker = processes()
    async with Inference([worker.address], KEY) as client:
        await until_up(client, 1)
        small = memory_mb(worker.child.pid)
        for _ in range(5):
            await client.listen("en-GB")
        await until(lambda: memory_mb(worker.child.pid) > small + 150, 40)
        with pytest.raises(HearingError, match="no recogniser understands"):
            await client.listen("hi")
