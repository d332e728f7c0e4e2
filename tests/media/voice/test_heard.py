"""From samples that left to code points that were heard."""

from hypothesis import given
from hypothesis import strategies as st

from media.speech.ports import SpokenWord
from media.voice.heard import HeardMap

TEXT = "Hello, “dear” world! Bye."


def test_a_word_counts_once_half_of_it_has_sounded_with_the_marks_behind_it() -> None:
    heard = HeardMap()
    words = (SpokenWord(0, 5, 0, 1000), SpokenWord(8, 12, 1000, 500), SpokenWord(14, 19, 1600, 800))
    heard.add(TEXT, 0, 0, words)
    assert heard.heard(499) == 0
    assert TEXT[: heard.heard(500)] == "Hello,"
    assert TEXT[: heard.heard(1_999)] == "Hello, “dear”"
    assert TEXT[: heard.heard(2_000)] == "Hello, “dear” world!"


def test_a_clause_that_sounded_wholly_is_heard_without_the_blank_behind_it() -> None:
    heard = HeardMap()
    heard.close("One two. ", 10, 5_000)
    assert heard.heard(4_999) == 0
    assert heard.heard(5_000) == 10 + len("One two.")


def test_marks_of_a_later_clause_count_from_where_it_begins() -> None:
    heard = HeardMap()
    heard.add("Hello. ", 0, 0, (SpokenWord(0, 5, 0, 100),))
    heard.close("Hello. ", 0, 200)
    heard.add("Bye.", 7, 200, (SpokenWord(0, 3, 50, 100),))
    assert [heard.heard(at) for at in (0, 50, 200, 299, 300)] == [0, 6, 6, 6, 11]


@given(
    st.text(max_size=40),
    st.lists(st.tuples(*[st.integers(-50, 200)] * 4), max_size=12),
    st.lists(st.integers(0, 1000), min_size=1, max_size=20),
)
def test_whatever_a_synthesiser_says_hearing_only_grows_and_stays_within_the_text(
    text: str, words: list[tuple[int, int, int, int]], played: list[int]
) -> None:
    heard = HeardMap()
    heard.add(text, 0, 0, tuple(SpokenWord(*word) for word in words))
    heard.close(text, 0, 500)
    found = [heard.heard(at) for at in sorted(played)]
    assert found == sorted(found)
    assert all(0 <= one <= len(text) for one in found)
