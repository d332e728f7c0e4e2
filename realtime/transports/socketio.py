"""Socket.IO on `/socket.io`, for whom that library is at home: the same frames, by its events.

This is the door: it refuses whom the native socket would, keeps requests small and well formed,
and hands on. Long polling needs all of a session's requests in one process: see `_no_polling`.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Message, Receive, Scope, Send

from realtime import frames
from realtime.transports import socketio_packets as packets
from realtime.transports.socketio_guest import Guest
from realtime.transports.socketio_server import SID, Server, address_of
from realtime.transports.uvicorn_socket import EXTENSION, SocketProtocol
from realtime.transports.websocket import deny, is_known, refusal
from rooms.errors import BadRequest, ProductError

if TYPE_CHECKING:
    from realtime.service import Realtime

Query = dict[str, list[str]]
NO_POLLING: Final = (
    "Long polling is not offered here: its requests would reach different processes. "
    "Connect with transports: ['websocket']."
)
NOT_HERE: Final = "This process does not know this engine.io session; connect again and resume."


class SocketIoDoor:
    """The ASGI app behind the route."""

    def __init__(self, node: "Realtime") -> None:
        self._node = node
        self._server = Server(node, lambda origin, host: is_known(node, origin, host))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        sid = query.get("sid", [""])[0]
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send, query, sid)
        else:
            await self._request(scope, receive, send, query, sid)

    # --- WebSocket

    async def _stream(
        self, scope: Scope, receive: Receive, send: Send, query: Query, sid: str
    ) -> None:
        refused = refusal(self._node, scope, address_of(scope), new=not sid)
        if query.get("transport") != ["websocket"]:
            refused = BadRequest("Over a WebSocket there is the transport websocket only.")
        elif refused is None and sid:
            refused = self._no_upgrade(sid)
        if refused is not None:
            await receive()  # websocket.connect
            await deny(scope, send, refused)
            return
        fast = scope.get("extensions", {}).get(EXTENSION)

        async def read() -> Message:
            guest = self._guest(scope, sid)
            if guest is not None and guest.abort is None and isinstance(fast, SocketProtocol):
                fast.hold_little(self._node.settings.transport_bytes)
                guest.abort = fast.cut
            return _checked(await receive(), self._guest(scope, sid))

        try:
            await self._server.handle_request(scope, read, send)
        finally:
            guest = self._guest(scope, sid)
            if guest is not None and guest.is_over_websocket:
                await guest.forget()

    def _no_upgrade(self, sid: str) -> ProductError | None:
        guest = self._server.guests.get(sid)
        if guest is None:
            return BadRequest(NOT_HERE, code="unknown_sid")
        return BadRequest("This session has a WebSocket.") if guest.has_websocket else None

    def _guest(self, scope: Scope, sid: str) -> Guest | None:
        return self._server.guests.get(sid or scope.get(SID, ""))

    # --- polling

    async def _request(
        self, scope: Scope, receive: Receive, send: Send, query: Query, sid: str
    ) -> None:
        refused = self._no_request(scope, query, sid)
        body = b""
        if refused is None and scope["method"] == "POST":
            read = await _body(receive, self._server.eio.max_http_buffer_size)
            if read is None:
                refused = 413, "too_large", "This request is too large."
            elif not self._take_in(read, sid):
                refused = 400, "malformed", "These are no engine.io packets."
            body = read or b""
        if refused is not None:
            await _problem(*refused)(scope, receive, send)
            return

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        guest = self._server.guests.get(sid) if scope["method"] == "GET" else None
        if guest is None:
            await self._server.handle_request(_with_length(scope, len(body)), replay, send)
            return
        if guest.polling:  # two at a time would share out the packets between them
            guest.socket.close(frames.CLOSE_BAD_FRAME)
            await _problem(400, "invalid", "One poll at a time.")(scope, receive, send)
            return
        guest.polling = True
        try:
            await self._server.handle_request(scope, receive, send)
        finally:
            guest.polling = False

    def _no_request(self, scope: Scope, query: Query, sid: str) -> tuple[int, str, str] | None:
        if query.get("transport") != ["polling"]:
            return 400, "invalid", "Over HTTP there is the transport polling only."
        if not self._node.settings.socketio_polling:
            return 400, "polling_not_offered", NO_POLLING
        if sid and sid not in self._server.guests:
            return 400, "unknown_sid", NOT_HERE
        if "j" in query:
            return 400, "invalid", "JSONP is not offered."
        refused = refusal(self._node, scope, address_of(scope), new=not sid)
        return (refused.http_status, refused.code, refused.message) if refused else None

    def _take_in(self, body: bytes, sid: str) -> bool:
        """Look at the packets of a request before the library does."""
        guest = self._server.guests.get(sid)
        if guest is None:
            return True  # the library says what is wrong
        found = packets.polled(body)
        if found is None:
            guest.socket.close(frames.CLOSE_BAD_FRAME)
            return False
        for _ in range(found.count(packets.PONG)):
            guest.beat()
        return True


def _checked(message: Message, guest: Guest | None) -> Message:
    """What came; in place of what is no packet, one that means nothing, and the end."""
    text = message.get("text")
    if guest is None or text is None:
        return message
    if not packets.proper(text):
        guest.socket.close(frames.CLOSE_BAD_FRAME)
        return {"type": "websocket.receive", "text": packets.NOOP}
    if text == packets.PONG:
        guest.beat()
    return message


async def _body(receive: Receive, bytes_max: int) -> bytes | None:
    """A request's body, or None if it is too large to be read."""
    parts: list[bytes] = []
    size = 0
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bytes_max:
            return None
        if not message.get("more_body"):
            break
    return b"".join(parts)


def _with_length(scope: Scope, length: int) -> Scope:
    """The library reads as much as the header says; now it says the truth."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def _problem(status: int, code: str, detail: str) -> Response:
    body = {
        "type": f"/docs/errors#{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")


def routes(node: "Realtime") -> list[BaseRoute]:
    """The door; without the slash at its end too."""
    return [Mount("/socket.io", SocketIoDoor(node))]
