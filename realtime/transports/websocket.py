"""The native socket, `GET /v1/socket`, as a bare ASGI app: it moves bytes and keeps the doors.

One task reads, one sends. A reader that does not read blocks its own sender only; what waits is
bounded by the session's outbox, and what is stuck is cut off.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import structlog
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send

from realtime import frames
from realtime.codec import Format
from realtime.connection import Closing, Connection

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
PROTOCOLS: Final[dict[str, Format]] = {"kindred.v1.json": "json", "kindred.v1.msgpack": "msgpack"}
CLOSE_SECONDS: Final = 1.0


class SocketDoor:
    """The ASGI app behind the route."""

    def __init__(self, node: "Realtime") -> None:
        self._node = node

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = scope["client"][0] if scope.get("client") else "unknown"
        await receive()  # websocket.connect
        refusal = self._refusal(scope, address)
        if refusal is not None:
            await _deny(scope, send, *refusal)
            return
        offered = scope.get("subprotocols") or []
        chosen = next((name for name in offered if name in PROTOCOLS), None)
        await send({"type": "websocket.accept", "subprotocol": chosen})
        form = PROTOCOLS.get(chosen or "", "json")
        self._node.addresses[address] += 1
        try:
            await self._converse(form, address, receive, send)
        finally:
            self._node.addresses[address] -= 1
            if not self._node.addresses[address]:
                del self._node.addresses[address]

    def _refusal(self, scope: Scope, address: str) -> tuple[int, str] | None:
        if self._node.holder.draining:
            return 503, "going away"
        if self._node.addresses[address] >= self._node.settings.sockets_per_address:
            return 429, "too many sockets from this address"
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        known = not origin or _same_origin(origin, host) or origin in self._node.own_origins
        return None if known else (403, "this origin may not open sockets here")

    async def _converse(self, form: Format, address: str, receive: Receive, send: Send) -> None:
        async def send_frame(data: bytes) -> None:
            if form == "json":
                await send({"type": "websocket.send", "text": data.decode()})
            else:
                await send({"type": "websocket.send", "bytes": data})

        connection = Connection(self._node, form, address, send_frame)
        self._node.sockets.add(connection)
        reading = asyncio.create_task(self._read(connection, form, receive))
        sending = asyncio.create_task(_send_all(connection))
        try:
            ends: list[asyncio.Future[Any]] = [reading, sending, connection.closed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._node.sockets.discard(connection)
            for task in (reading, sending):
                task.cancel()
            came = await asyncio.gather(reading, sending, return_exceptions=True)
            connection.end()
        closing = _why(connection, list(came))
        if closing is not None:
            with contextlib.suppress(TimeoutError, RuntimeError, OSError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await send(
                        {"type": "websocket.close", "code": closing.code, "reason": closing.reason}
                    )

    async def _read(self, connection: Connection, form: Format, receive: Receive) -> None:
        """Frames in order; the next one is read when the last is carried out."""
        most = self._node.settings.frame_bytes
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            await _one_frame(connection, form, message, most)


async def _send_all(connection: Connection) -> None:
    await connection.hello()
    await connection.run()


async def _one_frame(
    connection: Connection, form: Format, message: Message, most_bytes: int
) -> None:
    text, data = message.get("text"), message.get("bytes")
    try:
        raw = data if data is not None else (text or "").encode()
    except UnicodeEncodeError as error:
        raise Closing(frames.CLOSE_INVALID_UTF8) from error
    if len(raw) > most_bytes:
        raise Closing(frames.CLOSE_TOO_LARGE)
    if form == "json" and data is not None:
        await connection.binary_outside_a_call()
        return
    await connection.receive(raw)


def _why(connection: Connection, ends: list[Any]) -> Closing | None:
    """Why the socket closes; None when the client closed it already."""
    if connection.closed.done():
        return connection.closed.result()
    for end in ends:
        if isinstance(end, Closing):
            return end
    if any(isinstance(end, OSError) for end in ends):
        return None  # the client went away while we were sending
    for end in ends:
        if isinstance(end, Exception):
            logger.error("a socket failed", exc_info=end)
            return Closing(frames.CLOSE_RECONNECT, "something went wrong on our side; reconnect")
    return None


async def _deny(scope: Scope, send: Send, status: int, reason: str) -> None:
    """Refuse the handshake with a status, where the server can say one."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": reason.encode()})
    else:
        await send({"type": "websocket.close", "code": frames.CLOSE_FORBIDDEN, "reason": reason})


def _same_origin(origin: str, host: str) -> bool:
    return urlsplit(origin).netloc.lower() == host.lower()


def routes(node: "Realtime") -> list[BaseRoute]:
    """The socket's route; a plain GET is told what belongs here."""
    return [WebSocketRoute("/v1/socket", SocketDoor(node)), Route("/v1/socket", _not_a_socket)]


async def _not_a_socket(request: Any) -> Any:  # noqa: ARG001 - Starlette's shape
    return JSONResponse(
        {
            "type": "/docs/errors#upgrade_required",
            "title": "Upgrade required",
            "status": 426,
            "detail": "Open a WebSocket here, with subprotocol kindred.v1.json.",
            "code": "upgrade_required",
        },
        426,
        {"upgrade": "websocket"},
        media_type="application/problem+json",
    )
