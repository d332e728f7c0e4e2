"""Asks a model one small question before it is trusted with people, and measures the answer.

What goes wrong is told as a sentence that says what to do about it.
"""

import time

from msgspec import Struct

from rooms.dialogue.ports import (
    LanguageModel,
    Line,
    ModelBusy,
    ModelError,
    ModelTimeout,
    ModelUnusable,
    Prompt,
    Words,
)
from rooms.dialogue.router import Router

QUESTION = Prompt(
    lines=(
        Line("system", "You are Mira, a friendly companion. Answer in one short sentence."),
        Line("user", "Hello Mira! How are you?"),
    ),
    max_output_tokens=256,  # some models think before they speak
    temperature=0.4,
)


class CannotChoose(Exception):
    """The model was not taken. The message says why and what to do."""


class Trial(Struct, frozen=True, kw_only=True):
    """How a model answered."""

    reply: str
    first_token_ms: int
    tokens_per_second: float


async def try_model(model: LanguageModel, router: Router) -> Trial:
    """One whole reply through a router. Raises CannotChoose."""
    began = time.monotonic()
    first, tokens, said = began, 0, ""
    try:
        async with router.stream(QUESTION) as answer:
            first = time.monotonic()
            async for item in answer.words:
                if isinstance(item, Words):
                    said += item.text
                    tokens += item.tokens
    except ModelError as error:
        raise CannotChoose(_advice(model, error)) from error
    seconds = max(1e-6, time.monotonic() - first)
    return Trial(
        reply=said.strip(),
        first_token_ms=int((first - began) * 1000),
        tokens_per_second=round(max(0, tokens - 1) / seconds, 1),
    )


def _advice(model: LanguageModel, error: ModelError) -> str:
    """The failure and its remedy."""
    what = f"The trial with {model.model} failed: {error}."
    if error.detail:
        what += f" It said: {error.detail}"
    match error:
        case ModelUnusable():
            return f"{what}\nCheck the key, the name of the model and the address."
        case ModelBusy():
            return f"{what}\nTry again in a minute, or check the account's limits."
        case ModelTimeout():
            return f"{what}\nIs it still loading? Try again, or give it longer."
        case _:
            return f"{what}\nCheck that the address answers and speaks OpenAI's format."
