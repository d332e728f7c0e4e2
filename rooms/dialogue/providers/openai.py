"""Any OpenAI-compatible address: OpenAI, xAI, OpenRouter, vLLM, llama.cpp, and our own server.

The stock client makes the request and owns the connection; the stream's lines are decoded here,
because the client's own objects cost five times more a token (docs/why/model-streams.md).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import openai
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
from rooms.dialogue.reasoning import ReasoningFilter

CONNECT_SECONDS = 10.0


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class OpenAIModel:
    """One model at one OpenAI-compatible address; see rooms/dialogue/ports.py."""

    def __init__(self, name: str, settings: ModelProvider, sampling: dict[str, Any] | None = None):
        self.name = name
        self.model = settings.model
        self.context_tokens = settings.context_tokens
        self.max_output_tokens = settings.max_output_tokens
        self._temperature = settings.temperature
        self._sampling = sampling or {}
        self._client = openai.AsyncOpenAI(
            base_url=settings.base_url or None,
            api_key=settings.api_key or "none",
            max_retries=0,  # the router decides who is asked again
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        )

    def count_tokens(self, text: str) -> int:
        """Our estimate; the provider's own count arrives with the end of the stream."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Give connections back."""
        await self._client.close()

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Words | Ended]]:
        """See the port. Leaving closes the HTTP stream, which stops the provider."""
        try:
            async with self._client.chat.completions.with_streaming_response.create(
                model=self.model,
                messages=_messages(prompt),
                max_tokens=prompt.max_output_tokens,
                temperature=min(prompt.temperature, self._temperature),
                stop=list(prompt.stop) or openai.omit,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=self._sampling or None,
            ) as response:
                yield _items(response.iter_lines())
        except openai.APIError as error:
            raise typed(error) from error


def _messages(prompt: Prompt) -> Any:
    lines = [{"role": line.role, "content": line.text} for line in prompt.lines]
    if prompt.prefill:
        lines.append({"role": "assistant", "content": prompt.prefill})
    return lines


async def _items(lines: AsyncIterator[str]) -> AsyncIterator[Words | Ended]:
    """Decode server-sent events into words; the end carries the usage, where it came."""
    reasoning = ReasoningFilter()
    reason: str | None = None
    usage: _Usage | None = None
    done = False
    try:
        async for line in lines:
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                done = True
                break
            chunk = _decode(data)
            if chunk.error is not None:
                raise ModelBroken("the provider reported an error in mid-stream")
            usage = chunk.usage or usage
            for choice in chunk.choices[:1]:
                reason = choice.finish_reason or reason
                if choice.delta is not None and choice.delta.content:
                    shown = reasoning.feed(choice.delta.content)
                    if shown:
                        yield Words(shown)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelBroken("the provider sent a chunk that is not JSON") from error
    except httpx2.TimeoutException as error:
        raise ModelTimeout("the provider fell silent") from error
    except (httpx2.HTTPError, openai.APIError) as error:
        raise ModelBroken("the stream was cut") from error
    if not done and reason is None:
        raise ModelBroken("the stream was cut")
    if rest := reasoning.finish():
        yield Words(rest)
    yield Ended(
        reason={"length": "length", "content_filter": "filtered"}.get(reason or "stop", "stop"),  # type: ignore[arg-type]
        input_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.completion_tokens if usage else None,
    )


def typed(error: openai.APIError) -> ModelError:
    """The vendor's error as one of ours."""
    match error:
        case openai.APITimeoutError():
            return ModelTimeout("the provider did not answer in time")
        case openai.RateLimitError():
            return ModelBusy("the provider asks us to slow down", retry_after_seconds=_wait(error))
        case openai.APIStatusError(status_code=status) if status >= 500:
            return ModelBroken(f"the provider answered {status}", retry_after_seconds=_wait(error))
        case openai.APIStatusError(status_code=status):
            return ModelRefused(f"the provider refused the request with {status}")
        case _:
            return ModelBroken("the provider cannot be reached")


def _wait(error: openai.APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
