"""A call's sound in windows, and the minute of it that is kept: rules, called with sound."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.inference.kept import KeptSound
from media.inference.windows import WINDOW_SAMPLES, Window, Windows
from media.sound.levels import samples_of, silence

LOUD = (np.sin(np.arange(WINDOW_SAMPLES) * 0.3) * 9000).astype("<i2").tobytes()


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(-700, 40_000)), max_size=20))
def test_windows_follow_one_another_whatever_comes(pieces: list[tuple[int, int]]) -> None:
    windows, told, at = Windows(), list[Window](), 0
    for samples, jump in pieces:
        at = max(0, at + jump)
        told += windows.push(b"\x10\x27" * samples, at)
        at += samples
    ends = [window.until_sample for window in told]
    assert ends == sorted(set(ends))
    assert all(end % WINDOW_SAMPLES == 0 for end in ends)
    assert not ends or windows.end - ends[-1] < WINDOW_SAMPLES
    assert all(len(window.pcm) == 2 * WINDOW_SAMPLES for window in told if window.passes)


def test_a_soft_beginning_comes_with_the_first_loud_window() -> None:
    windows = Windows()
    soft = b"\x05\x00" * WINDOW_SAMPLES
    assert not any(window.passes for window in windows.push(soft * 20, 0))
    (first,) = windows.push(LOUD, 20 * WINDOW_SAMPLES)
    assert first.passes
    assert first.before == soft * 8
    (second,) = windows.push(LOUD, 21 * WINDOW_SAMPLES)
    assert second.before == b""


def test_a_long_gap_is_told_once_and_costs_nothing() -> None:
    windows = Windows()
    windows.push(LOUD, 0)
    day = 86_400 * 16_000
    told = windows.push(LOUD, day)
    assert len(told) <= 4
    assert windows.end == day + WINDOW_SAMPLES


def test_kept_sound_lies_where_it_belongs() -> None:
    kept = KeptSound()
    kept.keep(1000, b"\x01\x00" * 500)
    kept.keep(2000, b"\x02\x00" * 500)
    found = samples_of(kept.span(900, 2600))
    assert found.size == 1700
    assert set(found[:100]) == {0}
    assert set(found[100:600]) == {1}
    assert set(found[600:1100]) == {0}
    assert set(found[1100:1600]) == {2}
    assert kept.span(5, 5) == b""


def test_a_window_that_grew_replaces_its_beginning() -> None:
    kept = KeptSound()
    kept.keep(512, b"\x01\x00" * 100)
    kept.keep(512, b"\x03\x00" * 512)
    assert set(samples_of(kept.span(512, 1024))) == {3}


def test_what_nobody_asks_for_again_is_forgotten_in_whole_pieces() -> None:
    kept = KeptSound()
    for second in range(10):
        kept.keep(second * 16_000, silence(16_000))
    kept.forget(3 * 16_000 + 1)
    assert kept.bytes_kept == 7 * 32_000
    assert kept.heard_anything(3 * 16_000, 4 * 16_000)
    assert not kept.heard_anything(0, 3 * 16_000)


def test_only_a_minute_is_kept_and_silence_takes_no_room() -> None:
    kept = KeptSound()
    for second in range(200):
        kept.keep(second * 16_000, silence(16_000))
    assert kept.bytes_kept <= 61 * 32_000
    assert len(kept.span(0, 200 * 16_000)) == 60 * 32_000
    kept.keep(10**9, LOUD)
    assert kept.bytes_kept == len(LOUD)
