"""A gateway's own metrics port: a few lines of HTTP on a socket that the supervisor opened.

Its own because every gateway of a host shares the main port, where a scrape meets any of them.
"""

import asyncio
import hmac
import socket
from collections.abc import Callable

import structlog

logger = structlog.get_logger(__name__)
HEAD_BYTES_MAX = 8_192
SECONDS = 10.0
SCRAPES_MAX = 8


def may_scrape(token: str, authorization: str) -> bool:
    """Whether a request shows the token; without a token in the settings everybody may."""
    shown = authorization.removeprefix("Bearer ").strip()
    return not token or hmac.compare_digest(shown.encode(), token.encode())


class MetricsListener:
    """`GET /metrics`, one request per connection, a few at a time."""

    def __init__(self, token: str, text: Callable[[], bytes], content_type: str) -> None:
        self._token = token
        self._text = text
        self._content_type = content_type
        self._busy = 0

    async def serve(self, listening: socket.socket) -> None:
        """Until cancelled."""
        server = await asyncio.start_server(self._answer, sock=listening, limit=HEAD_BYTES_MAX)
        async with server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._busy += 1
        try:
            async with asyncio.timeout(SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                writer.write(self._said(head))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            logger.info("a scrape was not finished")
        finally:
            self._busy -= 1
            writer.close()

    def _said(self, head: str) -> bytes:
        request, *lines = head.split("\r\n")
        method, path = [*request.split(" "), "", ""][:2]
        headers = {name.strip().lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines)}  # fmt: skip
        if self._busy > SCRAPES_MAX:
            return _response("503 Service Unavailable", b"busy\n")
        if method != "GET" or path.partition("?")[0] != "/metrics":
            return _response("404 Not Found", b"GET /metrics\n")
        if not may_scrape(self._token, headers.get("authorization", "")):
            return _response("401 Unauthorized", b"Show the token of metrics.token.\n")
        return _response("200 OK", self._text(), self._content_type)


def _response(status: str, body: bytes, kind: str = "text/plain") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
