"""Sentences cut in the middle, over virtual time, where the sound alone takes them for whole."""

import pytest

from config.voice import VoiceSettings
from media.voice import orders as o
from tests.media.voice.scripted import Says, Scene
from tests.media.voice.test_unfinished import HANGING, WHOLE, lines

S = VoiceSettings()
SPOKEN_MS = 1_400
SURE = 0.95  # what the end-of-turn model says of most cut sentences, too


def committed_after_ms(text: str, **scene: object) -> int:
    run = Scene([Says(500, SPOKEN_MS, text, complete=SURE)], hear_ms=300, **scene).run(6_000)  # type: ignore[arg-type]
    ((at_ms, _),) = run.orders(o.Commit)
    return at_ms - 500 - SPOKEN_MS


@pytest.mark.parametrize("text", lines(HANGING)[::3])
def test_who_pauses_within_a_sentence_may_go_on_with_it(text: str) -> None:
    rest = Says(500 + SPOKEN_MS + 900, 1_000, "that I told you of.", complete=SURE)
    scene = Scene([Says(500, SPOKEN_MS, text, complete=SURE), rest]).run(8_000)
    assert scene.committed == [f"{text} {rest.text}"]
    assert not scene.orders(o.Interrupted)


@pytest.mark.parametrize("text", lines(HANGING)[::5])
def test_who_never_goes_on_is_answered_all_the_same(text: str) -> None:
    waited = committed_after_ms(text)
    assert S.unlikely_ms <= waited <= S.unlikely_ms + 80


def test_whole_sentences_are_answered_the_moment_their_words_are_there() -> None:
    """As soon as one whose last word nobody could doubt."""
    soonest = committed_after_ms("The kettle is green.")
    marked = [text for text in lines(WHOLE) if text[-1] in ".?" and len(text.split()) > 1]
    assert len(marked) >= 25
    assert {committed_after_ms(text) for text in marked} == {soonest}
    assert soonest < S.likely_ms


def test_the_model_is_asked_meanwhile_and_forgotten_if_they_go_on() -> None:
    says = [
        Says(500, SPOKEN_MS, "I was looking at the", complete=SURE),
        Says(500 + SPOKEN_MS + 900, 1_000, "stars again.", complete=SURE),
    ]
    scene = Scene(says).run(8_000)
    assert scene.speculated[0] == "I was looking at the"
    assert len(scene.orders(o.Forget)) == 1
    assert scene.committed == ["I was looking at the stars again."]
