"""Resampled sound keeps its tone and level, and cutting it into pieces changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sound.levels import level_db, pcm_of, samples_of
from media.sound.prompt import PromptResampler
from media.sound.resampling import Resampler, WrongRate, mixed_down, resampled


def tone(rate_hz: int, hz: float = 440.0, seconds: float = 1.0) -> bytes:
    return pcm_of(0.4 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz))


def loudest_hz(pcm: bytes, rate_hz: int) -> float:
    samples = samples_of(pcm)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(spectrum.argmax() * rate_hz / samples.size)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(48_000, 16_000), (22_050, 24_000), (16_000, 48_000), (24_000, 24_000)]
)
def test_a_tone_stays_the_same_tone(from_hz: int, to_hz: int) -> None:
    prompt, stream = PromptResampler(from_hz, to_hz), Resampler(from_hz, to_hz)
    for made in (
        resampled(tone(from_hz), from_hz, to_hz),
        prompt.push(tone(from_hz)),
        stream.push(tone(from_hz)) + stream.finish(),
    ):
        assert abs(len(made) / 2 - to_hz) < to_hz * 0.02
        assert abs(loudest_hz(made, to_hz) - 440) < 3
        assert abs(level_db(made) - level_db(tone(from_hz))) < 0.2


def test_what_the_lower_rate_cannot_carry_is_gone() -> None:
    high = tone(48_000, 11_000)
    for made in (PromptResampler(48_000, 16_000).push(high), resampled(high, 48_000, 16_000)):
        assert level_db(made[200:-200]) < -70  # its sudden beginning and end are no tone


def test_live_sound_comes_out_at_once() -> None:
    live = PromptResampler(48_000, 16_000)
    assert {len(live.push(tone(48_000, seconds=0.02))) for _ in range(10)} == {640}
    for rate in (8_000, 24_000):
        live = PromptResampler(rate, 16_000)
        assert {len(live.push(tone(rate, seconds=0.02))) for _ in range(10)} == {640}
    assert live.delay_seconds() < 0.001


@given(st.sampled_from([(24_000, 16_000), (8_000, 16_000), (24_000, 48_000), (16_000, 16_000)]),
       st.lists(st.integers(0, 700), max_size=20))  # fmt: skip
def test_what_is_ready_is_known_before_it_is_pushed(rates: tuple[int, int], cuts: list[int]
                                                    ) -> None:  # fmt: skip
    stream = PromptResampler(*rates)
    for cut in cuts:
        ready = stream.ready(cut)
        assert len(stream.push(bytes(2 * cut))) // 2 == ready


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=20))
def test_cutting_a_stream_up_changes_nothing(cuts: list[int]) -> None:
    pcm = tone(48_000, 700, 0.3)
    for make in (lambda: PromptResampler(48_000, 16_000), lambda: Resampler(48_000, 16_000)):
        whole, pieces = make(), make()
        made, at = b"", 0
        for cut in cuts:
            made += pieces.push(pcm[at : at + 2 * cut])
            at += 2 * cut
        made += pieces.push(pcm[at:])
        expected = whole.push(pcm)
        if isinstance(whole, Resampler) and isinstance(pieces, Resampler):
            made, expected = made + pieces.finish(), expected + whole.finish()
        assert len(made) == len(expected)
        wide = samples_of(made).astype(int) - samples_of(expected)
        assert np.abs(wide).max() <= 2  # the last bit is dithered or rounded anew


def test_rates_that_are_none_are_refused() -> None:
    with pytest.raises(WrongRate):
        Resampler(0, 16_000)
    with pytest.raises(WrongRate):
        PromptResampler(44_101, 16_000)
    with pytest.raises(WrongRate):
        mixed_down(b"\0\0", 0)


def test_two_channels_become_their_mean() -> None:
    frames = np.array([[1000, 3000], [-32_768, -32_768], [32_767, 32_767]], dtype="<i2")
    assert samples_of(mixed_down(frames.tobytes() + b"\0\0", 2)).tolist() == [
        2000,
        -32_768,
        32_767,
    ]
