"""What a new connection meets: a plain handshake goes straight to its door, all else to HTTP.

Of ten thousand connections that come back together all are plain handshakes, whole in their first
bytes, and the machinery of requests would be made for each to be used once. Name it in uvicorn's
`http` setting.
"""

import asyncio
from typing import Any, Final, cast

from realtime.transports.handshake import accept_of, offered, request_of
from realtime.transports.straight import StraightProtocol, door_at
from realtime.transports.uvicorn_http import HttpProtocol

NOBODY: Final = "unknown"


class Doorway(asyncio.Protocol):
    """Stands there until the first bytes have come, `HttpProtocol.head_seconds` at most."""

    __slots__ = ("_app_state", "_config", "_loop", "_server_state", "_timer", "_transport")

    def __init__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        """As uvicorn makes its protocols."""
        self._config, self._server_state, self._app_state = config, server_state, app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody came."""
        self._transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(self)
        self._timer = self._loop.call_later(HttpProtocol.head_seconds, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Show them where to go."""
        self._leave()
        if not self._straight(data):
            http = HttpProtocol(self._config, self._server_state, self._app_state, self._loop)
            http.connection_made(self._transport)
            self._transport.set_protocol(http)
            http.data_received(data)

    def _straight(self, data: bytes) -> bool:
        """Past requests and ASGI, where the application has a door there that lets them in."""
        found = request_of(data)
        if found is None:
            return False
        target, headers = found
        door = door_at(self._config.loaded_app, target) if not self._config.root_path else None
        accept = accept_of(headers) if door is not None else None
        if door is None or accept is None:
            return False
        client = self._transport.get_extra_info("peername")  # a tuple where there are addresses
        address = str(client[0]) if isinstance(client, tuple) and client else NOBODY
        if not door.admits(headers, address):
            return False
        peer = StraightProtocol(self._config, self._server_state, self._app_state, self._loop)
        peer.begin(self._transport, accept)
        self._transport.set_protocol(peer)
        door.meet(peer, offered(headers), address)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        """They left without a word."""
        self._leave()

    def shutdown(self) -> None:
        """The server ends."""
        self._transport.close()

    def _leave(self) -> None:
        self._server_state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
