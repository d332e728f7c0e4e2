"""One WebSocket, as light as we can have it: `websockets`' own protocol without its tasks.

A frame is handed on in the same call that read it from the socket, so that nothing is timed late.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from loadtest.targets import Target

ABNORMAL: Final = 1006
CLOSE_SECONDS: Final = 2.0


class Trouble(Exception):
    """Something a person runs into; `code` is what it is counted by."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class Wire(asyncio.Protocol):
    """A connection. `on_text` gets each text frame, `on_lost` the close code, once."""

    def __init__(
        self,
        url: str,
        on_text: Callable[[bytes], None],
        on_lost: Callable[[int], None],
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
    ) -> None:
        self._ws = ClientProtocol(
            parse_uri(url),
            subprotocols=[Subprotocol(one) for one in subprotocols] or None,
            max_size=None,
        )
        self._headers = dict(headers or {})
        self._on_text, self._on_lost = on_text, on_lost
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        self.bytes_in = self.bytes_out = 0

    async def open(self, target: Target, source: str | None, seconds: float) -> None:
        """Connect and shake hands. Raises Trouble."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await loop.create_connection(
                    lambda: self,
                    target.address,
                    target.port,
                    local_addr=(source, 0) if source is not None else None,
                    ssl=ssl.create_default_context() if target.tls else None,
                    server_hostname=target.host if target.tls else None,
                )
                await self._opened
        except TimeoutError:
            self.abort()
            raise Trouble("connect_timeout") from None
        except OSError as error:
            raise Trouble("connect_failed", str(error)) from None
        except asyncio.CancelledError:
            self.abort()
            raise

    def send(self, text: bytes) -> None:
        """Send a text frame; on a lost connection it is lost too."""
        if self._ws.state is State.OPEN:
            self._ws.send_text(text)
            self._flush()

    def abort(self) -> None:
        """Lose the connection, without a word."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Say goodbye; whoever does not answer is left."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(1000)
            self._flush()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        request = self._ws.connect()
        request.headers.update(Headers(self._headers))
        self._ws.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif isinstance(event, Response) and self._ws.handshake_exc is None:
                self._settle(None)
        if self._ws.handshake_exc is not None:
            self._settle(self._ws.handshake_exc)
        self._flush()

    def eof_received(self) -> None:
        self._ws.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
        if not self._opened.done():
            self._settle(self._ws.handshake_exc or exc or ConnectionResetError("closed"))
            return
        if not self._opened.cancelled() and self._opened.exception() is None:
            said = self._ws.close_rcvd
            self._on_lost(said.code if said is not None else ABNORMAL)

    def _settle(self, error: Exception | None) -> None:
        """The handshake went well, or did not."""
        if self._opened.done():
            return
        if error is None:
            self._opened.set_result(None)
            return
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if status is not None:
            self._opened.set_exception(Trouble(f"http_{status}"))
        elif isinstance(error, InvalidHandshake):
            self._opened.set_exception(Trouble("handshake_failed", str(error)))
        else:
            self._opened.set_exception(Trouble("connect_failed", str(error)))
        if self._transport is not None:
            self._transport.abort()

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT if frame.fin:
                self._on_text(bytes(frame.data))
            case Opcode.TEXT | Opcode.CONT:
                self._pieces.append(bytes(frame.data))
                if frame.fin:
                    whole, self._pieces = b"".join(self._pieces), []
                    self._on_text(whole)
            case _:
                pass  # pings are answered by the protocol itself, binary frames are audio

    def _flush(self) -> None:
        waiting = self._ws.data_to_send()
        if self._transport is None or self._transport.is_closing():
            return  # what was said into a lost connection is lost
        for data in waiting:
            if data:
                self.bytes_out += len(data)
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._ws.close_rcvd is not None:
            self._transport.close()
