"""One HTTP/1.1 connection, as light as we can have it: a request after another, or one stream.

A general client costs a millisecond of CPU a request, and would be what a run measures.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import cast

import httptools
from msgspec import Struct

from loadtest.clients.wire import Trouble
from loadtest.targets import Target


class Answer(Struct, frozen=True):
    """A response; `body` is empty for a stream. `location` is where what was made lies."""

    status: int
    body: bytes
    location: str = ""


class Http(asyncio.Protocol):
    """Opened with `open`; then `request`, or `stream` and nothing else."""

    def __init__(self) -> None:
        self.bytes_in = self.bytes_out = 0
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._on_data: Callable[[bytes], None] | None = None
        self._on_end: Callable[[], None] | None = None
        self._body: list[bytes] = []
        self._location = ""
        self._authority = ""

    @property
    def alive(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def open(self, target: Target, source: str | None, seconds: float) -> None:
        """Connect. Raises Trouble."""
        self._authority = target.authority
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: self,
                    target.address,
                    target.port,
                    local_addr=(source, 0) if source is not None else None,
                    ssl=ssl.create_default_context() if target.tls else None,
                    server_hostname=target.host if target.tls else None,
                )
        except TimeoutError:
            raise Trouble("connect_timeout") from None
        except OSError as error:
            raise Trouble("connect_failed", str(error)) from None

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Answer:
        """A request and its whole answer. Raises Trouble."""
        self._send(method, path, headers, body)
        return await self._answered(seconds)

    async def stream(
        self,
        path: str,
        headers: Mapping[str, str],
        on_data: Callable[[bytes], None],
        on_end: Callable[[], None],
        seconds: float,
    ) -> Answer:
        """A request whose answer does not end: returns once it begins. Raises Trouble."""
        self._on_data, self._on_end = on_data, on_end
        self._send("GET", path, headers, b"")
        return await self._answered(seconds)

    def close(self) -> None:
        """Leave."""
        self._on_end = None
        if self._transport is not None:
            self._transport.abort()

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Trouble("closed")
        self._parser = httptools.HttpResponseParser(self)
        self._body, self._location = [], ""
        self._answer = asyncio.get_running_loop().create_future()
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"content-length: {len(body)}")
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        self.bytes_out += len(data)
        self._transport.write(data)

    async def _answered(self, seconds: float) -> Answer:
        assert self._answer is not None
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            self.close()
            raise Trouble("http_timeout") from None

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Trouble("bad_http", str(error)))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(Trouble("closed", str(exc or "")))
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def _fail(self, trouble: Trouble) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(trouble)

    # --- httptools' side

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head."""
        if name.lower() == b"location":
            self._location = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The status is known; a stream that was granted begins."""
        assert self._parser is not None
        if self._on_data is not None and self._parser.get_status_code() == 200:
            self._settle(200, b"")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        assert self._parser is not None
        if self._on_data is not None and self._parser.get_status_code() == 200:
            self._on_data(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        assert self._parser is not None
        self._settle(self._parser.get_status_code(), b"".join(self._body))
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def _settle(self, status: int, body: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, body, self._location))
