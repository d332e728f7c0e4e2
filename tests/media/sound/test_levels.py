"""Levels are right at the ends of the scale, and bytes that are no samples are refused."""

import numpy as np
import pytest

from media.sound.levels import (
    SILENCE_DB,
    NotPcm,
    amplified,
    faded,
    floats_of,
    level_db,
    pcm_of,
    peak_db,
    samples_of,
    silence,
)


def test_full_scale_is_zero_and_silence_a_number() -> None:
    assert abs(level_db(b"\x00\x80" * 100)) < 0.01
    assert level_db(silence(100)) == SILENCE_DB
    assert level_db(b"") == SILENCE_DB
    assert peak_db(b"") == SILENCE_DB


def test_a_sine_is_three_decibels_below_its_peak() -> None:
    sine = pcm_of(0.5 * np.sin(np.arange(16_000) * 0.05))
    assert abs(level_db(sine) + 9.03) < 0.05
    assert abs(peak_db(sine) + 6.02) < 0.05


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(NotPcm):
        level_db(b"\x00\x01\x02")


def test_too_loud_is_clipped_and_no_number_is_silent() -> None:
    floats = np.array([2.0, -2.0, np.nan, 0.0], dtype=np.float32)
    assert samples_of(pcm_of(floats)).tolist() == [32_767, -32_768, 0, 0]
    assert samples_of(amplified(b"\x00\x40", 20)).tolist() == [32_767]


def test_floats_there_and_back() -> None:
    pcm = np.array([-32_768, -1, 0, 1, 32_767], dtype="<i2").tobytes()
    assert pcm_of(floats_of(pcm)) == pcm


def test_a_fade_begins_and_ends_where_it_should() -> None:
    ramp = samples_of(faded(b"\x10\x27" * 100, 0.0, 1.0))
    assert ramp[0] == 0
    assert ramp[-1] == 10_000
    assert (np.diff(ramp.astype(int)) >= 0).all()
