"""What of a written reply is said, and where each spoken word was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.speech.english import read_in_english
from media.speech.wording import said_of


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("*smiles* **Really?!** 😀 see [this](https://x.io/a)...", "Really? see this."),
        ("I *really* mean it, *leans closer* you know.", "I really mean it, you know."),
        ("Hello 👋🏽 there!!! sooo good hmmm", "Hello there! so good hmm"),
        ("Go to https://www.kindred.example/a?b=c. OK", "Go to kindred dot example. OK"),
        ("wait... what", "wait, what"),
        ("so — well – ok", "so, well, ok"),
        ("(laughs) you're funny :) <3", "you're funny"),
        ("Here:\n```py\nx = 1\n```\nDone", "Here: Done"),
        ("`pip` and __bold__ and ~~gone~~", "pip and bold and gone"),
        ("# Title\n- one\n- two", "Title. one. two"),
        ("write me@kindred.example", "write me at kindred dot example"),
        ("*waves*", ""),
        ("🎉🎉", ""),
        ("नमस्ते, *मुस्कुराती* आप कैसे हैं?", "नमस्ते, आप कैसे हैं?"),
    ],
)
def test_markup_emoji_and_stage_directions_are_not_said(written: str, said: str) -> None:
    assert said_of(written).text.strip() == said


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("At 3:30 p.m.", "At 3 30 p.m."),
        ("at 9:05, 7:00 sharp", "at 9 oh five, 7 o'clock sharp"),
        ("on 2026-11-21", "on November 21st, 2026"),
        ("Dr. Smith, e.g. 5 km", "Doctor Smith, for example 5 kilometers"),
        ("3-5 days, ½ cup", "3 to 5 days, one half cup"),
        ("₹500 or #5", "500 rupees or number 5"),
        ("It is 20°C", "It is 20 degrees Celsius"),
        ("cats etc.", "cats et cetera."),
        ("call 5551234567", "call five five five one two three four five six seven"),
    ],
)
def test_figures_and_short_forms_are_read_in_english(written: str, read: str) -> None:
    assert read_in_english(said_of(written)).text == read


@given(st.text(max_size=200))
def test_every_spoken_character_was_written_somewhere(written: str) -> None:
    said = read_in_english(said_of(written))
    assert len(said.text) == len(said.origin)
    assert all(0 <= start < end <= len(written) for start, end in said.origin)
    starts = [start for start, _ in said.origin]
    assert starts == sorted(starts)


@given(st.text(alphabet="ab *_`[]().\n#-:/😀1", max_size=120))
def test_unchanged_characters_keep_their_place(written: str) -> None:
    said = said_of(written)
    for char, (start, end) in zip(said.text, said.origin, strict=True):
        if char in "ab1" and end - start == 1:
            assert written[start:end] == char


def test_what_was_rewritten_stands_for_all_of_it() -> None:
    written = "At 3:30, Dr. Who"
    said = read_in_english(said_of(written))
    at = said.text.index("Doctor")
    start, end = said.span(at, at + len("Doctor"))
    assert written[start:end] == "Dr."
