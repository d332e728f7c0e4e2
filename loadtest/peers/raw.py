"""A WebSocket client that does as little as one can: so that the servers are what is measured.

Masked with zeroes, frames found by their length alone. Only for servers we started ourselves.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import Final, cast

HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)
CLOSE: Final = 8  # the opcode of a goodbye


def masked(text: bytes) -> bytes:
    """A text frame as a client sends it."""
    length = len(text)
    head = b"\x81%c" % (0x80 | length) if length < 126 else struct.pack("!BBH", 0x81, 254, length)
    return head + b"\0\0\0\0" + text


class Raw(asyncio.Protocol):
    """One connection. `heard` is called with each text frame's payload, `lost` at its end."""

    def __init__(
        self,
        path: str,
        more: str,
        heard: Callable[["Raw", bytes], None],
        lost: Callable[["Raw"], None] | None = None,
    ) -> None:
        self.frames = 0
        self.closed = False
        self._hello = HANDSHAKE.format(path=path, more=more).encode()
        self._heard = heard
        self._lost = lost
        self._buffer = b""
        self._open = False
        self.stands = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def send(self, frame: bytes) -> None:
        """A frame made by `masked`."""
        assert self._transport is not None
        self._transport.write(frame)

    def close(self) -> None:
        """Without a goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._hello)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self.closed = True
        if self._lost is not None:
            self._lost(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._open:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            assert b" 101 " in head, head
            self._open = True
            self.stands.set()
        at, size = 0, len(buffer)
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            if size < start + length:
                break
            if buffer[at] & 15 == CLOSE:
                return self.close()
            self.frames += 1
            self._heard(self, buffer[start : start + length])
            at = start + length
        self._buffer = buffer[at:]


async def opened(
    port: int,
    count: int,
    path: str,
    steps: Callable[[int], Sequence[bytes]],
    heard: Callable[[Raw, bytes], None],
    more: str = "",
) -> list[Raw]:
    """Connections on which each of `steps(i)` was sent after a frame of the server's.

    An empty step only waits for a frame.
    """
    loop = asyncio.get_running_loop()
    made: list[Raw] = []
    for i in range(count):
        came = asyncio.Event()

        def one(raw: Raw, payload: bytes, came: asyncio.Event = came) -> None:  # noqa: ARG001
            came.set()

        address = f"127.{1 + i // 20_000}.0.1"
        _, raw = await loop.create_connection(
            lambda one=one: Raw(path, more, one),  # type: ignore[misc]
            "127.0.0.1",
            port,
            local_addr=(address, 0),
        )
        await raw.stands.wait()
        for step in steps(i):
            await came.wait()
            came.clear()
            if step:
                raw.send(masked(step))
        raw._heard = heard
        made.append(raw)
    return made
