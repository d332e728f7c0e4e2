"""A WebSocket that is opened and ended by calls: no ASGI scope, queue or task of its own.

Those are a tenth of what a person costs who comes back, and memory of every idle socket. An
application that has a `door` for a path gets its plain handshakes this way (transports/doorway.py);
what the door does not let in, and every handshake that is not plainly right, goes through ASGI
(docs/why/back-together.md).
"""

from asyncio import Transport
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from realtime.transports.handshake import Headers, switching
from realtime.transports.uvicorn_socket import SocketProtocol


class Door(Protocol):
    """realtime/transports/websocket.py has one."""

    def admits(self, headers: Headers, address: str) -> bool:
        """Whether nothing speaks against this socket. Nothing is done yet."""

    def meet(self, peer: "StraightProtocol", offered: Sequence[str], address: str) -> None:
        """`welcome` it, attach to it, and say in `ended` whom to tell of its end."""


class StraightProtocol(SocketProtocol):
    """See realtime/transports/uvicorn_socket.py; whoever listens is told of the end by `ended`."""

    ended: Callable[[], None] | None = None

    def begin(self, transport: Transport, accept: bytes) -> None:
        """Take over a connection whose handshake was read and found in order."""
        self.transport, self._accept = transport, accept
        self.connections.add(self)
        self.handshake_initiated = self.handshake_complete = True

    def welcome(self, subprotocol: str) -> None:
        """Answer the handshake."""
        self.transport.write(switching(self._accept, self.default_headers, subprotocol))

    def _tell_app(self, code: int, reason: str) -> None:  # noqa: ARG002 - ASGI is told them
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._not_stuck()
        if self.outgoing is not None:
            self.outgoing.shut()
        self.connections.discard(self)
        self.disconnected = True
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None
        if exc is None:
            self.transport.close()
        self._end()

    def _end(self) -> None:
        ended, self.ended = self.ended, None
        if ended is not None:
            self.detach()
            ended()


def door_at(app: Any, url: bytes) -> Door | None:
    """The application's own door at this address; one behind other layers has none to show."""
    doors = getattr(app, "door", None)
    found: Door | None = doors(url.partition(b"?")[0].decode("latin-1")) if doors else None
    return found
