"""One multiplexed connection to Valkey: commands pipelined node-wide, answers in order.

Our own because it is the hot path: measured five times the throughput of a pooled client
(docs/why/bus-wire.md). Everything off the hot path uses redis-py.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import hiredis
import structlog

from storage.bus.ports import BusDown

logger = structlog.get_logger(__name__)
PENDING_MAX: Final = 20_000
BACKOFF_SECONDS_MAX: Final = 1.0


class Wire(asyncio.Protocol):
    """Connects, reconnects with jittered backoff, and answers calls in order.

    `pushed` receives what is not an answer (subscription messages); `lost` and `found` tell of
    the connection.
    """

    def __init__(
        self,
        url: str,
        *,
        pushed: Callable[[list[Any]], None] | None = None,
        found: Callable[[], None] | None = None,
    ) -> None:
        self._url = urlsplit(url)
        self._pushed = pushed
        self._found = found
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._outgoing: list[bytes] = []
        self._scheduled = False
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and stay connected. Raises BusDown when the first try fails."""
        await self._connect()
        self._task = asyncio.create_task(self._stay_connected(), name="bus wire")

    async def close(self) -> None:
        """Disconnect for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def call(self, *words: Any) -> Any:
        """One command and its answer. Raises BusDown, or hiredis.ReplyError."""
        future = self.post(*words)
        answer = await future
        if isinstance(answer, hiredis.ReplyError):
            raise answer
        return answer

    def post(self, *words: Any) -> asyncio.Future[Any]:
        """Send a command now; its answer (or ReplyError as a value) comes by the future."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._transport is None or len(self._pending) >= PENDING_MAX:
            future.set_exception(BusDown("the bus does not answer"))
            future.exception()
            return future
        self._pending.append(future)
        self.send(*words)
        return future

    def send(self, *words: Any) -> None:
        """Send a command that has no answer of its own (SUBSCRIBE), with what else is going out."""
        if self._transport is None:
            return
        self._outgoing.append(hiredis.pack_command(words))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    async def wait_up(self, seconds: float) -> None:
        """Wait until connected. Raises BusDown."""
        try:
            async with asyncio.timeout(seconds):
                await self._up.wait()
        except TimeoutError:
            raise BusDown("the bus does not answer") from None

    def _flush(self) -> None:
        self._scheduled = False
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not Ellipsis:
            if self._pushed is not None and isinstance(answer, list) and _is_push(answer):
                self._pushed(answer)
            elif self._pending:
                future = self._pending.popleft()
                if not future.done():
                    future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self._transport = None
        self._up.clear()
        self._outgoing.clear()
        pending, self._pending = self._pending, deque()
        for future in pending:
            if not future.done():
                future.set_exception(BusDown("the bus went away"))
        self._lost.set()

    # --- staying connected

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        url = self._url
        self._lost.clear()
        try:
            async with asyncio.timeout(5):
                if url.scheme == "unix":
                    await loop.create_unix_connection(lambda: self, unquote(url.path))
                else:
                    tls = True if url.scheme in {"rediss", "valkeys"} else None
                    host, port = url.hostname or "127.0.0.1", url.port or 6379
                    await loop.create_connection(lambda: self, host, port, ssl=tls)
        except (OSError, TimeoutError) as error:
            raise BusDown(f"the bus cannot be reached: {error}") from error
        if url.password:
            user = [unquote(url.username)] if url.username else []
            await self.call("AUTH", *user, unquote(url.password))
        self._up.set()
        if self._found is not None:
            self._found()

    async def _stay_connected(self) -> None:
        wait_seconds = 0.02
        while True:
            await self._lost.wait()
            try:
                await self._connect()
                wait_seconds = 0.02
            except (BusDown, hiredis.HiredisError):
                await asyncio.sleep(wait_seconds * (0.5 + random.random()))
                wait_seconds = min(wait_seconds * 2, BACKOFF_SECONDS_MAX)
                self._lost.set()


_PUSHES = {b"smessage", b"message", b"ssubscribe", b"sunsubscribe", b"subscribe", b"unsubscribe"}


def _is_push(answer: list[Any]) -> bool:
    return len(answer) == 3 and answer[0] in _PUSHES
