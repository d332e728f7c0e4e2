"""Batches of windows: everybody is answered in order, and late windows are skipped, not queued."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from media.hearing.activity import Memory, Silero
from media.inference.judging import WAITING_MOST, Judging, Stream
from media.inference.windows import WINDOW_BYTES, WINDOW_SAMPLES, Windows
from media.sound.levels import Floats, floats_of, pcm_of, silence
from tests.media.joe import say

pytestmark = pytest.mark.asyncio


class Loudness:
    """Judges by the loudest sample; counts its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def judge(self, windows: Sequence[Floats], memories: Sequence[Memory]) -> list[float]:
        self.calls.append(len(windows))
        assert len(set(map(id, memories))) == len(memories)
        return [float(abs(window).max()) for window in windows]


def stream(told: list[tuple[int, float]]) -> Stream:
    return Stream(lambda until, probability: told.append((until, probability)))


async def settle(judging: Judging) -> None:
    async with asyncio.timeout(20):
        while judging.is_busy:  # noqa: ASYNC110  its timer is its own
            await asyncio.sleep(0.01)


async def test_streams_share_a_batch_and_keep_their_order() -> None:
    judging, network = Judging(), Loudness()
    judging.begin(network)
    answers: list[list[tuple[int, float]]] = [[] for _ in range(10)]
    for told in answers:
        judging.add(stream(told), 0, b"\x00\x40" * WINDOW_SAMPLES * 3, told=True)
    await settle(judging)
    assert network.calls == [10, 10, 10]
    assert all(told == [(512 * (i + 1), 0.5) for i in range(3)] for told in answers)


async def test_nothing_is_judged_before_the_network_is_there() -> None:
    judging, network = Judging(), Loudness()
    told: list[tuple[int, float]] = []
    judging.add(stream(told), 0, bytes(WINDOW_BYTES), told=True)
    assert told == []
    judging.begin(network)
    await settle(judging)
    assert told == [(512, 0.0)]


async def test_too_many_waiting_are_answered_like_the_one_before() -> None:
    judging = Judging()
    told: list[tuple[int, float]] = []
    one = stream(told)
    for i in range(WAITING_MOST + 5):
        judging.add(one, i * WINDOW_SAMPLES, bytes(WINDOW_BYTES), told=True)
    assert [until for until, _ in told] == [512, 1024, 1536, 2048, 2560]
    judging.drop(one)
    judging.close()
    assert not judging.is_busy


async def test_a_gap_in_mid_speech_starts_afresh() -> None:
    judging, network = Judging(), Loudness()
    judging.begin(network)
    told: list[tuple[int, float]] = []
    one = stream(told)
    judging.add(one, 0, b"\x00\x40" * WINDOW_SAMPLES, told=True)
    await settle(judging)
    one.memory.state += 1
    judging.add(one, 5120, bytes(WINDOW_BYTES * 8), told=False)
    assert not one.memory.state.any()
    await settle(judging)
    assert told == [(512, 0.5)]
    assert network.calls == [1] * 9


async def test_after_silence_the_network_is_reminded_of_half_of_what_it_left_out() -> None:
    judging, network = Judging(), Loudness()
    judging.begin(network)
    told: list[tuple[int, float]] = []
    one = stream(told)
    judging.add(one, 0, bytes(WINDOW_BYTES), told=True)
    await settle(judging)
    one.memory.state += 1
    judging.add(one, 51_200, bytes(WINDOW_BYTES * 8), told=False)
    judging.add(one, 51_200 + 8 * WINDOW_SAMPLES, bytes(WINDOW_BYTES), told=True)
    assert one.memory.state.all()
    await settle(judging)
    assert told == [(512, 0.0), (51_200 + 9 * WINDOW_SAMPLES, 0.0)]
    assert network.calls == [1] * 6


@pytest.mark.parametrize("sentence", ["Wait.", "Should we go?", "I was going to the market."])
async def test_a_voice_after_a_gated_silence_is_noticed_as_soon_as_if_all_had_been_judged(
    sentence: str,
) -> None:
    said = say("How are you today?") + silence(24_000) + say(sentence)
    noise = np.random.default_rng(3).normal(0, 15, len(said) // 2)
    pcm = pcm_of((np.frombuffer(said, "<i2") * 0.2 + noise) / 32_768)
    judging, network, gate, told = Judging(), Silero(), Windows(), list[tuple[int, float]]()
    judging.begin(network)
    one, all_of_it, whole = stream(told), Memory(), list[tuple[int, float]]()
    for at in range(0, len(pcm) - WINDOW_BYTES, WINDOW_BYTES):
        (window,) = gate.push(pcm[at : at + WINDOW_BYTES], at // 2)
        (sure,) = network.judge([floats_of(pcm[at : at + WINDOW_BYTES])], [all_of_it])
        whole.append((window.until_sample, sure))
        if window.passes:
            begins = window.at_sample - len(window.before) // 2
            judging.add(one, begins, window.before, told=False)
            judging.add(one, window.at_sample, window.pcm, told=True)
            await settle(judging)
            gate.gate.judged(one.last)
    second = len(say("How are you today?")) // 2 + 12_000
    noticed, could_be = (
        next(until for until, sure in found if until > second and sure > 0.5)
        for found in (told, whole)
    )
    assert len(told) < len(whole)
    assert noticed <= could_be + WINDOW_SAMPLES


@pytest.mark.looptime
async def test_windows_of_many_calls_wait_a_millisecond_a_call_for_each_other() -> None:
    judging, told = Judging(), list[tuple[int, float]]()
    judging.begin(Loudness())
    calls = [stream(told) for _ in range(20)]
    for call in calls:
        judging.add(call, 0, bytes(WINDOW_BYTES), told=True)
    await settle(judging)
    before = judging.batches
    for call in calls:  # one every 1.6 ms, as people are spread over a window
        judging.add(call, WINDOW_SAMPLES, bytes(WINDOW_BYTES), told=True)
        await asyncio.sleep(0.0016)
    await settle(judging)
    assert len(told) == 40
    assert judging.batches - before <= 3
    judging.close()
