"""One multiplexed connection to Valkey: commands pipelined node-wide, answers in order.

Our own because it is the hot path: measured against a pooled client in docs/why/bus-wire.md.
Rate limits and other rare calls use redis-py.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
import structlog

from storage.bus.ports import BusDown

logger = structlog.get_logger(__name__)
PENDING_MAX: Final = 20_000
UNSENT_BYTES_MAX: Final = 64 * 1024 * 1024
BACKOFF_SECONDS_MAX: Final = 0.5
WATCH_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 4.0
_SOON: Final = ("LOADING", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN")
_LATER: Final = ("BUSY ", "OOM", "MISCONF", "NOREPLICAS")
# What only a subscription is answered with: its success comes as a push.
_REFUSALS: Final = ("MOVED ", "ASK ", "CLUSTERDOWN", "TRYAGAIN")


class NotNow(BusDown):
    """The server is away, loading or giving its keys to another: worth waiting for."""


class Sheaf:
    """Stands in the row of answers for many commands: one future for all of theirs, in order.

    What a future each would cost is most of what a thousand small questions cost.
    """

    __slots__ = ("_answers", "_count", "all")

    def __init__(self, count: int) -> None:
        self._answers: list[Any] = []
        self._count = count
        self.all: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def done(self) -> bool:
        """Whether nobody waits for another answer."""
        return self.all.done()

    def set_result(self, answer: Any) -> None:
        """The next answer."""
        self._answers.append(answer)
        if len(self._answers) == self._count:
            self.all.set_result(self._answers)

    def set_exception(self, error: BaseException) -> None:
        """The rest will not come."""
        self.all.set_exception(error)

    def exception(self) -> BaseException | None:
        """What was set, looked at."""
        return self.all.exception()


class Wire(asyncio.Protocol):
    """Connects, reconnects with jittered backoff, and answers calls in order.

    `pushed` receives what is not an answer (subscription messages), `refused` hears of a
    subscription that was not taken, and `found` is called whenever a connection stands.
    A connection that answers nothing for a while is given up.
    """

    def __init__(
        self,
        url: str,
        *,
        pushed: Callable[[list[Any]], None] | None = None,
        found: Callable[[], None] | None = None,
        refused: Callable[[str], None] | None = None,
    ) -> None:
        self._url = urlsplit(url)
        self._pushed = pushed
        self._found = found
        self._refused = refused
        # Asking for it at every command would be a system call each.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)
        self._pending: deque[asyncio.Future[Any] | Sheaf] = deque()
        self._outgoing: list[bytes] = []
        self._scheduled = False
        self._heard_at = 0.0
        self.connects = 0  # how often a connection stood
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def up(self) -> bool:
        """Whether a connection stands."""
        return self._up.is_set()

    async def start(self) -> None:
        """Connect and stay connected. Raises BusDown when the first try fails."""
        await self._connect()
        self.begin()

    def begin(self) -> None:
        """Stay connected from now on, be there a connection yet or not."""
        if self._transport is None:
            self._lost.set()
        self._tasks = [
            asyncio.create_task(self._stay_connected(), name="bus wire"),
            asyncio.create_task(self._watch(), name="bus watchdog"),
        ]

    async def close(self) -> None:
        """Disconnect for good."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """Give this connection up and look for another."""
        if self._transport is not None:
            self._transport.abort()

    async def call(self, *words: Any) -> Any:
        """One command and its answer. Raises BusDown, or hiredis.ReplyError."""
        return checked(await self.post(*words))

    def post(self, *words: Any) -> asyncio.Future[Any]:
        """Send a command now; its answer (or ReplyError as a value) comes by the future."""
        loop = self._loop or asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if self._transport is None or len(self._pending) >= PENDING_MAX:
            kind = NotNow if self._transport is None else BusDown
            future.set_exception(kind("the bus does not answer"))
            future.exception()  # whoever does not look at it has chosen not to
            return future
        if not self._pending:
            self._heard_at = loop.time()
        self._pending.append(future)
        self._put(words)
        return future

    def post_all(self, commands: Sequence[tuple[Any, ...]]) -> asyncio.Future[list[Any]]:
        """The same for many at once; an answer may be a ReplyError."""
        loop = asyncio.get_running_loop()
        sheaf = Sheaf(len(commands))
        if self._transport is None or len(self._pending) + len(commands) > PENDING_MAX:
            kind = NotNow if self._transport is None else BusDown
            sheaf.set_exception(kind("the bus does not answer"))
            sheaf.exception()
            return sheaf.all
        if not self._pending:
            self._heard_at = loop.time()
        self._pending.extend([sheaf] * len(commands))
        for words in commands:
            self._put(words)
        return sheaf.all

    def send(self, *words: Any) -> None:
        """Send a command whose answer is a push (SSUBSCRIBE); forgotten while not connected."""
        if self._up.is_set():
            self._put(words)

    def _put(self, words: tuple[Any, ...]) -> None:
        self._outgoing.append(hiredis.pack_command(words))
        if not self._scheduled:
            self._scheduled = True
            assert self._loop is not None, "there was a connection"
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
            if self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                self._transport.abort()
        self._outgoing.clear()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast("asyncio.Transport", transport)
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        assert self._loop is not None
        self._heard_at = self._loop.time()
        try:
            while (answer := self._reader.gets()) is not Ellipsis:
                if isinstance(answer, hiredis.PushNotification):
                    if self._pushed is not None:
                        self._pushed(answer)
                elif self._refused is not None and _is_refusal(answer):
                    self._refused(str(answer))
                elif self._pending:
                    future = self._pending.popleft()
                    if not future.done():
                        future.set_result(answer)
        except hiredis.ProtocolError:
            logger.warning("the bus said something unintelligible; connecting anew")
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self._transport = None
        self._up.clear()
        self._outgoing.clear()
        pending, self._pending = self._pending, deque()
        for future in pending:
            if not future.done():
                future.set_exception(NotNow("the bus went away"))
                future.exception()
        self._lost.set()

    # --- staying connected

    async def _connect(self) -> None:
        self._lost.clear()
        try:
            async with asyncio.timeout(5):
                await self._open()
                await self._introduce()
        except (OSError, TimeoutError, hiredis.HiredisError) as error:
            if self._transport is not None:
                self._transport.abort()
            raise NotNow(f"the bus cannot be reached: {error}") from error
        self.connects += 1
        self._up.set()
        if self._found is not None:
            self._found()

    async def _open(self) -> None:
        loop, url = asyncio.get_running_loop(), self._url
        if url.scheme == "unix":
            await loop.create_unix_connection(lambda: self, unquote(url.path))
            return
        tls = True if url.scheme in {"rediss", "valkeys"} else None
        host, port = url.hostname or "127.0.0.1", url.port or 6379
        await loop.create_connection(lambda: self, host, port, ssl=tls)

    async def _introduce(self) -> None:
        """Sign in, choose a database, and wait until the server has read its file."""
        url = self._url
        query = parse_qs(url.query)
        password = url.password or query.get("password", [""])[0]
        user = url.username or query.get("username", ["default"])[0]
        auth = ["AUTH", unquote(user), unquote(password)] if password else []
        if self._pushed is not None:
            await self.call("HELLO", "3", *auth)
        elif auth:
            await self.call(*auth)
        path = "" if url.scheme == "unix" else url.path.strip("/")
        if number := path or query.get("db", [""])[0]:
            await self.call("SELECT", number)
        await self.call("PING")  # LOADING is an error, hence BusDown

    async def _stay_connected(self) -> None:
        wait_seconds = 0.02
        while True:
            await self._lost.wait()
            try:
                await self._connect()
                wait_seconds = 0.02
            except BusDown:
                await asyncio.sleep(wait_seconds * (0.5 + random.random()))
                wait_seconds = min(wait_seconds * 2, BACKOFF_SECONDS_MAX)
                self._lost.set()

    async def _watch(self) -> None:
        """A peer that vanished without a word sends nothing: ask now and then, and give up."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._up.is_set():
                continue
            if not self._pending:
                self.post("PING").add_done_callback(_ignore)
            elif asyncio.get_running_loop().time() - self._heard_at > SILENT_SECONDS:
                logger.warning("the bus is silent; connecting anew")
                self.drop()


def checked(answer: Any) -> Any:
    """An answer that is none becomes an error: BusDown when it may be otherwise later."""
    if isinstance(answer, hiredis.ReplyError):
        if str(answer).startswith(_SOON):
            raise NotNow(str(answer)) from answer
        if str(answer).startswith(_LATER):
            raise BusDown(str(answer)) from answer
        raise answer
    return answer


def _is_refusal(answer: Any) -> bool:
    return isinstance(answer, hiredis.ReplyError) and str(answer).startswith(_REFUSALS)


def _ignore(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
