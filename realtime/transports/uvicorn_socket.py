"""uvicorn's WebSocket protocol with a way past ASGI: frames in and out without a queue or a task.

Why: `await send()` waits for a peer that does not read, and costs twice the CPU of writing a
frame to the transport (docs/why/frames-past-asgi.md). Name it in uvicorn's `ws` setting;
transports/websocket.py finds it in the scope, and works without it on any other server.
The library makes the handshake; after it bytes are read by transports/incoming.py, for every
socket of the server, so that no peer can keep more or cost more than it may.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from realtime import frames
from realtime.session import Bucket
from realtime.transports.handshake import offered, switching
from realtime.transports.incoming import NO_CODE, Closed, Incoming, Message, Ping, Pong, Violation
from realtime.transports.outgoing import Outgoing

LOGGER: Final = logging.getLogger("uvicorn.error")
EXTENSION: Final = "kindred.peer"
CLOSE_SECONDS: Final = 2.0
STUCK_SECONDS: Final = 30.0
NOTSENT_BYTES: Final = 32_768
EARLY_BYTES_MAX: Final = 65_536
AFTER_BYTES_MAX: Final = 4_194_304
# Pings, pongs and fragments: free for whoever means well, the end for a flood of them.
CONTROLS_PER_SECOND: Final = 20.0
CONTROLS_BURST: Final = 200
VERSION: Final = "13"


class Listener(Protocol):
    """Who is told of what comes: realtime/socket.py."""

    def received(self, data: bytes) -> None: ...
    def received_binary(self, data: bytes) -> None: ...
    def stuck(self) -> None: ...
    def writable(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...


class SocketProtocol(WebSocketsSansIOProtocol):
    """A `Peer` (realtime/socket.py) once `attach`ed; an ordinary uvicorn socket until then."""

    def __init__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        """As uvicorn's own, but that the library's connection is made only where it is needed.

        With it each socket would be a sixteenth dearer and keep 4 KiB more.
        """
        self.config, self.app, self.app_state = config, config.loaded_app, app_state
        self.loop = _loop or asyncio.get_running_loop()
        self.logger = LOGGER
        self.root_path, self.asgi_version = config.root_path, config.asgi_version
        self.connections, self.tasks = server_state.connections, server_state.tasks
        self.default_headers = server_state.default_headers
        self._queue: asyncio.Queue[Any] | None = None
        self._writable: asyncio.Event | None = None
        self.handshake_initiated = self.handshake_complete = False
        self.close_sent = self.disconnected = self.read_paused = False
        self.close_timer = self.ping_timer = self.pong_timer = self.initial_response = None
        self.ping_interval, self.ping_timeout = config.ws_ping_interval, config.ws_ping_timeout
        self.pending_ping_payload, self.ping_sent_at, self.last_ping_rtt = None, 0.0, 0.0
        self.close_timeout = CLOSE_SECONDS
        self.frames, self.curr_msg_data_type = [], "bytes"
        self._library: ServerProtocol | None = None
        self.paused = False
        self._listener: Listener | None = None
        self._accept = b""  # the answer to a handshake we read ourselves
        self._text = True
        self.outgoing: Outgoing | None = None
        self._incoming = Incoming(self.config.ws_max_size)
        self._controls: Bucket | None = None
        self._stuck_timer: Any = None
        self._after_bytes = 0  # what came after our goodbye

    @property
    def queue(self) -> "asyncio.Queue[Any]":  # type: ignore[override]
        """ASGI's way in; made when it is needed: an empty one is 3 KiB."""
        if self._queue is None:
            self._queue = asyncio.Queue()
        return self._queue

    @property
    def writable(self) -> asyncio.Event:  # type: ignore[override]
        """Whether ASGI's way out is free."""
        if self._writable is None:
            self._writable = asyncio.Event()
            self._writable.set()
        return self._writable

    @property
    def conn(self) -> ServerProtocol:  # type: ignore[override]
        """The library's connection: for handshakes we did not read, goodbyes, pongs and ASGI."""
        if self._library is None:
            self._library = ServerProtocol(max_size=self.config.ws_max_size, logger=LOGGER)
            if self._accept and self.handshake_complete:
                self._library.state = State.OPEN
        return self._library

    # --- the handshake

    def open(self, accept: bytes, scope: dict[str, Any], url: bytes) -> None:
        """Begin at a handshake that transports/handshake.py found in order, read once already."""
        self.handshake_initiated, self._accept = True, accept
        raw_path, _, query_string = url.partition(b"?")
        path = raw_path.decode("ascii")
        scope = {
            **scope,
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "path": self.root_path + (unquote(path) if "%" in path else path),
            "raw_path": self.root_path.encode("ascii") + raw_path,
            "query_string": query_string,
            "subprotocols": offered(scope["headers"]),
            "extensions": {"websocket.http.response": {}, EXTENSION: self},
        }
        del scope["method"]
        self.scope: Any = scope
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def _say_yes(self, message: Any) -> None:
        """Our own answer to a handshake we read ourselves."""
        if self.disconnected:
            raise ClientDisconnected
        self.handshake_complete = True
        headers = [*self.default_headers, *message.get("headers", [])]
        chosen = message.get("subprotocol") or ""
        if not self.transport.is_closing():
            self.transport.write(switching(self._accept, headers, chosen))

    def handle_connect(self, event: Any) -> None:
        """The application finds us in its scope; another version is told which one we speak."""
        if VERSION not in event.headers.get_all("Sec-WebSocket-Version"):
            refusal = self.conn.reject(426, f"This server speaks WebSocket version {VERSION}.\n")
            refusal.headers["Sec-WebSocket-Version"] = VERSION
            refusal.headers["Upgrade"] = "websocket"
            self._refuse(refusal)
            return
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self

    def _refuse(self, response: Response | None) -> None:
        """No socket: say why, once; without a response the library has said it, or nobody can."""
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        if response is not None:
            self.conn.send_response(response)
        said = b"".join(self.conn.data_to_send())
        self.transport.write(said or b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        self._hang_up()

    def attach(
        self,
        listener: Listener,
        *,
        text: bool,
        transport_bytes: int,
        frame_bytes: int | None = None,
    ) -> None:
        """From now on frames go to `listener`; `text` says which kind the connection speaks.

        What has more than `frame_bytes` is refused by its head; without, the server's limit holds.
        """
        self._listener, self._text = listener, text
        self.outgoing = Outgoing(self.transport, text=text)
        if frame_bytes is not None:
            self._incoming.bytes_max = frame_bytes
        self.hold_little(transport_bytes)
        self._go_on_reading()

    def hold_little(self, transport_bytes: int) -> None:
        """What lies unsent here and in the kernel is out of our sight: keep it small."""
        self.transport.set_write_buffer_limits(high=transport_bytes, low=transport_bytes // 4)
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, AttributeError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)

    def cut(self) -> None:
        """End the connection at once, whatever is still to be sent."""
        if self.outgoing is not None:
            self.outgoing.shut()
        self.transport.abort()

    def detach(self) -> None:
        """Nobody listens any more."""
        self._listener = None

    # --- out

    def write(self, payloads: Sequence[bytes]) -> None:
        """Frames to the kernel in one write."""
        if not self.close_sent and self.outgoing is not None:
            self.outgoing.frames(payloads)

    def write_binary(self, payload: bytes) -> None:
        """A binary frame on a connection of text: sound."""
        if not self.close_sent and self.outgoing is not None:
            self.outgoing.binary(payload)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and do not wait long for the answer: a stuck peer never gives one."""
        if self.conn.state is State.OPEN and not self.close_sent:
            with contextlib.suppress(InvalidState):
                self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            if self.outgoing is not None:
                self.outgoing.shut()
            self._abort_soon()
            self._go_on_reading()

    def _hang_up(self) -> None:
        """Close once everything is written, or soon."""
        self.transport.close()
        self._abort_soon()

    def _abort_soon(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    async def send(self, message: Any) -> None:
        """ASGI's way out; a peer that takes nothing cannot hold up the end here either."""
        opens = message["type"] == "websocket.accept"
        if opens and self._accept and not self.handshake_complete:
            self._say_yes(message)
        else:
            await super().send(message)
        if opens:
            self._go_on_reading()
        elif self.close_sent:
            self._abort_soon()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.paused = True
        if self._listener is not None:
            self._listener.stuck()
        elif self._stuck_timer is None:
            self._stuck_timer = self.loop.call_later(STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.paused = False
        self._not_stuck()
        if self._listener is not None:
            self._listener.writable()

    def shutdown(self) -> None:
        """The server ends; its goodbye is the last frame."""
        if self.outgoing is not None:
            self.outgoing.shut()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._not_stuck()
        if self.outgoing is not None:
            self.outgoing.shut()
        super().connection_lost(exc)

    def _not_stuck(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None

    # --- in

    def data_received(self, data: bytes) -> None:
        """The handshake to the library, what follows it frame by frame."""
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated:  # it could not read this, and would wait for ever
                self._refuse(None)
        elif self.close_sent:
            self._after_goodbye(data)
        else:
            self._incoming.feed(data)
            self._take()
            if not self.handshake_complete and self._incoming.waiting_bytes > EARLY_BYTES_MAX:
                self._stop_reading()

    async def receive(self) -> Any:
        """ASGI's way in: one message at a time, and no more are taken while one waits."""
        message = await super().receive()
        if self.handshake_complete and not self.read_paused:
            self._take()
        return message

    def _stop_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _go_on_reading(self) -> None:
        """Also what came already, once whoever asked is ready for it."""
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()
        if self._incoming.waiting_bytes:
            self.loop.call_soon(self._take)

    def _take(self) -> None:
        """Every whole frame that waits, until somebody says stop."""
        try:
            while self.handshake_complete and not self.close_sent:
                if self.read_paused and self._listener is None:
                    return
                came = self._incoming.next()
                if came is None:
                    return
                self._took(came)
        except Violation as broken:
            self._fail(broken.code, broken.reason)
        if self.close_sent:
            self._after_goodbye(b"")

    def _took(self, came: Any) -> None:
        match came:
            case Message():
                self._message(came)
                return
            case Closed():
                self._peer_closes(came)
                return
            case Ping() if not self.paused:  # else the latest ping is answered by what follows
                with contextlib.suppress(InvalidState):
                    self.conn.send_pong(came.data)
                self.transport.write(b"".join(self.conn.data_to_send()))
                if self.outgoing is not None:
                    self.outgoing.doubt()
            case Pong():
                self.handle_pong(came)  # type: ignore[arg-type]  # it looks at `data` alone
        if self._controls is None:
            self._controls = Bucket(CONTROLS_PER_SECOND, CONTROLS_BURST, self.loop.time())
        self._controls.take(self.loop.time())
        if self._controls.flooding():
            self._fail(frames.CLOSE_FLOODING, "")

    def _message(self, message: Message) -> None:
        listener = self._listener
        if listener is None:
            self.frames = [message.data]
            self.curr_msg_data_type = "text" if message.text else "bytes"
            self.send_receive_event_to_app()
        elif message.text is self._text:
            listener.received(message.data)
        elif self._text:
            listener.received_binary(message.data)
        else:
            listener.close(1003, "this connection speaks binary frames")

    def _peer_closes(self, goodbye: Closed) -> None:
        """Answer with the same code, and hang up: the server's part (RFC 6455, 7.1.1)."""
        self._tell_app(goodbye.code, goodbye.reason)
        with contextlib.suppress(InvalidState):
            self.conn.send_close(None if goodbye.code == NO_CODE else goodbye.code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.outgoing is not None:
            self.outgoing.shut()
        self._hang_up()

    def _fail(self, code: int, reason: str) -> None:
        """The peer broke a rule."""
        if self._listener is not None:
            self._listener.close(code, reason)
        else:
            self._tell_app(code, reason)
            self.close(code, reason or frames.CLOSE_REASONS.get(code, ""))

    def _tell_app(self, code: int, reason: str) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    def _after_goodbye(self, data: bytes) -> None:
        """Read on without keeping anything, so that our goodbye is not lost with the rest."""
        self._after_bytes += len(data)
        if self._after_bytes > AFTER_BYTES_MAX:
            self.transport.abort()
        elif self._incoming.closed(data) and not self.transport.is_closing():
            self._hang_up()
