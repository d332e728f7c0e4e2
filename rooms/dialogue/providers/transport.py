"""The HTTP/1.1 transport under the vendors' clients: asyncio and a C parser, nothing between.

A streamed word passes through here once. The stock transport spends 100 us of CPU a block on
scopes, locks and a parser in Python; this one 8 (docs/why/model-streams.md). Everything above
the bytes (auth, errors, redirects, proxies) stays with the vendor's client.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, cast

import httptools
import httpx2

IDLE_PER_ORIGIN_MAX: Final = 100
BUFFERED_BYTES_MAX: Final = 262_144
CONNECT_SECONDS: Final = 10.0

Origin = tuple[str, str, int]


class Link(asyncio.Protocol):
    """One connection: a request at a time, its answer's body in blocks."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.used = False
        self._loop = asyncio.get_running_loop()  # asking for it again is a system call
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self.keeps_alive = False
        self.lost: Exception | None = None
        self._reason = b""
        self._headed = False
        self._blocks: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._parser = httptools.HttpResponseParser(self)

    @property
    def open(self) -> bool:
        """Whether another request may be sent here."""
        transport = self.transport
        return transport is not None and not transport.is_closing() and self.lost is None

    def ask(self, request: bytes) -> None:
        """Send a request; what an earlier one left is forgotten."""
        assert self.transport is not None
        self._begin()
        self.transport.write(request)

    async def head(self) -> None:
        """Wait for status and headers. Raises httpx2.RemoteProtocolError."""
        while not self._headed:
            await self._wait()

    async def block(self) -> bytes | None:
        """The next block of the body; None at its end. Raises httpx2.ReadError."""
        while not self._blocks:
            if self.complete:
                return None
            await self._wait()
        block = b"".join(self._blocks) if len(self._blocks) > 1 else self._blocks[0]
        self._blocks.clear()
        self._buffered = 0
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return block

    async def _wait(self) -> None:
        if self.lost is not None:
            raise self.lost
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.lost = httpx2.RemoteProtocolError(f"this is not HTTP: {error}")
            self.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._headed and not self.complete and self._ends_with_connection():
            self.complete = True
        if not self.complete and self.lost is None:
            self.lost = httpx2.RemoteProtocolError(f"the connection was closed: {exc or 'early'}")
        self._wake()

    def _ends_with_connection(self) -> bool:
        """Without a length and unchunked, a body ends where the connection does (RFC 9112, 6.3)."""
        names = {name.lower() for name, _ in self.headers}
        return not names & {b"content-length", b"transfer-encoding"}

    # --- httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._headed = True
        else:
            self.headers.clear()  # an interim answer; the real one follows

    def on_body(self, body: bytes) -> None:
        self._blocks.append(body)
        self._buffered += len(body)
        if self._buffered > BUFFERED_BYTES_MAX and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.complete = True
            self.keeps_alive = self._parser.should_keep_alive()  # only the parser knows, only now

    def abort(self) -> None:
        """Close at once; the peer stops working."""
        if self.transport is not None:
            self.transport.abort()


class Body(httpx2.AsyncByteStream):
    """An answer's body. Closing it early closes the connection."""

    def __init__(self, link: Link, pool: "StreamTransport", origin: Origin) -> None:
        self._link = link
        self._pool = pool
        self._origin = origin
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await self._link.block()
        if block is None:
            raise StopAsyncIteration
        return block

    async def aclose(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        if not self._closed:
            self._closed = True
            self._pool.give_back(self._link, self._origin)


class StreamTransport(httpx2.AsyncBaseTransport):
    """A pool of connections by origin. One per client."""

    def __init__(self) -> None:
        self._idle: dict[Origin, list[Link]] = {}
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request; a kept connection that died meanwhile is replaced once."""
        origin = _origin(request.url)
        wire = await _wire_form(request)
        timeout = (request.extensions.get("timeout") or {}).get("connect") or CONNECT_SECONDS
        while True:
            link = self._kept(origin) or await self._connect(origin, timeout)
            again, link.used = link.used, True
            try:
                link.ask(wire)
                await link.head()
            except httpx2.RemoteProtocolError:
                link.abort()
                if again and not link.status:
                    continue
                raise
            except BaseException:
                link.abort()
                raise
            return httpx2.Response(
                link.status, headers=link.headers, stream=Body(link, self, origin)
            )

    def _kept(self, origin: Origin) -> Link | None:
        links = self._idle.get(origin, [])
        while links:
            link = links.pop()
            if link.open:
                return link
        return None

    async def _connect(self, origin: Origin, seconds: float) -> Link:
        scheme, host, port = origin
        context = self._context() if scheme == "https" else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                _, link = await loop.create_connection(Link, host, port, ssl=context)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(f"{host} does not answer") from error
        except OSError as error:
            raise httpx2.ConnectError(f"{host} cannot be reached: {error}") from error
        return link

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
        return self._tls

    def give_back(self, link: Link, origin: Origin) -> None:
        """Keep a connection whose answer is complete; close any other."""
        idle = self._idle.setdefault(origin, [])
        if link.complete and link.open and link.keeps_alive and len(idle) < IDLE_PER_ORIGIN_MAX:
            idle.append(link)
        else:
            link.abort()

    async def aclose(self) -> None:
        """Close what is kept."""
        for links in self._idle.values():
            for link in links:
                link.abort()
        self._idle.clear()


def _origin(url: httpx2.URL) -> Origin:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


async def _wire_form(request: httpx2.Request) -> bytes:
    """The request as bytes; its body is whole, as the vendors' clients make it."""
    body = await request.aread()
    head = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    head += [b"%s: %s" % pair for pair in request.headers.raw]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
