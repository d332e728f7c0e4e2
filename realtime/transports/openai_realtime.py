"""`/v1/realtime`: the door of OpenAI's Realtime protocol. It lets in who may, and moves bytes.

Whoever may not is told at the handshake, with a status and OpenAI's error object. A browser,
which can set no header, gives its key as subprotocol `openai-insecure-api-key.<key>`.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from realtime import frames
from realtime.codec import Format
from realtime.doorstep import counted_as
from realtime.openai_errors import error_object
from realtime.openai_shapes import no_voice
from realtime.openai_socket import Companions, OpenAISocket
from realtime.seat import Seat
from realtime.sending import Peer
from realtime.transports.uvicorn_socket import EXTENSION, SocketProtocol
from realtime.transports.websocket import SocketDoor, refusal
from rooms.errors import (
    BadRequest,
    Forbidden,
    ProductError,
    Unauthorized,
    Unavailable,
)
from rooms.ports import Principal
from storage.bus.ports import BusDown
from storage.database import DATABASE_AWAY

if TYPE_CHECKING:
    from realtime.service import Realtime

PROTOCOL: Final = "realtime"
KEY_PROTOCOL: Final = "openai-insecure-api-key."
SCOPES: Final = frozenset({"chat", "*"})


def routes(node: "Realtime", companions: Companions) -> list[BaseRoute]:
    """The socket's route; a plain GET is told what belongs here."""
    return [
        WebSocketRoute("/v1/realtime", Entrance(node, companions)),
        Route("/v1/realtime", _not_a_socket),
    ]


class Entrance:
    """The ASGI app behind the route; each handshake gets a door of its own."""

    def __init__(self, node: "Realtime", companions: Companions) -> None:
        self._node = node
        self._companions = companions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await OpenAIDoor(self._node, self._companions)(scope, receive, send)


class OpenAIDoor(SocketDoor):
    """One handshake, and then one socket."""

    def __init__(self, node: "Realtime", companions: Companions) -> None:
        super().__init__(node)
        self._companions = companions
        self._socket: OpenAISocket | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = counted_as(scope["client"][0]) if scope.get("client") else "unknown"
        await receive()  # websocket.connect
        refused = refusal(self._node, scope, address)
        if refused is not None:
            await _deny(scope, send, refused)
            return
        with self._node.counted(address):
            try:
                await self._let_in(scope, receive, send, address)
            finally:
                if self._socket is not None:
                    self._socket.lost()

    async def _let_in(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        try:
            await self._admit(scope)
        except ProductError as error:
            await _deny(scope, send, error)
            return
        offered = scope.get("subprotocols") or []
        chosen = PROTOCOL if PROTOCOL in offered else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        fast = scope.get("extensions", {}).get(EXTENSION)
        if isinstance(fast, SocketProtocol):
            await self._past_asgi(fast, "json", receive, address)
        else:
            await self._through_asgi("json", receive, send, address)

    def _seat(self, peer: Peer, form: Format, address: str) -> Seat:  # noqa: ARG002 - signed in, JSON
        assert self._socket is not None, "admitted"
        self._socket.seated(peer)
        return self._socket

    async def _admit(self, scope: Scope) -> None:
        """A place for whoever may have one. Raises ProductError."""
        try:
            async with asyncio.timeout(self._node.settings.auth_seconds):
                who = await self._node.authenticate(key_of(scope))
                _check_scopes(who)
                model = model_of(scope)
                await self._companions.card(model, who)
                self._socket = await self._made(who, model)
                await self._socket.enter()
        except (BusDown, *DATABASE_AWAY) as error:
            raise Unavailable("Our stores do not answer. Please try again.") from error

    async def _made(self, who: Principal, model: str) -> OpenAISocket:
        """With ears and a voice where this house has them."""
        voice = self._companions.voice
        if voice is None:
            return OpenAISocket(self._node, self._companions, who, model)
        # Sound is not for a gateway that carries none: it is loaded with the first of these.
        from realtime.openai_voice_socket import VoiceSocket

        refusal = await voice.refusal(who)
        return VoiceSocket(self._node, self._companions, who, model, voice, refusal)


def key_of(scope: Scope) -> str:
    """The API key or access token. Raises Unauthorized."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = bytes(value).decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                return token.strip()
    protocols: list[str] = scope.get("subprotocols") or []
    for offered in protocols:
        if offered.startswith(KEY_PROTOCOL) and len(offered) > len(KEY_PROTOCOL):
            return offered[len(KEY_PROTOCOL) :]
    raise Unauthorized("Give an API key as bearer token.", code="not_signed_in")


def model_of(scope: Scope) -> str:
    """The companion's name. Raises BadRequest, or what refuses another kind of session."""
    query: dict[str, list[str]] = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    if "call_id" in query or query.get("intent", ["conversation"]) != ["conversation"]:
        raise no_voice("call_id" if "call_id" in query else "intent")
    model = query.get("model", [""])[-1]
    if not 1 <= len(model) <= 80:
        raise BadRequest("Name a companion: ?model=...", code="missing_model", path="model")
    return model


def _check_scopes(who: Principal) -> None:
    if not SCOPES & who.scopes:
        raise Forbidden(
            "This API key lacks the scope 'chat'.",
            code="missing_scope",
            details={"needed_scope": "chat"},
        )


async def _deny(scope: Scope, send: Send, error: ProductError) -> None:
    """Refuse the handshake with a status and a reason, where the server can say them."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        closing = {"code": frames.CLOSE_FORBIDDEN, "reason": error.message[:120]}
        await send({"type": "websocket.close", **closing})
        return
    body = msgspec.json.encode({"error": error_object(error)})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if error.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    start = {"status": error.http_status, "headers": headers}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": body})


async def _not_a_socket(request: Any) -> Response:  # noqa: ARG001 - Starlette's shape
    told = {
        "message": "Open a WebSocket here: OpenAI's Realtime protocol, for text.",
        "type": "invalid_request_error",
        "code": "upgrade_required",
        "param": None,
    }
    return Response(
        msgspec.json.encode({"error": told}),
        426,
        {"upgrade": "websocket"},
        media_type="application/json",
    )
