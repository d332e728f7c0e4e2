"""Anthropic's messages API, streamed with the stock client.

The system text travels apart, roles alternate, and a reply that is carried on is prefilled.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import msgspec
from msgspec import Struct

from config.models import ModelProvider
from rooms.dialogue.estimate import estimate_tokens
from rooms.dialogue.ports import (
    Ended,
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelTimeout,
    Prompt,
    Words,
)

CONNECT_SECONDS = 10.0
_REASONS = {"max_tokens": "length", "refusal": "filtered"}


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


class _Event(Struct):
    type: str
    message: _Message | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Event).decode


class AnthropicModel:
    """One Anthropic model; see rooms/dialogue/ports.py."""

    def __init__(self, name: str, settings: ModelProvider) -> None:
        self.name = name
        self.model = settings.model
        self.context_tokens = settings.context_tokens
        self.max_output_tokens = settings.max_output_tokens
        self._temperature = settings.temperature
        self._client = anthropic.AsyncAnthropic(
            base_url=settings.base_url or None,
            api_key=settings.api_key or "none",
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        )

    def count_tokens(self, text: str) -> int:
        """Our estimate; the provider's own count arrives with the stream."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Give connections back."""
        await self._client.close()

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Words | Ended]]:
        """See the port. Leaving closes the HTTP stream, which stops the provider."""
        system = "\n\n".join(line.text for line in prompt.lines if line.role == "system")
        body: dict[str, Any] = {
            "model": self.model,
            "messages": _messages(prompt),
            "max_tokens": prompt.max_output_tokens,
            "temperature": min(prompt.temperature, self._temperature, 1.0),
            "stream": True,
        }
        if system:
            body["system"] = system
        if prompt.stop:
            body["stop_sequences"] = list(prompt.stop)
        try:
            async with self._client.messages.with_streaming_response.create(**body) as response:
                yield _items(response.iter_lines())
        except anthropic.APIError as error:
            raise _typed(error) from error


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    lines = [
        {"role": line.role, "content": line.text} for line in prompt.lines if line.role != "system"
    ]
    if prompt.prefill:
        lines.append({"role": "assistant", "content": prompt.prefill.rstrip()})
    return lines


async def _items(lines: AsyncIterator[str]) -> AsyncIterator[Words | Ended]:
    """Decode the event stream into words; usage is told at the start and at the end."""
    reading: int | None = None
    writing: int | None = None
    reason: str | None = None
    stopped = False
    try:
        async for line in lines:
            if not line.startswith("data:"):
                continue
            event = _decode(line[5:])
            match event.type:
                case "message_start" if event.message and event.message.usage:
                    usage = event.message.usage
                    cached = (usage.cache_creation_input_tokens or 0) + (
                        usage.cache_read_input_tokens or 0
                    )
                    reading = (usage.input_tokens or 0) + cached
                case "content_block_delta" if event.delta and event.delta.type == "text_delta":
                    if event.delta.text:
                        yield Words(event.delta.text, estimate_tokens(event.delta.text))
                case "message_delta":
                    reason = event.delta.stop_reason if event.delta else reason
                    writing = event.usage.output_tokens if event.usage else writing
                case "message_stop":
                    stopped = True
                    break
                case "error":
                    raise _broken(event.error)
    except msgspec.MsgspecError as error:
        raise ModelBroken("the provider sent a chunk that is not JSON") from error
    except httpx2.TimeoutException as error:
        raise ModelTimeout("the provider fell silent") from error
    except (httpx2.HTTPError, anthropic.APIError) as error:
        raise ModelBroken("the stream was cut") from error
    if not stopped:
        raise ModelBroken("the stream was cut")
    yield Ended(
        reason=_REASONS.get(reason or "", "stop"),  # type: ignore[arg-type]
        input_tokens=reading,
        output_tokens=writing,
    )


def _broken(error: _Error | None) -> ModelError:
    if error is not None and error.type in {"overloaded_error", "rate_limit_error"}:
        return ModelBusy("the provider is overloaded")
    return ModelBroken("the provider reported an error in mid-stream")


def _typed(error: anthropic.APIError) -> ModelError:
    """The vendor's error as one of ours."""
    match error:
        case anthropic.APITimeoutError():
            return ModelTimeout("the provider did not answer in time")
        case anthropic.APIStatusError(status_code=429 | 529):
            return ModelBusy("the provider asks us to slow down", retry_after_seconds=_wait(error))
        case anthropic.APIStatusError(status_code=status) if status >= 500:
            return ModelBroken(f"the provider answered {status}", retry_after_seconds=_wait(error))
        case anthropic.APIStatusError(status_code=status):
            return ModelRefused(f"the provider refused the request with {status}")
        case _:
            return ModelBroken("the provider cannot be reached")


def _wait(error: anthropic.APIError) -> float | None:
    assert isinstance(error, anthropic.APIStatusError)
    try:
        return max(0.0, float(error.response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
