"""The OpenAI-compatible door: the stock client talks to a companion and is metered.

The client's messages are the context; its `system` messages are passed on as wishes and never
stand above the persona's bounds. A disconnect cancels, and only what was sent is charged.
"""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response, StreamingResponse

from realtime.openai_errors import error_object
from rooms.companions.catalogue import Query
from rooms.completion import Completion, Spoken, complete
from rooms.errors import Invalid, ProductError
from server.rest import Call, Routes
from server.rest.problems import problem

_KEPT_HEADERS = ("retry-after", "www-authenticate")


def openai_error(error: ProductError) -> Response:
    """A refusal in OpenAI's shape; the status and the other headers are those of a problem."""
    usual = problem(error)
    body = {"error": error_object(error)}
    headers = {name: usual.headers[name] for name in _KEPT_HEADERS if name in usual.headers}
    return Response(
        msgspec.json.encode(body), error.http_status, headers, media_type="application/json"
    )


routes = Routes(tag="openai", told=openai_error)
Words = Annotated[str, Meta(max_length=100_000)]


class TextPart(Struct, frozen=True):
    type: str
    text: str = ""


class ChatMessage(Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: Words | list[TextPart]


class StreamOptions(Struct, frozen=True):
    include_usage: bool = False


class ChatRequest(Struct, frozen=True, kw_only=True):
    """OpenAI's chat request; fields that Kindred decides itself are accepted and ignored."""

    model: Annotated[str, Meta(min_length=1, max_length=80)]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=200)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None


class ModelCard(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "kindred"


class ModelList(Struct, frozen=True, kw_only=True):
    data: list[ModelCard]
    object: Literal["list"] = "list"


@routes.get("/v1/models", scope="chat")
async def list_models(call: Call) -> ModelList:
    """The companions, as models; their slugs are the model names."""
    viewer = await call.house.catalogue.viewer(call.principal)
    page = await call.house.catalogue.list(Query(limit=100), viewer)
    return ModelList(data=[ModelCard(id=card.slug) for card in page.items])


@routes.get("/v1/models/{model}", scope="chat")
async def show_model(call: Call, model: str) -> ModelCard:
    """One companion, as a model."""
    found = await call.house.catalogue.card(model, call.principal)
    return ModelCard(id=found.slug)


@routes.post("/v1/chat/completions", scope="chat", body_bytes=1_048_576)
async def chat(call: Call, body: ChatRequest) -> Response:
    """Talk to a companion with OpenAI's chat request; streamed or whole."""
    spoken = [Spoken(m.role, _text(m.content)) for m in body.messages]
    if spoken[-1].role != "user":
        raise Invalid("The last message must be the user's.", path="$.messages")
    started = await complete(
        call.house.room_parts,
        call.house.catalogue,
        call.principal,
        body.model,
        spoken,
        body.max_completion_tokens or body.max_tokens,
    )
    if not body.stream:
        return await _whole(started, body.model)
    usage = body.stream_options is not None and body.stream_options.include_usage
    return StreamingResponse(
        _chunks(started, body.model, usage=usage),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


def _text(content: str | list[TextPart]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if part.type in {"text", "input_text"})


async def _whole(started: Completion, model: str) -> Response:
    text = ""
    async with started:
        async for piece in started.words():
            text += piece
    body = {
        "id": started.id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": started.finish_reason,
            }
        ],
        "usage": _usage(started),
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _chunks(started: Completion, model: str, *, usage: bool) -> AsyncIterator[bytes]:
    head = {
        "id": started.id,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + msgspec.json.encode({**head, "choices": [choice]}) + b"\n\n"

    try:
        async with started:
            yield chunk({"role": "assistant", "content": ""})
            async for piece in started.words():
                yield chunk({"content": piece})
    except ProductError as error:
        failure = {"error": {"message": error.message, "code": error.code, "type": "server_error"}}
        yield b"data: " + msgspec.json.encode(failure) + b"\n\n"
        return
    yield chunk({}, started.finish_reason)
    if usage:
        last = {**head, "choices": [], "usage": _usage(started)}
        yield b"data: " + msgspec.json.encode(last) + b"\n\n"
    yield b"data: [DONE]\n\n"


def _usage(started: Completion) -> dict[str, int]:
    usage = started.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "cost_microcredits": started.cost_microcredits,
    }
