"""A scripted language model for benchmarks: OpenAI's streaming format, at a steady pace.

It is a bare asyncio protocol, so that what is measured beside it is Kindred and not this.
Run: python -m loadtest.upstream --port 9911 --tokens 60 --gap-ms 20 --first-ms 30
"""

import asyncio
import json
from typing import cast

import click
import uvloop

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n"
)
_TEXT = (
    "the rain came in over the harbour and nobody minded because there was tea and somebody "
    "had brought a violin so we sat and listened and said very little until the lamps were lit"
)
_WORDS = _TEXT.split()


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _event(delta: dict[str, object], finish: str | None = None) -> bytes:
    body = {
        "id": "chatcmpl-script",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "script",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return _chunk(b"data: " + json.dumps(body).encode() + b"\n\n")


class Upstream(asyncio.Protocol):
    """One connection; each request is answered with `tokens` words, one per `gap_seconds`."""

    def __init__(self, tokens: int, gap_seconds: float, first_seconds: float) -> None:
        self._tokens = tokens
        self._gap_seconds = gap_seconds
        self._first_seconds = first_seconds
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0
        self.gone = asyncio.Event()
        self.asked = ""  # the last request's body, for tests of what a model is shown

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self.gone.set()
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if len(rest) >= length:
            self.asked = rest[:length].decode(errors="replace")
            self._buffer = rest[length:]
            self._answer(head)

    def cut(self) -> None:
        """Break off in the middle, as a provider that dies."""
        assert self._transport is not None
        self._transport.abort()

    def _answer(self, head: bytes) -> None:
        assert self._transport is not None
        if head.startswith(b"GET"):
            body = b'{"object":"list","data":[{"id":"script","object":"model"}]}'
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(body), body)
            )
            return
        self._left = self._tokens
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._first_seconds, self._first)

    def _first(self) -> None:
        assert self._transport is not None
        self._transport.write(_HEAD + _event({"role": "assistant", "content": ""}))
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        if self._left == 0:
            usage = {"prompt_tokens": 100, "completion_tokens": self._tokens, "total_tokens": 0}
            last = {"id": "chatcmpl-script", "object": "chat.completion.chunk", "created": 1}
            done = json.dumps({**last, "model": "script", "choices": [], "usage": usage}).encode()
            self._transport.write(
                _event({}, "stop")
                + _chunk(b"data: " + done + b"\n\n")
                + _chunk(b"data: [DONE]\n\n")
                + b"0\r\n\r\n"
            )
            return
        word = _WORDS[(self._tokens - self._left) % len(_WORDS)] + " "
        self._left -= 1
        self._transport.write(_event({"content": word}))
        self._timer = asyncio.get_running_loop().call_later(self._gap_seconds, self._next)


async def serve(port: int, tokens: int, gap_ms: float, first_ms: float) -> None:
    """Serve on loopback until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Upstream(tokens, gap_ms / 1000, first_ms / 1000), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


@click.command()
@click.option("--port", default=9911, show_default=True)
@click.option("--tokens", default=60, show_default=True, help="Words in a reply.")
@click.option("--gap-ms", default=20.0, show_default=True, help="Between words.")
@click.option("--first-ms", default=30.0, show_default=True, help="Before the first word.")
def main(port: int, tokens: int, gap_ms: float, first_ms: float) -> None:
    """A scripted, OpenAI-compatible upstream for benchmarks."""
    uvloop.run(serve(port, tokens, gap_ms, first_ms))


if __name__ == "__main__":
    main()
