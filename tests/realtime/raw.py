"""A WebSocket client of bare bytes: it can break every rule, and shows exactly what comes back."""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
HEADERS = {
    "Host": "kindred",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def request(method: str = "GET", version: str = "1.1", **changes: str | None) -> bytes:
    """The handshake; a header of None is left out. `Sec_WebSocket_Key` is the header's name."""
    headers: dict[str, str | None] = {**HEADERS}
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{method} /v1/socket HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    mask: bytes | None = MASK,
    reserved: int = 0,
    length: int | None = None,
    form: int | None = None,
) -> bytes:
    """A frame. `length` lies about the payload's; `form` 0, 2 or 8 is how many bytes say it."""
    said = len(payload) if length is None else length
    if form is None:
        form = 0 if said < 126 else 2 if said < 65_536 else 8
    masked = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    head += bytes([masked | {0: said, 2: 126, 8: 127}[form]])
    head += {0: b"", 2: struct.pack("!H", said & 0xFFFF), 8: struct.pack("!Q", said)}[form]
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def close(code: int | None, reason: bytes = b"") -> bytes:
    """A goodbye."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status = 0
        self.head: dict[str, str] = {}

    async def shake(self, data: bytes) -> int:
        """Send a handshake; the status that comes back."""
        self.writer.write(data)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        self.status = int(first.split()[1])
        pairs = (line.partition(":") for line in lines if line)
        self.head = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return self.status

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    def say(self, command: dict[str, Any]) -> None:
        self.send(frame(TEXT, json.dumps(command).encode()))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload; servers neither mask nor (ours) fragment."""
        first, second = await self.reader.readexactly(2)
        assert first & 0xF0 == 0x80, "whole, and without extensions"
        length = second
        if second >= 126:
            size = 2 if second == 126 else 8
            length = int.from_bytes(await self.reader.readexactly(size), "big")
        return first & 0x0F, await self.reader.readexactly(length)

    async def hear(self) -> dict[str, Any]:
        """The next text frame, decoded; control frames before it are passed over."""
        while True:
            opcode, payload = await self.frame()
            if opcode == TEXT:
                decoded: dict[str, Any] = json.loads(payload)
                return decoded

    async def closed(self) -> int | None:
        """Read to the end; the code of the goodbye, 1005 for an empty one, None without one."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                opcode, payload = await self.frame()
                if opcode == CLOSE:
                    self.send(frame(CLOSE, payload))
                    await self.ended()
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        return None

    async def ended(self) -> None:
        """Read until the server has hung up."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass


@contextlib.asynccontextmanager
async def dialled(port: int, source: str = "127.0.0.1") -> AsyncIterator[Raw]:
    """A connection on which nothing has been said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def opened(
    port: int, person: str = "", protocol: str = "kindred.v1.json", source: str = "127.0.0.1"
) -> AsyncIterator[Raw]:
    """A greeted socket, signed in if `person` is named."""
    async with dialled(port, source) as raw:
        assert await raw.shake(request(Sec_WebSocket_Protocol=protocol)) == 101
        assert raw.head["sec-websocket-accept"] == ACCEPT
        await raw.frame()  # hello
        if person:
            raw.say({"type": "auth", "id": "1", "token": person})
            assert (await raw.hear())["type"] == "ready"
        yield raw
