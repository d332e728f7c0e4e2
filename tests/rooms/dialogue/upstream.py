"""A stand-in for the vendors' servers: real sockets, their real streaming formats, every mishap.

It writes raw HTTP, because cutting, stalling and lying are what a proper server will not do.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from msgspec import Struct, field

Then = Literal[
    "end",
    "no farewell",
    "cut",
    "abort",
    "stall",
    "garbage",
    "invalid utf-8",
    "error",
    "overloaded",
    "no usage",
]


class Answer(Struct, kw_only=True):
    """What the server does with one request.

    late: the first word waits until the test sets `Upstream.go`. bytes_at_once: 0 sends each
    event whole. thinking: hidden reasoning in the vendor's own field.
    """

    words: tuple[str, ...] = ()
    then: Then = "end"
    reason: Literal["stop", "length", "filtered"] = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    late: bool = False
    bytes_at_once: int = 0
    thinking: str = ""


class Upstream:
    """One server. `asked` holds the requests' bodies, `left` is set when a client hangs up."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.answers = [Answer(words=("Hello",))]
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.go = asyncio.Event()
        self.left = asyncio.Event()
        self.url = ""
        self.models: list[dict[str, Any]] | None = None
        self.key = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Upstream"]:
        """Listen on loopback until the block is left."""
        handlers: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            handlers.add(task)
            self.connections += 1
            try:
                await self._serve(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.left.set()
            finally:
                handlers.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        if self.vendor != "anthropic":
            self.url += "/v1"
        try:
            yield self
        finally:
            server.close()
            for task in list(handlers):
                task.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head[1:] if line)
            }
            if head[0].startswith("GET "):
                await self._refuse(self._list(head[0], headers), writer)
                continue
            body = await reader.readexactly(int(headers["content-length"]))
            self.asked.append(json.loads(body))
            self.headers.append(headers)
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
            if answer.status != 200 or answer.body:
                await self._refuse(answer, writer)
            elif not await self._stream(answer, reader, writer):
                return

    def _list(self, request: str, headers: dict[str, str]) -> Answer:
        """The models, to whom they are for, where they are."""
        if self.key and self.key not in headers.get("authorization", ""):
            return Answer(status=401, body="{}")
        if self.models is None or "/v1/models " not in request:
            return Answer(status=404, body='{"detail": "Not Found"}')
        return Answer(body=json.dumps({"object": "list", "data": self.models}))

    async def _refuse(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        headers = {"content-type": "application/json", **answer.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = answer.body.encode()
        head = f"HTTP/1.1 {answer.status} So\r\n{lines}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async def _stream(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Send the stream. False when the connection ends with it."""
        gone = asyncio.create_task(self._watch(reader))
        try:
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            await writer.drain()
            if answer.late:
                await self._until(self.go, gone)
            for event in FORMATS[self.vendor](answer):
                await self._send(event, answer.bytes_at_once, writer)
            if answer.then == "stall":
                await self._until(self.go, gone)
            if answer.then == "abort":
                writer.transport.abort()
                return False
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return not self.left.is_set()
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _send(self, event: bytes, at_once: int, writer: asyncio.StreamWriter) -> None:
        step = at_once or len(event)
        for start in range(0, len(event), step):
            piece = event[start : start + step]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        """While an answer is under way a client sends nothing but the end of its connection."""
        if await reader.read(1) == b"":
            self.left.set()

    async def _until(self, event: asyncio.Event, gone: asyncio.Task[None]) -> None:
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.left.is_set():
            raise ConnectionResetError


def _openai(answer: Answer) -> list[bytes]:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _data(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1700000000,
                "model": "some-model",
                "choices": [choice],
            }
        )

    events = [b": PROCESSING\n\n", chunk({"role": "assistant", "content": None})]
    if answer.thinking:
        events.append(chunk({"reasoning_content": answer.thinking, "reasoning": answer.thinking}))
    events += [chunk({"content": word}) for word in answer.words]
    reason = {"stop": "stop", "length": "length", "filtered": "content_filter"}[answer.reason]
    usage = {"prompt_tokens": 11, "completion_tokens": len(answer.words), "total_tokens": 99}
    finish = [chunk({}, reason)]
    if answer.then != "no usage":
        finish.append(_data({"id": "chatcmpl-1", "choices": [], "usage": usage}))
    troubles = {
        "garbage": [b'data: {"choices": [{"del\n\n'],
        "invalid utf-8": [b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n'],
        "error": [_data({"error": {"message": "boom", "type": "server_error", "code": 500}})],
        "overloaded": [_data({"error": {"message": "slow down", "type": "overloaded_error"}})],
        "no farewell": finish,
        "cut": [],
        "abort": [],
        "stall": [],
    }
    return events + troubles.get(answer.then, [*finish, b"data: [DONE]\n\n"])


def _anthropic(answer: Answer) -> list[bytes]:
    def event(kind: str, **more: Any) -> bytes:
        return f"event: {kind}\n".encode() + _data({"type": kind, **more})

    def block(number: int, delta: dict[str, Any]) -> bytes:
        return event("content_block_delta", index=number, delta=delta)

    usage = {"input_tokens": 5, "cache_read_input_tokens": 6, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "usage": usage}
    events = [event("message_start", message=message)]
    if answer.thinking:
        events.append(event("content_block_start", index=0, content_block={"type": "thinking"}))
        events.append(block(0, {"type": "thinking_delta", "thinking": answer.thinking}))
        events.append(block(0, {"type": "signature_delta", "signature": "x"}))
        events.append(event("content_block_stop", index=0))
    content = {"type": "text", "text": ""}
    events += [event("content_block_start", index=1, content_block=content), event("ping")]
    events += [block(1, {"type": "text_delta", "text": word}) for word in answer.words]
    reason = {"stop": "end_turn", "length": "max_tokens", "filtered": "refusal"}[answer.reason]
    end: dict[str, Any] = {"delta": {"stop_reason": reason, "stop_sequence": None}}
    if answer.then != "no usage":
        end["usage"] = {"output_tokens": len(answer.words)}
    finish = [
        event("content_block_stop", index=1),
        event("something_new", surprise=True),
        event("message_delta", **end),
    ]
    troubles = {
        "garbage": [b'event: content_block_delta\ndata: {"type": "content_blo\n\n'],
        "invalid utf-8": [
            b'data: {"type": "content_block_delta", "delta": '
            b'{"type": "text_delta", "text": "\xff\xfe"}}\n\n'
        ],
        "error": [event("error", error={"type": "api_error", "message": "boom"})],
        "overloaded": [event("error", error={"type": "overloaded_error", "message": "Busy"})],
        "no farewell": finish,
        "cut": [],
        "abort": [],
        "stall": [],
    }
    return events + troubles.get(answer.then, [*finish, event("message_stop")])


def _data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


FORMATS = {"openai": _openai, "embedded": _openai, "anthropic": _anthropic}
