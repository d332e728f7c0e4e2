"""Reads a provider's answer: bytes from the network through a pure decoder to words.

The stock clients make the request and own the connection; their objects for every chunk cost
nine times what this does (docs/why/model-streams.md).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Protocol, cast

import httpx2

from rooms.dialogue.ports import Ended, ModelBroken, ModelError, ModelTimeout, Words

LAST_BLOCK_SECONDS: Final = 2.0
DRAIN_SECONDS: Final = 0.05

Items = deque[Words | Ended]


def blocks_of(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """A body's blocks: straight from the connection, where nothing has to be unpacked."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    return cast("AsyncGenerator[bytes, None]", aiter(response.stream))


class Decoder(Protocol):
    """One vendor's format, without network or clock."""

    ended: bool
    """The vendor said that nothing more comes."""
    said_all: bool
    """Every word has come; only counts may follow."""

    def feed(self, block: bytes, items: Items) -> None:
        """Add what a block of bytes says. Raises ModelError; what came before it stands."""

    def finish(self, items: Items) -> None:
        """The body is over: add what is left. Raises ModelBroken if something is missing."""


class Reading:
    """An answer as it comes. A plain object: nothing to close when its reader is cancelled."""

    __slots__ = ("_blocks", "_decoder", "_error", "_items", "_over")

    def __init__(self, blocks: AsyncIterator[bytes], decoder: Decoder) -> None:
        self._blocks = blocks
        self._decoder = decoder
        self._items: Items = deque()
        self._error: ModelError | None = None
        self._over = False

    def __aiter__(self) -> "Reading":
        return self

    async def __anext__(self) -> Words | Ended:
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._over:
                await self._drain()
                raise StopAsyncIteration
            await self._read()
        return self._items.popleft()

    async def _read(self) -> None:
        """Take one block. An error waits until the words that came before it are given out."""
        try:
            block = await self._next_block()
            if block is None:
                self._over = True
                self._decoder.finish(self._items)
            else:
                self._decoder.feed(block, self._items)
                self._over = self._decoder.ended
        except ModelError as error:
            self._error = error

    async def _next_block(self) -> bytes | None:
        try:
            if not self._decoder.said_all:
                return await anext(self._blocks, None)
            async with asyncio.timeout(LAST_BLOCK_SECONDS):
                return await anext(self._blocks, None)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError) as error:
            if self._decoder.said_all:
                return None
            if isinstance(error, httpx2.TimeoutException):
                raise ModelTimeout("the provider fell silent") from error
            raise ModelBroken("the stream was cut") from error

    async def _drain(self) -> None:
        """Read to the very end of the body: only then can the connection be used again."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while await anext(self._blocks, None) is not None:
                    pass
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError):
            return
