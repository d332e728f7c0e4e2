"""Silence nobody waits for comes in larger pieces; what may be speech comes at once, with it."""

from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.calls.arriving import Arriving
from media.calls.binary import PCM16, SoundFrame
from media.calls.carrying import Carried
from media.calls.leg import Gone, Heard
from media.calls.quiet import GATHERED_SAMPLES, Gathering
from media.sound.formats import HEARING_RATE
from tests.media.calls.clients import Person, call, serving
from tests.media.calls.test_first_picture import PaperEngine
from tests.soon import until

OPEN_DB = -55.0
FRAME = 320
QUIET = np.random.default_rng(1).normal(0, 20, FRAME).astype("<i2").tobytes()  # -64 dB
SOFT = np.random.default_rng(2).normal(0, 60, FRAME).astype("<i2").tobytes()  # -55 dB
LOUD = np.full(FRAME, 3_000, "<i2").tobytes()


def gathering() -> Gathering:
    made = Gathering()
    made.quiet.gather(OPEN_DB)
    return made


def given_to(leg: Gathering, sounds: list[bytes], *, begin: int = 0) -> list[list[Heard]]:
    """What each frame had told."""
    return [
        list(leg.push(Heard(pcm=pcm, at_sample=begin + FRAME * n))) for n, pcm in enumerate(sounds)
    ]


def test_a_second_of_silence_wakes_its_holder_six_times_and_not_fifty() -> None:
    told = given_to(gathering(), [QUIET] * 50)
    assert [n for n, one in enumerate(told) if one] == [7, 15, 23, 31, 39, 47]
    assert all(len(one[0].pcm) // 2 == GATHERED_SAMPLES for one in told if one)


@pytest.mark.parametrize("sound", [SOFT, LOUD])
def test_what_may_be_speech_comes_at_once_with_the_silence_before_it(sound: bytes) -> None:
    told = given_to(gathering(), [QUIET] * 11 + [sound])
    (last,) = told[-1]
    assert last.pcm == QUIET * 3 + sound
    assert last.at_sample == 8 * FRAME


def test_the_silence_after_speech_comes_at_once_for_as_long_as_a_pause_is_measured() -> None:
    told = given_to(gathering(), [LOUD] + [QUIET] * 40)
    at_once = [n for n, one in enumerate(told) if one and len(one[0].pcm) == 2 * FRAME]
    assert at_once == list(range(26)), "half a second"


def test_whoever_waits_for_silence_has_it_at_once_and_what_waited_with_it() -> None:
    leg = gathering()
    given_to(leg, [QUIET] * 3)
    leg.quiet.gather(None)
    (one,) = leg.push(Heard(pcm=QUIET, at_sample=3 * FRAME))
    assert (one.at_sample, len(one.pcm) // 2) == (0, 4 * FRAME)
    assert [len(one) for one in given_to(leg, [QUIET] * 9, begin=4 * FRAME)] == [1] * 9


def test_what_was_made_up_for_a_loss_is_of_no_piece_with_what_came() -> None:
    leg = gathering()
    given_to(leg, [QUIET] * 2)
    told = leg.push(Heard(pcm=QUIET, at_sample=2 * FRAME, concealed=True))
    assert [(one.at_sample, one.concealed) for one in told] == [(0, False), (2 * FRAME, True)]


frames = st.lists(
    st.tuples(st.sampled_from([QUIET, SOFT, LOUD]), st.booleans(), st.integers(0, 3)), max_size=60
)


@given(frames, st.integers(0, 60), st.integers(0, 60))
def test_gathered_or_not_the_same_sound_lies_in_the_same_places(
    frames: list[tuple[bytes, bool, int]], begin: int, end: int
) -> None:
    leg, at, given, told = Gathering(), 0, list[Heard](), list[Heard]()
    for n, (pcm, concealed, gap) in enumerate(frames):
        if n in {begin, end}:
            leg.quiet.gather(OPEN_DB if n == begin else None)
        at += FRAME * gap
        given.append(Heard(pcm=pcm, at_sample=at, concealed=concealed))
        at += FRAME
        told += leg.push(given[-1])
    told += leg.rest()

    def samples(heard: list[Heard]) -> list[tuple[int, bool, bytes]]:
        return [
            (one.at_sample + n, one.concealed, one.pcm[2 * n : 2 * (n + FRAME)])
            for one in heard
            for n in range(0, len(one.pcm) // 2, FRAME)
        ]

    assert samples(told) == samples(given)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_sockets_sound_is_gathered_before_it_is_resampled(rate: int) -> None:
    arriving, chance, told = Arriving(rate), Random(4), list[tuple[int, Heard]]()
    arriving.quiet.gather(OPEN_DB)
    noise = np.random.default_rng(5)
    for n in range(100):
        level = 4_000 if 60 <= n < 62 else 15
        pcm = noise.normal(0, level, rate // 50).astype("<i2").tobytes()
        frame = SoundFrame(PCM16, 0, 1, n, n * 20_000 + chance.randrange(500), pcm)
        told += [(n, heard) for heard in arriving.push(frame)]
    ends = [(one.at_sample, one.at_sample + len(one.pcm) // 2) for _, one in told]
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    before = [n for n, _ in told if n < 60]
    assert len(before) <= 8
    assert [n for n, one in told if 60 <= n <= 62 and one.pcm], "the loud frames woke it"
    assert sum(60 <= n < 85 for n, _ in told) >= 15, "and then each window of half a second"
    assert ends[-1][1] >= HEARING_RATE * 2 - GATHERED_SAMPLES - 320


async def test_a_leg_in_a_worker_gathers_for_its_holder_and_tells_the_rest_before_it_goes() -> None:
    told: list[Any] = []
    leg = Carried("l", PaperEngine(), (), "voice", lambda _leg: None)
    leg.attach(told.append)
    leg.gather(OPEN_DB)
    for _ in range(11):
        leg.on_pcm(QUIET)
    leg.close("hung_up")
    assert [len(one.pcm) // 2 for one in told if isinstance(one, Heard)] == [2_560, 3 * FRAME]
    assert told[-1] == Gone(reason="hung_up")


async def test_the_next_holder_of_a_leg_has_everything_at_once() -> None:
    first, second = list[Any](), list[Any]()
    leg = Carried("l", PaperEngine(), (), "voice", lambda _leg: None)
    leg.attach(first.append)
    leg.gather(OPEN_DB)
    leg.on_pcm(QUIET)
    assert leg.detach(first.append)
    leg.attach(second.append)
    leg.on_pcm(QUIET)
    assert [len(one.pcm) // 2 for one in second] == [FRAME]
    leg.close("hung_up")


async def test_what_a_holder_asks_for_reaches_a_leg_over_the_wire(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Person()
        leg = await call(control, person)
        quiet = next(iter(worker.legs.values()))._gathering.quiet
        leg.gather(OPEN_DB)
        await until(lambda: quiet.gathers)
        leg.gather(None)
        await until(lambda: not quiet.gathers)
        await leg.aclose("done")
        await person.close()
