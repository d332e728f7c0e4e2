"""Feelings are read from captions as they grow, each word once."""

from rooms.calls.around import Caption
from rooms.calls.feelings import Feelings


def said(text: str, *, id: str = "r1", who: str = "companion") -> Caption:
    return Caption(id=id, who=who, text=text)  # type: ignore[arg-type]


def test_only_what_is_new_in_a_caption_is_felt() -> None:
    feelings = Feelings()
    assert feelings.read(said("Well *laughs*")).name == "joy"
    assert feelings.read(said("Well *laughs* that rained")).strength == 0
    assert feelings.read(said("Well *laughs* that rained 😢")).name == "sad"
    assert feelings.read(said("Well *laughs* that rained 😢")).strength == 0


def test_another_reply_begins_anew_and_the_persons_words_are_not_its_feelings() -> None:
    feelings = Feelings()
    feelings.read(said("*laughs* and so on, at length"))
    assert feelings.read(said("*sighs*", id="r2")).name == "sad"
    assert feelings.read(said("*cries*", id="p", who="person")).strength == 0
