"""Clauses are the text, cut where a speaker may pause; the first early, none within a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.speech.clauses import CLAUSE_CHARACTERS_MAX, Clause, ClauseSplitter

PIECES = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["Dr. ", "3.5 ", "1,000 ", "https://a.b/c?d=e.f ", "*smiles* ", "e.g. ", "Yes! ", "\n",
             "well, ", "and ", "J. K. ", "नमस्ते। ", "你好。", "(aside ", ") ", "1. milk\n"]
        ),
    ),
    max_size=60,
)  # fmt: skip


def split(text: str, size: int = 3) -> list[Clause]:
    """All clauses of a text that arrives in tokens of `size` characters."""
    splitter = ClauseSplitter()
    found: list[Clause] = []
    for at in range(0, len(text), size):
        found += splitter.push(text[at : at + size])
    return found + splitter.finish()


def texts(text: str) -> list[str]:
    return [clause.text for clause in split(text)]


@given(PIECES)
def test_joined_clauses_are_the_text(pieces: list[str]) -> None:
    splitter = ClauseSplitter()
    clauses = [clause for piece in pieces for clause in splitter.push(piece)] + splitter.finish()
    whole = "".join(pieces)
    assert "".join(clause.text for clause in clauses) == whole
    assert all(whole[clause.start : clause.end] == clause.text for clause in clauses)
    assert all(0 < len(clause.text) <= CLAUSE_CHARACTERS_MAX for clause in clauses)


@given(PIECES, st.integers(1, 9))
def test_clauses_do_not_depend_on_the_tokens(pieces: list[str], size: int) -> None:
    whole = "".join(pieces)
    assert split(whole, size) == split(whole, 1)


def test_the_first_clause_is_early_and_later_ones_are_longer() -> None:
    reply = (
        "Oh, I see. That sounds like a long day, and you still made time for this. "
        "Tell me what happened, from the beginning, and leave nothing out."
    )
    found = texts(reply)
    assert found[0] == "Oh, I see. "
    assert found[1].startswith("That sounds like a long day")
    assert min(len(clause) for clause in found[1:]) > 24


@pytest.mark.parametrize(
    "whole",
    [
        "It costs 3.5 million, Dr. Smith said. ",
        "Ask J. K. Rowling about it. ",
        "We met at 5 p.m. on a day in Oct. 1999, I think. ",
        "Look at https://kindred.example/a.b?c=d, it is there. ",
    ],
)
def test_no_cut_within_a_number_a_short_form_or_an_address(whole: str) -> None:
    for clause in texts(whole):
        bare = clause.strip()
        assert not bare.endswith(("Dr.", "J.", "K.", "p.m.", "Oct.", "3", "3.", "kindred."))


@given(st.integers(1, 10**9), st.integers(0, 99))
def test_a_number_stays_whole(number: int, decimals: int) -> None:
    said = f"{number:,}.{decimals}"
    filler = "word " * 45
    assert any(said in clause for clause in texts(filler + said + " more " + filler))


def test_a_stage_direction_is_not_cut_in_two() -> None:
    found = texts("Hello. *looks up. smiles, then waves.* You came back to me.")
    assert any("*looks up. smiles, then waves.*" in clause for clause in found)


def test_a_numbered_line_keeps_its_number() -> None:
    found = texts("Here is the list that you asked me for:\n1. milk and bread and butter\n2. eggs")
    assert not any(clause.strip() in {"1.", "2."} for clause in found)
    assert not any(clause.rstrip().endswith(("1.", "2.")) for clause in found)


def test_sentences_without_spaces_are_cut() -> None:
    assert (
        texts("你好。今天天气很好,我们去公园走一走吧,你觉得怎么样呢?好的。我们走吧。")[0]
        == "你好。"
    )


def test_one_endless_word_is_cut_at_the_limit() -> None:
    assert [len(c) for c in texts("a" * 1_200)] == [500, 500, 200]


def test_a_long_beginning_is_cut_before_a_phrase() -> None:
    found = texts("I was thinking of you all this morning because the rain would not stop at all.")
    assert found[0] == "I was thinking of you all this morning "
