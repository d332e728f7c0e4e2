"""How long a pause is waited out: the model's judgement and how the words read."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.voice import VoiceSettings
from media.voice.patience import patience_ms, reads

S = VoiceSettings()


@pytest.mark.parametrize(
    ("text", "how", "language"),
    [
        ("I am home.", "closed", ""),
        ("Are you there?”", "closed", "en-GB"),
        ("मैं घर पर हूँ।", "closed", "hi"),
        ("I am home", "open", "en"),
        ("I am going to the", "trailing", "en"),
        ("I am going to the.", "trailing", "en"),
        ("I have been waiting for.", "doubtful", "en"),
        ("because,", "trailing", ""),
        ("and then...", "trailing", ""),
        ("Je voudrais aller à", "trailing", "fr"),
        ("Ich rufe dich an.", "closed", "de"),
        ("Ich rufe dich an,", "trailing", "de"),
    ],
)
def test_how_words_read(text: str, how: str, language: str) -> None:
    assert reads(text, language) == how


@pytest.mark.parametrize(
    ("probability", "text", "waits_ms"),
    [
        (0.9, "I am home.", S.pause_ms),
        (0.9, "I am home", S.likely_ms),
        (0.9, "I am going to the", S.unlikely_ms),
        (0.9, "I have been waiting for.", S.likely_ms),
        (0.1, "I have been waiting for.", S.ceiling_ms),
        (0.1, "I am home.", S.unlikely_ms),
        (0.1, "I am home", S.ceiling_ms),
        (None, "I am home.", S.unlikely_ms),
    ],
)
def test_patience(probability: float | None, text: str, waits_ms: int) -> None:
    assert patience_ms(probability, text, S) == waits_ms


@given(st.text(max_size=60), st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_nobody_waits_longer_for_being_surer(text: str, sure: list[float]) -> None:
    waits = [patience_ms(p, text, S) for p in sorted(sure)]
    assert all(a >= b for a, b in pairwise(waits))
    assert all(S.pause_ms <= wait <= S.ceiling_ms for wait in waits)
