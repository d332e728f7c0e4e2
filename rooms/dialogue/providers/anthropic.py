"""Anthropic's messages API: the system text travels apart, and a begun reply is prefilled.

The stock client makes the request; the stream's bytes are decoded here, as in openai.py.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx2
import msgspec
from msgspec import Struct

from config.models import ModelProvider
from rooms.dialogue.estimate import estimate_tokens, tokens_of_piece
from rooms.dialogue.ports import (
    Ended,
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelRefused,
    Picture,
    Prompt,
    Words,
)
from rooms.dialogue.providers.failures import Unreachable, failure_of
from rooms.dialogue.providers.reading import Items, Reading, blocks_of
from rooms.dialogue.providers.showing import show
from rooms.dialogue.providers.sse import EventData
from rooms.dialogue.reasoning import ReasoningFilter

if TYPE_CHECKING:
    import anthropic

CONNECT_SECONDS: Final = 10.0
_ASKED_AGAIN_MAX: Final = 3
_GO_ON: Final = "(Go on exactly where you were cut off. Repeat nothing.)"
_OPENING: Final = "(They have just met.)"  # a conversation must begin with the person
_REASONS: Final[dict[str, Literal["length", "filtered"]]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "filtered",
}


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(Struct):
    usage: _Usage | None = None


class _Delta(Struct):
    type: str = ""
    text: str = ""
    stop_reason: str | None = None


class _Error(Struct):
    type: str = ""
    message: str = ""


class _Event(Struct):
    type: str
    message: _Message | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Event).decode


class AnthropicDecoder:
    """The events of one streamed message; see rooms/dialogue/providers/reading.py."""

    __slots__ = ("_data", "_reading", "_reason", "_reasoning", "_writing", "ended", "said_all")

    def __init__(self) -> None:
        self.ended = False
        self.said_all = False
        self._data = EventData()
        self._reasoning = ReasoningFilter()
        self._reading: int | None = None
        self._writing: int | None = None
        self._reason: str | None = None

    def feed(self, block: bytes, items: Items) -> None:
        """See the protocol."""
        for data in self._data.feed(block):
            self._take(data, items)

    def finish(self, items: Items) -> None:
        """See the protocol. After the reason for stopping nothing is missing but the farewell."""
        for data in self._data.finish():
            self._take(data, items)
        if self.ended:
            return
        if self._reason is None:
            raise ModelBroken("the stream was cut")
        self._end(items)

    def _take(self, data: bytes, items: Items) -> None:
        if self.ended:
            return
        try:
            event = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ModelBroken("the provider sent a chunk that cannot be read") from error
        match event.type:
            case "content_block_delta":
                self._say(event.delta, items)
            case "message_start":
                self._reading = _read(event.message)
            case "message_delta":
                self._note(event)
            case "message_stop":
                self._end(items)
            case "error":
                raise _mid_stream(event.error)

    def _say(self, delta: _Delta | None, items: Items) -> None:
        """Text is shown; thinking and its signature are not."""
        if delta is None or delta.type != "text_delta":
            return
        if shown := self._reasoning.feed(delta.text):
            items.append(Words(shown, tokens_of_piece(shown)))

    def _note(self, event: _Event) -> None:
        if event.delta is not None and event.delta.stop_reason is not None:
            self._reason = event.delta.stop_reason
            self.said_all = True
        if event.usage is not None and event.usage.output_tokens is not None:
            self._writing = event.usage.output_tokens

    def _end(self, items: Items) -> None:
        if rest := self._reasoning.finish():
            items.append(Words(rest, tokens_of_piece(rest)))
        items.append(
            Ended(
                reason=_REASONS.get(self._reason or "", "stop"),
                input_tokens=self._reading,
                output_tokens=self._writing,
            )
        )
        self.ended = True


class AnthropicModel:
    """One Anthropic model; see rooms/dialogue/ports.py."""

    def __init__(self, name: str, settings: ModelProvider) -> None:
        self.name = name
        self.model = settings.model
        self.context_tokens = settings.context_tokens
        self.max_output_tokens = settings.max_output_tokens
        self.sees = settings.vision
        self._settings = settings
        self._may_prefill = self._may_warm = True
        self._client: anthropic.AsyncAnthropic | None = None

    def warm_up(self) -> None:
        """Import the vendor's client, which takes three seconds of CPU: call it off the loop."""
        import anthropic

        anthropic.resources.messages.__name__  # noqa: B018 - its lazy half

    def count_tokens(self, text: str) -> int:
        """Our estimate; the provider's own count arrives with the stream."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.close()

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Words | Ended]]:
        """See the port. Leaving closes the HTTP stream, which stops the provider."""
        response = await self._open(prompt)
        try:
            async with aclosing(blocks_of(response.http_response)) as blocks:
                yield Reading(blocks, AnthropicDecoder())
        finally:
            await response.http_response.aclose()

    async def _open(self, prompt: Prompt) -> Any:
        import anthropic

        client = self._connected()
        for _ in range(_ASKED_AGAIN_MAX):
            try:
                return await client.messages.with_raw_response.create(
                    model=self.model,
                    messages=(),
                    max_tokens=min(prompt.max_output_tokens, self.max_output_tokens),
                    stream=True,
                    extra_body=self._request(prompt),  # sent as it is, see openai.py
                )
            except anthropic.APIStatusError as error:
                told = error.response.text
                if error.status_code != 400 or not self._learn(told.lower(), prompt):
                    raise failure_of(error.status_code, error.response.headers, told) from error
            except anthropic.APIError as error:
                raise Unreachable("the provider cannot be reached") from error
        raise ModelRefused("the provider refuses every form of the request")

    def _learn(self, told: str, prompt: Prompt) -> bool:
        """Take note of what this model does not take; False if there is nothing to change."""
        if "prefill" in told and prompt.prefill and self._may_prefill:
            self._may_prefill = False
            return True
        if "temperature" in told and "deprecated" in told and self._may_warm:
            self._may_warm = False
            return True
        return False

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        asked: dict[str, Any] = {"messages": _messages(prompt, prefill=self._may_prefill)}
        if self._may_warm:
            asked["temperature"] = min(prompt.temperature, self._settings.temperature, 1.0)
        system = "\n\n".join(line.text for line in prompt.lines if line.role == "system")
        if system:
            asked["system"] = system
        if prompt.stop:
            asked["stop_sequences"] = [stop for stop in prompt.stop if stop.strip()]
        return asked

    def _connected(self) -> "anthropic.AsyncAnthropic":
        if self._client is None:
            import anthropic

            self._client = anthropic.AsyncAnthropic(
                base_url=self._settings.base_url or None,
                api_key=self._settings.api_key or "none",
                max_retries=0,  # the router decides who is asked again
                timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            )
        return self._client


def _messages(prompt: Prompt, *, prefill: bool) -> list[dict[str, Any]]:
    """The conversation without its system lines, beginning with the person, never empty lines."""
    lines: list[dict[str, Any]] = [
        {"role": line.role, "content": line.text}
        for line in prompt.lines
        if line.role != "system" and line.text.strip()
    ]
    if not lines or lines[0]["role"] != "user":
        lines.insert(0, {"role": "user", "content": _OPENING})
    show(prompt.pictures, lines, _picture)
    if begun := prompt.prefill.rstrip():
        lines.append({"role": "assistant", "content": begun})
        if not prefill:
            lines.append({"role": "user", "content": _GO_ON})
    return lines


def _picture(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.jpeg).decode()
    source = {"type": "base64", "media_type": "image/jpeg", "data": data}
    return {"type": "image", "source": source}


def _read(message: _Message | None) -> int | None:
    """Tokens read; those from the vendor's cache are counted apart, and were read too."""
    if message is None or message.usage is None or message.usage.input_tokens is None:
        return None
    usage = message.usage
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    return (usage.input_tokens or 0) + cached


def _mid_stream(error: _Error | None) -> ModelError:
    detail = error.message[:300] if error else ""
    if error is not None and error.type in {"overloaded_error", "rate_limit_error"}:
        return ModelBusy("the provider is overloaded", detail=detail)
    return ModelBroken("the provider reported an error in mid-stream", detail=detail)
