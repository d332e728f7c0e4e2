"""Long recordings are cut at their quietest moments, and every sample is in one stretch."""

import itertools

import numpy as np
import pytest

from media.hearing.spans import LEAST_SECONDS, MOST_SECONDS, spans_of

RATE = 16_000


def noise(seconds: float) -> np.ndarray:
    return (np.random.default_rng(1).standard_normal(int(seconds * RATE)) * 3_000).astype("<i2")


@pytest.mark.parametrize("seconds", [0, 0.01, 20, 26, 27, 61.3, 200])
def test_stretches_are_the_whole_and_short_enough(seconds: float) -> None:
    sound = noise(seconds)
    spans = spans_of(sound.tobytes())
    assert sum(end - begin for begin, end in spans) == len(sound)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
    assert all(end - begin <= MOST_SECONDS * RATE for begin, end in spans)
    assert all(end - begin >= LEAST_SECONDS * RATE for begin, end in spans[:-1])


def test_the_cut_is_in_the_pause() -> None:
    sound = noise(40)
    sound[18 * RATE : 18 * RATE + RATE // 3] = 0
    (_, end), *_ = spans_of(sound.tobytes())
    assert 18 * RATE <= end <= 18 * RATE + RATE // 3
