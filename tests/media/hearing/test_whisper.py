"""The short look at an utterance gives the words of the long one, and loops are noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hearing.whisper import Cancelled, Whisper, pieces, runs_in_circles
from media.sound.levels import silence
from tests.media.joe import say


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("No, wait. No, wait. No, wait. No, wait.", True),
        ("Hello there. How are you? Hello there. How are you?", True),
        ("no no no no no no", True),
        ("No, no, no, I mean it.", False),
        ("Bye bye.", False),
        ("It was very, very good, and very, very late.", False),
        ("", False),
    ],
)
def test_going_in_circles(text: str, circles: bool) -> None:
    assert runs_in_circles(text) is circles


@given(st.integers(0, 40_000), st.floats(0.2, 2.0))
def test_pieces_lose_nothing(samples: int, most_seconds: float) -> None:
    pcm = np.arange(samples, dtype=np.uint16).tobytes()
    cut = list(pieces(pcm, most_seconds))
    assert b"".join(cut) == pcm
    assert all(0 < len(piece) <= 2 * 16_000 * most_seconds for piece in cut)


def test_a_long_piece_is_cut_in_the_pause() -> None:
    loud = (np.ones(16_000) * 9000).astype("<i2").tobytes()
    first, second = pieces(loud + silence(4000) + loud, most_seconds=2.0)
    assert 32_000 <= len(first) <= 40_000
    assert len(first) + len(second) == 72_000


def test_a_long_story_keeps_its_words_and_can_be_dropped() -> None:
    whisper = Whisper(device="cpu")
    sentence = "My sister called this morning, and she said that the flight was delayed."
    story = b"".join(say(sentence) + silence(8000) for _ in range(9))
    assert len(story) > 30 * 32_000
    assert whisper.words(story).text.lower().count("sister") == 9
    with pytest.raises(Cancelled):
        whisper.words(story, wanted=lambda: False)
