"""The Socket.IO library's server with Kindred behind it: each packet goes to its `Guest`.

The library does handshakes, transports, upgrades and packets. What it leaves open is closed
here: packets it would fail on, binary it would pile up, callbacks' ids it does not hand on.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import engineio
import socketio
import structlog
from engineio.async_socket import AsyncSocket
from socketio.packet import BINARY_ACK, BINARY_EVENT, CONNECT_ERROR

from realtime import frames
from realtime.doorstep import counted_as
from realtime.transports import socketio_packets as packets
from realtime.transports.socketio_guest import Guest, Outlet

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
PING_TIMEOUT_SHARE: Final = 0.8  # of the heartbeat, as engine.io's own defaults have it
PAYLOADS: Final = 4  # frames' worth in one request; ours answers politely above one frame
_UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_NAMESPACE: Final = "/"
SID: Final = "kindred.sid"


class LibraryLog:
    """Where the library writes: a peer's faults nowhere, its own to our log."""

    def info(self, *_: object) -> None:
        """What it logs here has people's words in it."""

    warning = error = info

    def exception(self, message: str, *_: object) -> None:
        """Something failed inside of it."""
        logger.exception("the Socket.IO library failed", what=message)


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """engine.io with counted outlets and tasks that the node owns."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None], **options: Any) -> None:
        super().__init__(**options)
        self._spawn = spawn

    def create_queue(self, *_: Any, **__: Any) -> Outlet:
        """What a session's writer takes from."""
        return Outlet()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, None]], *args: Any, **kwargs: Any
    ) -> None:
        """The library's tasks (a waiting ping per session) end with the node at the latest."""
        self._spawn(target(*args, **kwargs))


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """One per node."""

    def __init__(self, node: "Realtime", is_known: Callable[[str, str], bool]) -> None:
        """`is_known(origin, host)`: whether a browser's page may speak to us."""
        self.node = node
        self.guests: dict[str, Guest] = {}
        super().__init__(**options(node.settings.heartbeat_ms / 1000, node.settings.frame_bytes))
        self.eio.transports = [
            "websocket",
            *(["polling"] if node.settings.socketio_polling else []),
        ]
        self.eio.cors_allowed_origins = lambda origin, environ: is_known(
            origin or "", environ.get("HTTP_HOST", "")
        )
        self.on("connect", self._sign_in)

    def _engineio_server_class(self) -> Callable[..., Engine]:
        return partial(Engine, self.node.spawn)

    # --- engine.io's side

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        line: AsyncSocket = self.eio.sockets[eio_sid]
        scope = environ["asgi.scope"]
        guest = self.guests[eio_sid] = Guest(self.node, line)
        self.node.sockets.add(guest.socket)
        self.node.addresses.came(address_of(scope))
        self.node.strangers.came(guest.socket, address_of(scope))
        scope[SID] = eio_sid  # so that the door knows whose WebSocket this is
        guest.socket.opened()

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        environ = self.environ.get(eio_sid)
        guest = self.guests.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)
        if guest is not None and environ is not None:
            guest.lost()
            self.node.addresses.left(address_of(environ["asgi.scope"]))
        self.eio.sockets.pop(eio_sid, None)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        """A message: text is a packet of Socket.IO, bytes belong to one that announced them."""
        guest = self.guests.get(eio_sid)
        if guest is None:
            return
        if len(data) > self.node.settings.frame_bytes:
            guest.socket.close(frames.CLOSE_TOO_LARGE)
        elif isinstance(data, bytes):
            if guest.attachments:
                guest.attachments -= 1
            else:
                guest.binary(None, 0)
        else:
            await self._read(guest, eio_sid, data)

    async def _read(self, guest: Guest, eio_sid: str, data: str) -> None:
        try:
            packet = self.packet_class(encoded_packet=data)
            if packet.packet_type in (BINARY_EVENT, BINARY_ACK):
                if not 0 < packet.attachment_count <= packets.ATTACHMENTS_MAX:
                    guest.socket.close(frames.CLOSE_BAD_FRAME)
                    return
                guest.binary(packet.id, packet.attachment_count)
                return
            await super()._handle_eio_message(eio_sid, data)
        except _UNREADABLE:
            logger.info("a Socket.IO packet could not be read")
            guest.socket.close(frames.CLOSE_BAD_FRAME)

    # --- Socket.IO's side

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        guest = self.guests[eio_sid]
        if (namespace or _NAMESPACE) != _NAMESPACE:
            unknown = {"message": "Invalid namespace"}  # as the official server has it
            await self._send_packet(
                eio_sid, self.packet_class(CONNECT_ERROR, data=unknown, namespace=namespace)
            )
            return
        if guest.entered:
            guest.socket.close(frames.CLOSE_BAD_FRAME)
            return
        await super()._handle_connect(eio_sid, namespace, data)
        guest.enter()

    async def _sign_in(self, sid: str, environ: Any, auth: Any = None) -> None:  # noqa: ARG002
        guest = self.guests.get(self.manager.eio_sid_from_sid(sid, _NAMESPACE))
        if guest is not None:
            await guest.sign_in(auth)

    async def _handle_disconnect(
        self, eio_sid: str, namespace: str | None, reason: str | None = None
    ) -> None:
        """Leaving the one namespace there is, is leaving."""
        await super()._handle_disconnect(eio_sid, namespace, reason)
        guest = self.guests.get(eio_sid)
        if guest is not None and reason == self.reason.CLIENT_DISCONNECT:
            guest.socket.close(frames.CLOSE_BYE)

    async def _handle_event(
        self,
        eio_sid: str,
        namespace: str | None,
        id: int | None,
        data: Any,
    ) -> None:
        guest = self.guests[eio_sid]
        inside = guest.entered and (namespace or _NAMESPACE) == _NAMESPACE
        if not inside or not packets.is_event(data):
            guest.socket.close(frames.CLOSE_BAD_FRAME)
            return
        guest.asked(data, id)

    async def _handle_ack(self, eio_sid: str, namespace: Any, id: Any, data: Any) -> None:  # noqa: ARG002
        """Nothing we send asks for one."""
        self.guests[eio_sid].socket.close(frames.CLOSE_BAD_FRAME)


def options(heartbeat_seconds: float, frame_bytes: int) -> dict[str, Any]:
    """How the library is set up; the protocol suites run against the same (tests/js)."""
    return {
        "async_mode": "asgi",
        "ping_interval": heartbeat_seconds,
        "ping_timeout": heartbeat_seconds * PING_TIMEOUT_SHARE,
        "max_http_buffer_size": frame_bytes * PAYLOADS,
        "http_compression": False,  # small frames; and secrets are not compressed beside words
        "monitor_clients": False,  # realtime/session.py watches the time
        "async_handlers": False,  # commands in their order
        "cors_credentials": False,  # tokens, never cookies
        "logger": LibraryLog(),
        "engineio_logger": LibraryLog(),
    }


def address_of(scope: Any) -> str:
    """Who is at the other end, as the server sees it."""
    client = scope.get("client")
    return counted_as(str(client[0])) if client else "unknown"
