"""Any OpenAI-compatible address: OpenAI, xAI, OpenRouter, vLLM, llama.cpp, and our own server.

The stock client makes the request; the stream's bytes are decoded here. What an address does
not understand (usage in streams, a temperature) is left out once it has said so.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Literal

import httpx2
import msgspec
from msgspec import Struct

from config.models import ModelProvider
from rooms.dialogue.estimate import estimate_tokens, tokens_of_piece
from rooms.dialogue.ports import (
    Ended,
    ModelBroken,
    ModelBusy,
    ModelRefused,
    ModelUnusable,
    Picture,
    Prompt,
    Words,
)
from rooms.dialogue.providers.failures import Unreachable, failure_of
from rooms.dialogue.providers.reading import Items, Reading, blocks_of
from rooms.dialogue.providers.showing import show
from rooms.dialogue.providers.sse import EventData
from rooms.dialogue.providers.transport import StreamTransport
from rooms.dialogue.reasoning import ReasoningFilter

CONNECT_SECONDS: Final = 10.0
_STOPS_MAX: Final = 4  # more are refused by OpenAI
_ASKED_AGAIN_MAX: Final = 4
_REASONS: Final[dict[str, Literal["length", "filtered"]]] = {
    "length": "length",
    "content_filter": "filtered",
}


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


class OpenAIDecoder:
    """The chunks of one streamed chat completion; see rooms/dialogue/providers/reading.py."""

    __slots__ = ("_data", "_reason", "_reasoning", "_usage", "ended", "said_all")

    def __init__(self) -> None:
        self.ended = False
        self.said_all = False
        self._data = EventData()
        self._reasoning = ReasoningFilter()
        self._reason: str | None = None
        self._usage: _Usage | None = None

    def feed(self, block: bytes, items: Items) -> None:
        """See the protocol."""
        for data in self._data.feed(block):
            self._take(data, items)

    def finish(self, items: Items) -> None:
        """See the protocol. Some addresses never say [DONE]; a reason is as good."""
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
        if data == b"[DONE]":
            self._end(items)
            return
        try:
            chunk = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ModelBroken("the provider sent a chunk that cannot be read") from error
        if chunk.error is not None:
            raise _mid_stream(chunk.error)
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices[:1]:
            if choice.delta is not None and choice.delta.content:
                shown = self._reasoning.feed(choice.delta.content)
                if shown:
                    items.append(Words(shown, tokens_of_piece(shown)))
            if choice.finish_reason:
                self._reason = choice.finish_reason
                self.said_all = True

    def _end(self, items: Items) -> None:
        if rest := self._reasoning.finish():
            items.append(Words(rest, tokens_of_piece(rest)))
        usage = self._usage
        items.append(
            Ended(
                reason=_REASONS.get(self._reason or "", "stop"),
                input_tokens=usage.prompt_tokens if usage else None,
                output_tokens=usage.completion_tokens if usage else None,
            )
        )
        self.ended = True


class OpenAIModel:
    """One model at one OpenAI-compatible address; see rooms/dialogue/ports.py."""

    def __init__(self, name: str, settings: ModelProvider, sampling: dict[str, Any] | None = None):
        self.name = name
        self.model = settings.model
        self.context_tokens = settings.context_tokens
        self.max_output_tokens = settings.max_output_tokens
        self.sees = settings.vision
        self._settings = settings
        self._sampling = sampling or {}
        self._left_out: set[str] = set()
        self._limit_name = "max_tokens"
        self._http: httpx2.AsyncClient | None = None
        self._address = httpx2.URL()
        self._headers: dict[str, str] = {}

    def warm_up(self) -> None:
        """Import the vendor's client, which takes a second of CPU: call it off the loop."""
        import openai

        openai.resources.chat.completions.__name__  # noqa: B018 - its lazy half

    def count_tokens(self, text: str) -> int:
        """Our estimate; the provider's own count arrives with the end of the stream."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Give connections back."""
        if self._http is not None:
            await self._http.aclose()

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Words | Ended]]:
        """See the port. Leaving closes the HTTP stream, which stops the provider."""
        response = await self._open(prompt)
        try:
            _check_kind(response.headers.get("content-type", ""))
            async with aclosing(blocks_of(response)) as blocks:
                yield Reading(blocks, OpenAIDecoder())
        finally:
            await response.aclose()

    async def _open(self, prompt: Prompt) -> httpx2.Response:
        """Send the request; once more without what the address says it does not know.

        It goes out by the connection of the vendor's client, with its headers, but not through
        its `create`: checking and rebuilding what we know to be right costs 0.6 ms a turn.
        """
        address, headers, http = self._connected()
        for _ in range(_ASKED_AGAIN_MAX):
            asked = {"model": self.model, "stream": True, **self._request(prompt)}
            request = http.build_request(
                "POST", address, content=msgspec.json.encode(asked), headers=headers
            )
            try:
                response = await http.send(request, stream=True)
            except httpx2.TimeoutException as error:
                raise Unreachable("the provider cannot be reached in time") from error
            except httpx2.HTTPError as error:
                raise Unreachable("the provider cannot be reached") from error
            if response.status_code < 400:
                return response
            told = await _whole(response)
            if response.status_code not in {400, 422} or not self._learn(told, _param_in(told)):
                raise failure_of(response.status_code, response.headers, told)
        raise ModelRefused("the provider refuses every form of the request")

    def _learn(self, told: str, param: str | None) -> bool:
        """Take note of what the address does not know; False if there is nothing to change."""
        if "max_completion_tokens" in told and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"
            return True
        unknown = "stream_options" if "stream_options" in told else param
        if unknown not in {"stream_options", "temperature", *self._sampling}:
            return False
        if unknown in self._left_out:
            return False
        self._left_out.add(unknown)
        return True

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "messages": _messages(prompt),
            "temperature": min(prompt.temperature, self._settings.temperature),
            "stream_options": {"include_usage": True},
            self._limit_name: min(prompt.max_output_tokens, self.max_output_tokens),
            **self._sampling,
        }
        if prompt.stop:
            asked["stop"] = list(prompt.stop[:_STOPS_MAX])
        return {name: value for name, value in asked.items() if name not in self._left_out}

    def _connected(self) -> tuple[httpx2.URL, dict[str, str], httpx2.AsyncClient]:
        """Where to, with which headers, over which connections; made at the first question."""
        if self._http is None:
            import openai

            self._http = httpx2.AsyncClient(
                transport=StreamTransport(),
                follow_redirects=True,
                timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            )
            client = openai.AsyncOpenAI(
                base_url=self._settings.base_url or None,
                api_key=self._settings.api_key or "none",
                http_client=self._http,
            )
            self._address = httpx2.URL(str(client.base_url).rstrip("/") + "/chat/completions")
            known = {**client.default_headers, **client.auth_headers}
            self._headers = {name: text for name, text in known.items() if isinstance(text, str)}
        return self._address, self._headers, self._http


async def _whole(response: httpx2.Response) -> str:
    """The words of a refusal, as far as they come."""
    try:
        return (await response.aread()).decode(errors="replace")
    except httpx2.HTTPError:
        return ""
    finally:
        await response.aclose()


def _param_in(told: str) -> str | None:
    """Which parameter a refusal names, where it names one."""
    try:
        param = msgspec.json.decode(told)["error"]["param"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return None
    return param if isinstance(param, str) else None


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {"role": line.role, "content": line.text} for line in prompt.lines
    ]
    show(prompt.pictures, lines, _picture)
    if prompt.prefill:
        lines.append({"role": "assistant", "content": prompt.prefill})
    return lines


def _picture(picture: Picture) -> dict[str, Any]:
    """Inline; `low` reads it as it is, for it is small already."""
    data = base64.b64encode(picture.jpeg).decode()
    url = {"url": f"data:image/jpeg;base64,{data}", "detail": "low"}
    return {"type": "image_url", "image_url": url}


def _check_kind(content_type: str) -> None:
    """A page or a document instead of events is a wrong address, and says so at once."""
    if content_type.startswith(("text/html", "application/json")):
        kind = content_type.partition(";")[0]
        raise ModelUnusable(f"the address answers with {kind}, not with a stream: is it right?")


def _mid_stream(error: object) -> ModelBroken | ModelBusy:
    told = str(error)
    if any(word in told for word in ("rate_limit", "overloaded", "429")):
        return ModelBusy("the provider is overloaded", detail=told[:300])
    return ModelBroken("the provider reported an error in mid-stream", detail=told[:300])
