"""Who speaks next among several companions: named first, bounded, never the same twice running."""

from hypothesis import given
from hypothesis import strategies as st

from rooms.turn_taking import Voice, first_voice, mentioned, next_voice

MIRA, NOOR, JUN = Voice("c_mira", "Mira"), Voice("c_noor", "Noor"), Voice("c_jun", "Jun")
ALL = [MIRA, NOOR, JUN]
names = st.lists(st.sampled_from(["@Mira", "@Noor", "@Jun", "and", "@Nobody", "so,"]), max_size=8)


def test_the_named_answer_in_the_order_they_are_named() -> None:
    assert mentioned("@Noor, then @mira; not Jun", ALL) == ["c_noor", "c_mira"]
    assert first_voice("what does @Jun think?", ALL, last="c_mira") == "c_jun"


def test_a_name_is_a_word_of_its_own() -> None:
    assert mentioned("@Miranda wrote to ann@noor.example", [MIRA]) == []
    assert mentioned("@Mira!", [MIRA]) == ["c_mira"]
    assert mentioned("@Miranda and @Mira", [MIRA]) == ["c_mira"]


def test_nobody_named_is_whoever_spoke_last_if_they_are_still_there() -> None:
    assert first_voice("and you?", ALL, last="c_noor") == "c_noor"
    assert first_voice("and you?", [MIRA, JUN], last="c_noor") == "c_mira"
    assert first_voice("hello", ALL, last=None) == "c_mira"


def test_everyone_the_person_named_speaks_before_a_companion_hands_on() -> None:
    asked = "@Mira and @Noor?"
    assert next_voice(asked, "Ask @Jun", ["c_mira"], ALL, 3) == "c_noor"
    assert next_voice(asked, "Ask @Jun", ["c_mira", "c_noor"], ALL, 3) == "c_jun"
    assert next_voice(asked, "Ask @Jun", ["c_mira", "c_noor"], ALL, 2) is None


def test_a_companion_does_not_hand_on_to_itself() -> None:
    assert next_voice("hi", "I, @Mira, think so", ["c_mira"], ALL, 3) is None


@given(asked=names, replies=st.lists(names, max_size=12), most=st.integers(1, 6))
def test_whatever_they_say_they_stop(asked: list[str], replies: list[list[str]], most: int) -> None:
    said = iter([*replies, *[["@Mira", "@Noor", "@Jun"]] * 20])
    spoken = [first_voice(" ".join(asked), ALL, None)]
    while (
        following := next_voice(" ".join(asked), " ".join(next(said)), spoken, ALL, most)
    ) is not None:
        assert following in {voice.companion for voice in ALL}
        assert following != spoken[-1]
        spoken.append(following)
    assert len(spoken) <= most
