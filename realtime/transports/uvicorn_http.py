"""uvicorn's HTTP protocol, which does not wait for ever on a peer that takes or gives nothing.

`await send()` of a streamed answer waits for the transport, and the transport waits for a peer
who may have stopped reading: without an end to that, each such stream keeps its task, its
buffers and its socket. A head that comes a byte at a time keeps as much, and so does a body.
Name it in uvicorn's `http` setting.
"""

import asyncio
import contextlib
import socket
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from realtime.transports.handshake import accept_of
from realtime.transports.uvicorn_socket import SocketProtocol

NOTSENT_BYTES: Final = 65_536
HEAD_BYTES_MAX: Final = 65_536
BODY_BYTES: Final = 1_024
TOO_LARGE: Final = b"\r\n".join(
    (b"HTTP/1.1 431 Request Header Fields Too Large", b"Connection: close", b"", b"")
)


class HttpProtocol(HttpToolsProtocol):
    """Hangs up on whoever takes less than a bufferful in `stuck_seconds`, or gives too slowly.

    A request's head has `head_seconds` from the connection, or from its first byte, to be whole,
    and HEAD_BYTES_MAX; its body must bring BODY_BYTES in each `body_seconds`.
    """

    stuck_seconds = 30.0
    head_seconds = 10.0
    body_seconds = 20.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None
        self._in_head = self._held_little = False
        self._came_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def _hold_little(self) -> None:
        """What the kernel holds unsent is out of our sight: keep it small."""
        self._held_little = True
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, AttributeError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)

    # --- in

    def data_received(self, data: bytes) -> None:
        self._came_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._came_bytes > HEAD_BYTES_MAX:
            self.transport.write(TOO_LARGE)
            self.transport.close()
            self._not_slow()
        elif self._slow_timer is None and self.cycle is not None and self.cycle.response_complete:
            self._expect_head()  # empty lines between requests begin none, and are no life either

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._not_slow()
        if not self.parser.should_upgrade():
            if not self._held_little:
                self._hold_little()
            self._expect_body()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to our sockets with the head as it was read, where it is in order."""
        kind = self.ws_protocol_class
        scope, url = self.scope, self.url
        plain = scope["method"] == "GET" and scope["http_version"] == "1.1" and url.isascii()
        accept = accept_of(self.headers) if plain and kind is SocketProtocol else None
        if accept is None:
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        protocol = SocketProtocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        protocol.open(accept, {**scope}, url)
        self.transport.set_protocol(protocol)

    def on_message_complete(self) -> None:
        self._not_slow()
        super().on_message_complete()

    def _expect_head(self) -> None:
        self._in_head, self._came_bytes = True, 0
        self._slow_timer = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _expect_body(self) -> None:
        self._came_bytes = 0
        self._slow_timer = self.loop.call_later(self.body_seconds, self._look_at_body)

    def _look_at_body(self) -> None:
        reading = self.flow is None or not self.flow.read_paused  # else it is we who are slow
        if reading and self._came_bytes < BODY_BYTES:
            self.transport.abort()
        else:
            self._expect_body()

    def _not_slow(self) -> None:
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None

    # --- out

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck_timer is None:
            self._stuck_timer = self.loop.call_later(self.stuck_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._not_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        self._not_stuck()
        self._not_slow()
        super().connection_lost(exc)

    def _not_stuck(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
