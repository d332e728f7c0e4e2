"""A WebSocket with text and sound that does as little as one can: the servers are what is measured.

Masked with zeroes. Only for servers we started ourselves; raw.py is the same for text alone.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

from loadtest.peers.raw import HANDSHAKE

TEXT: Final = 1
BINARY: Final = 2
_CLOSE: Final = 8
_PING: Final = 9
_PONG: Final = 10
_OPEN_SECONDS: Final = 20


def framed(opcode: int, body: bytes) -> bytes:
    """A frame as a client sends it."""
    size = len(body)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 254, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 255, size)
    return head + b"\0\0\0\0" + body


class Line(asyncio.Protocol):
    """One connection. `heard` is called with each message's kind and body."""

    def __init__(self, path: str, more: str, heard: Callable[[int, bytes], None]) -> None:
        self.closed = asyncio.Event()
        self._hello = HANDSHAKE.format(path=path, more=more).encode()
        self._heard = heard
        self._buffer = bytearray()
        self._stands: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def open(self, port: int) -> None:
        """Connect. Raises OSError, and TimeoutError where nobody shakes hands."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_OPEN_SECONDS):
            await loop.create_connection(lambda: self, "127.0.0.1", port)
            await self._stands

    def say(self, opcode: int, body: bytes) -> None:
        """A message; nothing once it is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(framed(opcode, body))

    def close(self) -> None:
        """Politely: servers count a lost connection as something else."""
        self.say(_CLOSE, struct.pack("!H", 1000))
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._hello)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self.closed.set()
        if not self._stands.done():
            self._stands.set_exception(ConnectionResetError("before the handshake was done"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._stands.done():
            head, end, rest = bytes(buffer).partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head, head
            self._stands.set_result(None)
            buffer[:] = rest
        while (taken := self._next()) is not None:
            opcode, body = taken
            if opcode == _PING:
                self.say(_PONG, body)
            elif opcode in (TEXT, BINARY):
                self._heard(opcode, body)

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole message, if it is there; servers of ours send none in pieces."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return None
        body = bytes(buffer[start : start + size])
        opcode = buffer[0] & 15
        del buffer[: start + size]
        return opcode, body
