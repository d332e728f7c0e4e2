"""However bytes are split, and whatever they are, a decoder says the same or says it is broken."""

import itertools
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from rooms.dialogue.ports import Ended, ModelError, Words
from rooms.dialogue.providers.anthropic import AnthropicDecoder
from rooms.dialogue.providers.openai import OpenAIDecoder
from rooms.dialogue.providers.reading import Decoder, Items
from rooms.dialogue.reasoning import ReasoningFilter
from tests.rooms.dialogue.upstream import FORMATS, Answer

VENDORS = {"openai": OpenAIDecoder, "anthropic": AnthropicDecoder}
WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=6)


def decoded(decoder: Decoder, pieces: list[bytes]) -> Items:
    """Everything a body says, when it comes in these pieces."""
    items: Items = deque()
    for piece in pieces:
        decoder.feed(piece, items)
    decoder.finish(items)
    return items


@given(WORDS, st.lists(st.integers(0, 4000), max_size=8), st.sampled_from(sorted(VENDORS)))
def test_the_same_words_however_they_are_split(
    words: list[str], cuts: list[int], vendor: str
) -> None:
    body = b"".join(FORMATS[vendor](Answer(words=tuple(words))))
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(edges)]
    items = decoded(VENDORS[vendor](), pieces)
    assert isinstance(items[-1], Ended)
    said = "".join(item.text for item in items if isinstance(item, Words))
    reasoning = ReasoningFilter()
    expected = "".join(reasoning.feed(word) for word in words) + reasoning.finish()
    assert said == expected


@given(st.lists(st.binary(max_size=60), max_size=6), st.sampled_from(sorted(VENDORS)))
def test_any_bytes_end_in_an_answer_or_a_model_error(pieces: list[bytes], vendor: str) -> None:
    decoder: Decoder = VENDORS[vendor]()
    try:
        decoded(decoder, [b"data: " + piece + b"\n" for piece in pieces])
    except ModelError:
        return
    assert decoder.ended


@given(st.lists(st.integers(0, 60), max_size=6))
def test_reasoning_is_hidden_wherever_its_tags_are_split(cuts: list[int]) -> None:
    text = "Oh. <think>hide < this</thin </think>\n Hello <b> you <thin"
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    reasoning = ReasoningFilter()
    shown = "".join(reasoning.feed(text[start:end]) for start, end in itertools.pairwise(edges))
    assert shown + reasoning.finish() == "Oh. Hello <b> you <thin"
