"""The measure of lip-sync itself: it finds the skew that was put in, and a mouth left open."""

import numpy as np
import pytest

from loadtest.insync import Look, Spans, expected_opening, loudness, measure
from media.speech.ports import Viseme
from tests.media.avatar.motion.speech import babble, sound


def speech(seconds: float, seed: int = 1) -> tuple[Viseme, ...]:
    chance = np.random.default_rng(seed)
    return babble(chance, round(seconds / 0.135))


def looks_at(spoken: list[Spans], seconds: float, late: float, drift: float = 0.0) -> list[Look]:
    """A camera on a perfect mouth that is `late`, at 25 pictures a second."""
    fine = np.arange(0, seconds, 0.001)
    truth = expected_opening(fine[::10], spoken, 24_000)
    looks = []
    for at in np.arange(0.5, seconds - 0.5, 0.04):
        lag = late + drift * at
        looks.append(Look(float(at), float(np.interp(at - lag, fine[::10], truth))))
    return looks


def pressed(spoken: list[Spans], at: float) -> bool:
    """Whether a p, b or m sounds."""
    return any(
        viseme.shape == "PP"
        and 0 <= at - told.at_seconds - viseme.at_sample / 24_000 < viseme.samples / 24_000
        for told in spoken
        for viseme in told.visemes
    )


@pytest.mark.parametrize("late_ms", [-120, -33, 0, 17, 80])
def test_it_finds_the_skew_to_a_fraction_of_a_frame(late_ms: int) -> None:
    spoken = [Spans(0.0, speech(40))]
    found = measure(looks_at(spoken, 40, late_ms / 1000), spoken)
    assert found.windows > 8
    assert abs(found.skew_ms_p50 - late_ms) < 4
    assert found.skew_ms_p99 < abs(late_ms) + 6
    assert found.fit > 0.9
    assert 24.9 < found.fps < 25.1


def test_it_finds_drift() -> None:
    spoken = [Spans(0.0, speech(120))]
    found = measure(looks_at(spoken, 120, 0.0, drift=0.0005), spoken)
    assert 25 < found.drift_ms_per_minute < 35
    still = measure(looks_at(spoken, 120, 0.0), spoken)
    assert abs(still.drift_ms_per_minute) < 2


def test_a_mouth_that_does_not_close_is_found() -> None:
    spoken = [Spans(0.0, speech(40))]
    seen = looks_at(spoken, 40, 0.0)
    lips = [Look(at, 0.0 if pressed(spoken, at) else opening) for at, opening in seen]
    shut = measure(lips, spoken)
    open_ = measure([Look(at, max(0.4, o) if pressed(spoken, at) else o) for at, o in seen], spoken)
    assert shut.shuts == open_.shuts > 10
    assert shut.shut_share == 1.0
    assert open_.shut_share < 0.4


def test_a_mouth_that_moves_by_itself_fits_nothing() -> None:
    spoken = [Spans(0.0, speech(40))]
    other = [Spans(0.0, speech(40, seed=9))]
    assert measure(looks_at(other, 40, 0.0), spoken).windows < 8


def test_the_sound_alone_tells_the_same_story() -> None:
    visemes = speech(20)
    heard = loudness(sound(visemes), 24_000)
    told = expected_opening(np.arange(heard.size) / 100, [Spans(0.0, visemes)], 24_000)
    assert float(np.corrcoef(heard, told)[0, 1]) > 0.4
