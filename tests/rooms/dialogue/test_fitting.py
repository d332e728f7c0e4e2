"""A prompt made shorter keeps what matters: the persona, the last words, the order."""

from hypothesis import given
from hypothesis import strategies as st

from rooms.dialogue.estimate import estimate_tokens
from rooms.dialogue.fitting import LINE_OVERHEAD_TOKENS, fitted
from rooms.dialogue.ports import Line, Prompt

LINES = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=300)), max_size=20
)


def prompt_of(system: str, talk: list[tuple[str, str]]) -> Prompt:
    """A prompt with a system line in front."""
    lines = [Line("system", system), *(Line(role, text) for role, text in talk)]  # type: ignore[arg-type]
    return Prompt(lines=tuple(lines), max_output_tokens=32)


def cost(prompt: Prompt) -> int:
    """What the lines take."""
    return sum(estimate_tokens(line.text) + LINE_OVERHEAD_TOKENS for line in prompt.lines)


def test_a_prompt_that_fits_is_left_alone() -> None:
    prompt = prompt_of("You are Mira.", [("user", "Hello")])
    assert fitted(prompt, 1000, 100, estimate_tokens) is prompt


@given(st.text(max_size=2000), LINES, st.integers(128, 800))
def test_what_is_left_fits_and_stays_in_order(
    system: str, talk: list[tuple[str, str]], context: int
) -> None:
    prompt = prompt_of(system, talk)
    short = fitted(prompt, context, 32, estimate_tokens)
    assert short is prompt or cost(short) <= context - 32
    left = iter(prompt.lines)
    assert all(any(whole.text.startswith(line.text) for whole in left) for line in short.lines)


@given(LINES.filter(bool))
def test_the_last_words_are_never_dropped(talk: list[tuple[str, str]]) -> None:
    talk = [*talk, ("user", "Where were we?")]
    short = fitted(prompt_of("Persona " * 500, talk), 256, 32, estimate_tokens)
    assert short.lines[-1].text == "Where were we?"
    assert short.lines[0].text.startswith("Persona")
