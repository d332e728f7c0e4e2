"""What a sound was: noise, an echo, a nod, words."""

import pytest

from media.hearing.ports import Transcript
from media.voice.verdict import echo_share, judge, without_echo, words_of

PLAYING = "After that we could look for a warm cafe and talk for as long as you like"


def verdict(text: str, ms: int = 1000, playing: str = "", sure: float = 1.0) -> str:
    return judge(Transcript(text=text, speech_probability=sure), ms, playing)


@pytest.mark.parametrize(
    "text", ["", " ", "...", "[coughs]", "(sighs)", "*laughs*", "♪", "Uh, um."]
)
def test_a_cough_is_noise(text: str) -> None:
    assert verdict(text) == "noise"


def test_words_that_nobody_could_say_so_fast_are_noise() -> None:
    """Recognisers make sentences of a cough."""
    assert verdict("Thanks for watching, and see you next time!", ms=300) == "noise"
    assert verdict("Thank you.", ms=250) == "noise"
    assert verdict("Thank you.", ms=700) == "words"


def test_words_the_recogniser_does_not_believe_are_noise() -> None:
    assert verdict("Hello there", sure=0.2) == "noise"


@pytest.mark.parametrize("text", ["mm-hm", "Uh-huh.", "Yeah, right", "हाँ", "I see.", "D’accord !"])
def test_a_nod_is_a_nod(text: str) -> None:
    assert verdict(text) == "nod"


@pytest.mark.parametrize("text", ["No.", "Stop!", "wait", "yeah but no", "non", "नहीं", "ok stop"])
def test_a_real_word_is_never_a_nod(text: str) -> None:
    assert verdict(text) == "words"


def test_an_echo_may_be_misheard_in_part() -> None:
    assert verdict("we could look for a warm calf and talk", playing=PLAYING) == "echo"
    assert verdict("could we talk about you and your cafe", playing=PLAYING) == "words"


def test_words_in_common_alone_make_no_echo() -> None:
    assert echo_share(["we", "talk", "like"], words_of(PLAYING)) == 0.0


def test_an_echo_is_taken_out_of_what_was_said_over_it() -> None:
    assert without_echo("look for a warm cafe Stop, please.", PLAYING) == "Stop, please."
    assert without_echo("a warm cafe", PLAYING) == "a warm cafe", "never all of it"


def test_words_are_compared_without_marks_in_every_script() -> None:
    assert words_of("“Wait”—stop! I’m हाँ, अच्छा।") == ["wait", "stop", "i'm", "हाँ", "अच्छा"]
