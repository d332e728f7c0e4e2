"""A peer for transports that only offer an awaited `send`: one task pumps, nobody else waits.

What has not been taken yet is counted, so that a slow reader shows as `paused` here too.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from realtime.seat import Seat

CLOSE_SECONDS: Final = 2.0


class Pump:
    """See realtime/socket.py `Peer`."""

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[int, str], Awaitable[None]],
        bytes_max: int,
    ) -> None:
        self.paused = False
        self.socket: Seat | None = None
        self._send = send
        self._say_goodbye = close
        self._bytes_max = bytes_max
        self._bytes = 0
        self._waiting: deque[bytes] = deque()
        self._closing: tuple[int, str] | None = None
        self._more = asyncio.Event()
        self._asked = asyncio.Event()
        self._ended = asyncio.Event()

    def write(self, payloads: Sequence[bytes]) -> None:
        """Hand frames over."""
        if self._closing is None:
            self._waiting.extend(payloads)
            self._bytes += sum(map(len, payloads))
            if self._bytes > self._bytes_max and not self.paused:
                self.paused = True
                if self.socket is not None:
                    self.socket.stuck()
            self._more.set()

    def close(self, code: int, reason: str) -> None:
        """Close once what waits has gone, or soon."""
        if self._closing is None:
            self._closing = (code, reason)
            self._asked.set()
            self._more.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Pump while the block runs; the block is left when the pump has closed."""
        async with asyncio.TaskGroup() as tasks:
            pumping = tasks.create_task(self._pump())
            ending = tasks.create_task(self._end_in_time(pumping))
            try:
                yield
            finally:
                pumping.cancel()
                ending.cancel()

    async def _pump(self) -> None:
        while True:
            while self._waiting:
                data = self._waiting.popleft()
                await self._send(data)
                self._bytes -= len(data)
                if self.paused and self._bytes <= self._bytes_max // 4:
                    self.paused = False
                    if self.socket is not None:
                        self.socket.writable()
            if self._closing is not None:
                await self._say_goodbye(*self._closing)
                self._ended.set()
                return
            self._more.clear()
            await self._more.wait()

    async def _end_in_time(self, pumping: "asyncio.Task[None]") -> None:
        """A peer that takes nothing cannot hold up the goodbye."""
        await self._asked.wait()
        assert self._closing is not None, "somebody asked"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._ended.wait()
                return
        pumping.cancel()
        await self._say_goodbye(*self._closing)
