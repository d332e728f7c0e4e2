"""The mouth: closed on p, b, m whatever comes before and after, on time, and never popping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.avatar.motion.loudness import Envelope, levels
from media.avatar.motion.mouth import JAW, MOST_MARKS, PRESS, WIDE, Mouth
from media.avatar.motion.shapes import AIMS, OCULUS, WEIGHTS, Floats, number_of
from media.sound.formats import PLAYOUT_RATE
from media.speech.ports import Viseme
from tests.media.avatar.motion.speech import PER_MS, babble, length, sound, spans

FRAME = PLAYOUT_RATE // 25
POPPING = 0.75  # of a part's whole range in one frame at 25 a second


def watch(
    visemes: tuple[Viseme, ...], *, phase: int = 0, frame: int = FRAME, after: int = 10
) -> tuple[list[int], Floats]:
    """Say it and look once a frame, the first look `phase` samples in."""
    mouth = Mouth()
    mouth.advance(0, None)
    mouth.speak(0, sound(visemes), visemes, frame)
    end = length(visemes)
    places = list(range(phase, end + after * frame, frame))
    looks = [mouth.advance(place, place if place < end else None) for place in places]
    return places, np.array(looks)


@pytest.mark.parametrize("fps", [25, 15])
@given(seed=st.integers(0, 10_000), phase=st.integers(0, 959))
@settings(max_examples=30, deadline=None)
def test_every_p_b_and_m_has_a_frame_with_the_lips_shut(seed: int, phase: int, fps: int) -> None:
    visemes = babble(np.random.default_rng(seed))
    frame = PLAYOUT_RATE // fps
    places, looks = watch(visemes, phase=phase, frame=frame)
    for viseme in visemes[1:]:
        if viseme.shape != "PP":
            continue
        middle = viseme.at_sample + viseme.samples / 2
        near = [abs(place - middle) <= 0.6 * frame for place in places]
        assert (looks[near, PRESS] > 0.98).any()
        assert (looks[near, JAW] < 0.02).any()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_no_part_of_the_mouth_pops(seed: int) -> None:
    _places, looks = watch(babble(np.random.default_rng(seed)))
    assert np.abs(np.diff(looks, axis=0)).max() < POPPING
    assert np.isfinite(looks).all()


@given(seed=st.integers(0, 10_000), cut=st.integers(5, 60))
@settings(max_examples=40, deadline=None)
def test_an_interrupted_mouth_is_shut_within_100_ms_and_does_not_pop(seed: int, cut: int) -> None:
    visemes = babble(np.random.default_rng(seed))
    mouth = Mouth()
    mouth.speak(0, sound(visemes), visemes, FRAME)
    before = np.zeros(6)
    for k in range(cut):
        before = mouth.advance(k * 240, k * 240)
    mouth.flush()
    looks = [before, *(mouth.advance((cut + k) * 240, None) for k in range(1, 12))]
    assert np.abs(looks[-1]).max() < 0.06
    assert np.abs(np.diff(np.array(looks), axis=0)).max() < 0.45


def test_the_jaw_is_widest_in_the_middle_of_a_vowel_and_lips_round_on_time() -> None:
    for name, part, sign in (("aa", JAW, 1), ("U", WIDE, -1), ("I", WIDE, 1)):
        visemes = spans(("sil", 200), ("DD", 80), (name, 180), ("DD", 80), ("sil", 300))
        places, looks = watch(visemes, frame=240)
        middle = (200 + 80 + 90) * PER_MS
        peak = places[int(np.argmax(sign * looks[:, part]))]
        assert abs(peak - middle) <= 40 * PER_MS, name
        assert (sign * looks[:, part]).max() > 0.45, name


def test_the_mouth_opens_less_for_a_whisper() -> None:
    visemes = spans(("sil", 100), ("aa", 250), ("sil", 100))
    peaks = []
    for loud in (60, 9000):
        mouth = Mouth()
        pcm = np.full(length(visemes), loud, "<i2").tobytes()
        mouth.speak(0, pcm, visemes, FRAME)
        peaks.append(max(mouth.advance(k * 240, k * 240)[JAW] for k in range(45)))
    assert peaks[0] < 0.65 * peaks[1]


def test_sound_without_marks_still_moves_the_jaw() -> None:
    mouth = Mouth()
    mouth.speak(0, np.full(24_000, 8000, "<i2").tobytes(), (), FRAME)
    looks = [mouth.advance(k * 960, k * 960)[JAW] for k in range(20)]
    assert max(looks) > 0.5
    assert mouth.advance(30_000, None)[JAW] < 0.3


def test_coarticulation_rounds_the_lips_before_the_u_of_a_word() -> None:
    visemes = spans(("SS", 150), ("DD", 60), ("U", 200))
    _places, looks = watch(visemes, frame=240)
    assert looks[20, WIDE] < -0.3  # during the t of `stu`


def test_nothing_grows_with_the_length_of_a_call() -> None:
    mouth = Mouth()
    for k in range(MOST_MARKS):
        mouth.speak(k * 2400, b"", spans(("aa", 60), ("PP", 40)), FRAME)
    assert len(mouth._marks) == MOST_MARKS
    mouth.advance(0, 0)
    mouth.advance(PLAYOUT_RATE, MOST_MARKS * 2400)
    assert len(mouth._marks) < 20


def test_the_table_knows_the_fifteen_and_takes_others_for_silence() -> None:
    assert len(OCULUS) == 15
    assert AIMS.shape == WEIGHTS.shape == (15, 6)
    assert number_of("PP") == 1
    assert number_of("no such shape") == number_of("sil") == 0


def test_levels_follow_the_sound_and_gaps_are_silent() -> None:
    assert levels(b"").size == 0
    assert levels(b"\x00" * 481).tolist() == [0.0]
    loud = levels(np.full(480, 20_000, "<i2").tobytes())
    assert loud.tolist() == [1.0, 1.0]
    envelope = Envelope()
    envelope.add(0, np.full(480, 20_000, "<i2").tobytes())
    envelope.add(2400, np.full(480, 20_000, "<i2").tobytes())
    heard = envelope.at(np.array([0.0, 250.0, 500.0, 2399.0, 2400.0, 9999.0, -5.0]))
    assert heard.tolist() == [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
