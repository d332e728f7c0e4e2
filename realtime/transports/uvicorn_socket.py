"""uvicorn's WebSocket protocol with a way past ASGI: frames in and out without a queue or a task.

Why: `await send()` waits for a peer that does not read, and costs twice the CPU of writing a
frame to the transport (docs/why/frames-past-asgi.md). Name it in uvicorn's `ws` setting;
transports/websocket.py finds it in the scope, and works without it on any other server.
"""

import contextlib
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.protocol import State

from realtime.transports.outgoing import Outgoing

EXTENSION: Final = "kindred.peer"
CLOSE_SECONDS: Final = 2.0
NOTSENT_BYTES: Final = 32_768


class Listener(Protocol):
    """Who is told of what comes: realtime/socket.py."""

    def received(self, data: bytes) -> None: ...
    def received_binary(self) -> None: ...
    def stuck(self) -> None: ...
    def writable(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...


class SocketProtocol(WebSocketsSansIOProtocol):
    """A `Peer` (realtime/socket.py) once `attach`ed; an ordinary uvicorn socket until then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.paused = False
        self._listener: Listener | None = None
        self._text = True
        self.outgoing: Outgoing | None = None

    def handle_connect(self, event: Any) -> None:
        """The application finds us in its scope."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self

    def attach(self, listener: Listener, *, text: bool, transport_bytes: int) -> None:
        """From now on frames go to `listener`; `text` says which kind the connection speaks."""
        self._listener, self._text = listener, text
        self.outgoing = Outgoing(self.transport, text=text)
        self.hold_little(transport_bytes)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def hold_little(self, transport_bytes: int) -> None:
        """What lies unsent here and in the kernel is out of our sight: keep it small."""
        self.transport.set_write_buffer_limits(high=transport_bytes, low=transport_bytes // 4)
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, AttributeError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)

    def cut(self) -> None:
        """End the connection at once, whatever is still to be sent."""
        self.transport.abort()

    def detach(self) -> None:
        """Nobody listens any more."""
        self._listener = None

    # --- out

    def write(self, payloads: Sequence[bytes]) -> None:
        """Frames to the kernel in one write."""
        if not self.close_sent and self.outgoing is not None:
            self.outgoing.frames(payloads)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and do not wait long for the answer: a stuck peer never gives one."""
        if self.conn.state is State.OPEN and not self.close_sent:
            with contextlib.suppress(InvalidState):
                self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            if self.outgoing is not None:
                self.outgoing.shut()
            self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.paused = True
        if self._listener is not None:
            self._listener.stuck()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.paused = False
        if self._listener is not None:
            self._listener.writable()

    # --- in

    def send_receive_event_to_app(self) -> None:
        """A whole message: to the listener at once, or to ASGI's queue while there is none."""
        listener = self._listener
        if listener is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            self._text_message(listener, bytes(data))
        elif self._text:
            listener.received_binary()
        else:
            listener.received(bytes(data))

    def _text_message(self, listener: Listener, data: bytes) -> None:
        if not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError:
                listener.close(1007)
                return
        if self._text:
            listener.received(data)
        else:
            listener.close(1003, "this connection speaks binary frames")
