"""A judge of pictures as an operator would run one: it answers over HTTP what the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

YES = b'{"allowed": true}'
MINOR = b'{"allowed": false, "because": "minor"}'
NUDITY = b'{"allowed": false, "because": "nudity"}'


class Judge:
    """`answer` is the next ones' body; None is silence. What it was shown is in `seen`."""

    def __init__(self) -> None:
        self.answer: bytes | None = YES
        self.seen: list[bytes] = []
        self.heads: list[bytes] = []
        self.port = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Judge"]:
        """On a free port of this machine."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        self.heads.append(head.lower())
        self.seen.append(await reader.readexactly(size))
        await self.go_on.wait()
        if self.answer is not None:
            top = f"HTTP/1.1 200 OK\r\ncontent-length: {len(self.answer)}\r\nconnection: close\r\n"
            writer.write(top.encode() + b"\r\n" + self.answer)
            await writer.drain()
        else:
            await reader.read()
        writer.close()
