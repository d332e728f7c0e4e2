"""The native socket, `GET /v1/socket`, as a bare ASGI app: it keeps the door and moves bytes.

Under uvicorn with our protocol (transports/uvicorn_socket.py) frames go past ASGI, and mostly the
handshake does too (transports/straight.py); under any other server they go through it, with a pump
of their own.
"""

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from realtime import frames
from realtime.codec import Format
from realtime.doorstep import counted_as, crowded
from realtime.seat import Seat
from realtime.sending import Peer
from realtime.socket import Socket
from realtime.socket_call import CallingSocket
from realtime.transports.handshake import Headers
from realtime.transports.pump import Pump
from realtime.transports.sse import problem_response
from realtime.transports.straight import StraightProtocol
from realtime.transports.uvicorn_socket import EXTENSION, SocketProtocol
from rooms.errors import Forbidden, ProductError

if TYPE_CHECKING:
    from realtime.service import Realtime

PROTOCOLS: Final[dict[str, Format]] = {"kindred.v1.json": "json", "kindred.v1.msgpack": "msgpack"}


class SocketDoor:
    """The ASGI app behind the route; `admits` and `meet` are the same without ASGI."""

    def __init__(self, node: "Realtime") -> None:
        self._node = node

    def admits(self, headers: Headers, address: str) -> bool:
        """See realtime/transports/straight.py `Door`."""
        return refusal(self._node, {"headers": headers}, counted_as(address)) is None

    def meet(self, peer: StraightProtocol, offered: Sequence[str], address: str) -> None:
        """See realtime/transports/straight.py `Door`."""
        chosen, form = spoken(offered)
        address = counted_as(address)
        socket = self._seat(peer, form, address)
        self._node.addresses.came(address)
        peer.ended = partial(self._ended, socket, address)
        peer.welcome(chosen)
        self._attach(peer, socket, form)

    def _ended(self, socket: Seat, address: str) -> None:
        self._node.addresses.left(address)
        socket.lost()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = counted_as(scope["client"][0]) if scope.get("client") else "unknown"
        await receive()  # websocket.connect
        refused = refusal(self._node, scope, address)
        if refused is not None:
            await deny(scope, send, refused)
            return
        chosen, form = spoken(scope.get("subprotocols") or ())
        self._node.addresses.came(address)
        try:
            await send({"type": "websocket.accept", "subprotocol": chosen or None})
            fast = scope.get("extensions", {}).get(EXTENSION)
            if isinstance(fast, SocketProtocol):
                await self._past_asgi(fast, form, receive, address)
            else:
                await self._through_asgi(form, receive, send, address)
        finally:
            self._node.addresses.left(address)

    def _seat(self, peer: Peer, form: Format, address: str) -> Seat:
        """Who hears what this peer sends."""
        socket = CallingSocket(self._node, peer, form)
        self._node.sockets.add(socket)
        self._node.strangers.came(socket, address)
        return socket

    async def _past_asgi(
        self, peer: SocketProtocol, form: Format, receive: Receive, address: str
    ) -> None:
        """Frames come and go by calls; this task only waits for the end."""
        socket = self._seat(peer, form, address)
        try:
            self._attach(peer, socket, form)
            while (message := await receive())["type"] != "websocket.disconnect":
                _hand_over(socket, message, form)  # came before we were attached
        finally:
            peer.detach()
            socket.lost()

    def _attach(self, peer: SocketProtocol, socket: Seat, form: Format) -> None:
        settings = self._node.settings
        peer.attach(
            socket,
            text=form == "json",
            transport_bytes=settings.transport_bytes,
            frame_bytes=settings.frame_bytes if isinstance(socket, Socket) else None,
        )
        if isinstance(socket, Socket) and form == "json" and peer.outgoing is not None:
            socket.out.direct = peer.outgoing
        socket.opened()

    async def _through_asgi(self, form: Format, receive: Receive, send: Send, address: str) -> None:
        async def send_one(data: bytes) -> None:
            kind = {"text": data.decode()} if form == "json" else {"bytes": data}
            await send({"type": "websocket.send", **kind})

        async def close(code: int, reason: str) -> None:
            with contextlib.suppress(RuntimeError, OSError):
                await send({"type": "websocket.close", "code": code, "reason": reason})

        pump = Pump(send_one, close, self._node.settings.transport_bytes)
        socket = pump.socket = self._seat(pump, form, address)
        try:
            async with pump.running():
                socket.opened()
                while (message := await receive())["type"] != "websocket.disconnect":
                    _hand_over(socket, message, form)
        finally:
            socket.lost()


def spoken(offered: Sequence[str]) -> tuple[str, Format]:
    """The first subprotocol of ours that is offered, and its format; none at all means JSON."""
    chosen = next((name for name in offered if name in PROTOCOLS), "")
    return chosen, PROTOCOLS.get(chosen, "json")


def _hand_over(socket: Seat, message: Any, form: Format) -> None:
    text, data = message.get("text"), message.get("bytes")
    if data is None:
        try:
            raw = (text or "").encode()
        except UnicodeEncodeError:
            socket.close(frames.CLOSE_INVALID_UTF8)
            return
        socket.received(raw)
    elif form == "json":
        socket.received_binary(data)
    else:
        socket.received(data)


def refusal(
    node: "Realtime", scope: Scope, address: str, *, new: bool = True
) -> ProductError | None:
    """Why this request is turned away at the door; `new`: it opens a session."""
    refused = crowded(node, address) if new else None
    if refused is not None:
        return refused
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    if not origin or is_known(node, origin, host):
        return None
    return Forbidden("This origin may not open sockets here.", code="foreign_origin")


def is_known(node: "Realtime", origin: str, host: str) -> bool:
    """Whether a browser's page from this origin may speak to us."""
    return urlsplit(origin).netloc.lower() == host.lower() or origin in node.own_origins


async def deny(scope: Scope, send: Send, error: ProductError) -> None:
    """Refuse the handshake with a typed answer, where the server can give one."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        code = frames.CLOSE_FORBIDDEN
        await send({"type": "websocket.close", "code": code, "reason": error.message})
        return
    response = problem_response(error)
    headers = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
    if error.retry_after_ms is not None:
        headers.append((b"retry-after", b"%d" % -(-error.retry_after_ms // 1000)))
    start = {"type": "websocket.http.response.start", "status": error.http_status}
    await send({**start, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": bytes(response.body)})


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
