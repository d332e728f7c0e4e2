"""The language-model port: what every provider promises, and how one may fail.

A provider streams words and nothing else: no retries, no routing, no money. The router
(rooms/dialogue/router.py) decides who is asked; the turn (rooms/turn.py) decides when to stop.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Literal, Protocol

from msgspec import Struct

LEAST_PICTURE_TOKENS: Final = 85
PIXELS_PER_TOKEN: Final = 750


class Line(Struct, frozen=True):
    """One line of a prompt."""

    role: Literal["system", "user", "assistant"]
    text: str


class Picture(Struct, frozen=True):
    """A small JPEG that is shown to a model with the words it belongs to. Never kept or logged."""

    jpeg: bytes
    width: int
    height: int

    @property
    def tokens(self) -> int:
        """What it is reckoned at: vendors count by area, with a floor for the smallest."""
        return max(LEAST_PICTURE_TOKENS, -(-self.width * self.height // PIXELS_PER_TOKEN))

    def __repr__(self) -> str:
        return f"Picture({self.width}x{self.height})"


class Prompt(Struct, frozen=True, kw_only=True):
    """What a model is asked. Lines that rarely change come first: providers cache by prefix.

    prefill: the beginning of the reply, already spoken; the model carries it on. pictures: shown
    with the last line of the person's, to models that see (`LanguageModel.sees`).
    """

    lines: tuple[Line, ...]
    max_output_tokens: int
    temperature: float = 0.8
    stop: tuple[str, ...] = ()
    prefill: str = ""
    pictures: tuple[Picture, ...] = ()


class Words(Struct, frozen=True):
    """A piece of a reply. `tokens` is the provider's own count for it, else our estimate."""

    text: str
    tokens: int = 1


class Ended(Struct, frozen=True, kw_only=True):
    """The last item of a stream. Token counts are the provider's, or None where it gave none."""

    reason: Literal["stop", "length", "filtered"]
    input_tokens: int | None = None
    output_tokens: int | None = None


class ModelError(Exception):
    """A provider failed. `retry_after_seconds` is its own wish, where it had one.

    `detail` is what the provider wrote. It may quote the prompt: never log it.
    """

    retryable = True

    def __init__(
        self, message: str, *, retry_after_seconds: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.detail = detail


class ModelBusy(ModelError):
    """429 or 529: asked too much."""


class ModelTimeout(ModelError):
    """No first token, or silence in mid-stream, for longer than allowed."""


class ModelBroken(ModelError):
    """Cut stream, malformed chunk, 5xx, connection refused."""


class ModelRefused(ModelError):
    """This request cannot succeed here: asking again cannot help."""

    retryable = False


class ModelUnusable(ModelRefused):
    """A wrong key, an unknown model, a used-up quota: nobody's request can succeed."""


class LanguageModel(Protocol):
    """One provider with one model."""

    name: str
    model: str
    context_tokens: int
    max_output_tokens: int
    sees: bool  # takes pictures

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Words | Ended]]:
        """Ask, and read the answer as it comes.

        Entering sends the request (raises ModelError); iterating raises ModelError when the
        stream breaks. Leaving the context, for whatever reason, closes the upstream stream at
        once, so that the provider stops working. The last item is `Ended`.
        """

    def count_tokens(self, text: str) -> int:
        """Tokens of `text`: exact where the provider lets us, else a fair estimate. Pure, fast."""

    def warm_up(self) -> None:
        """Do now what the first question would wait for, such as imports. Blocks; optional."""

    async def aclose(self) -> None:
        """Give connections back."""
