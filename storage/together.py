"""Many who ask the same kind of thing at once, asked for in one statement.

When ten thousand people come back together, a query for each is most of what that costs.
Nothing is kept: every answer was read after it was asked for, so what has ended has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar

Asked = TypeVar("Asked", bound=Hashable)
Found = TypeVar("Found")
AT_ONCE: Final = 200
LANES: Final = 2
EACH_SECONDS: Final = 0.002  # so that only a crowd of over 500 a second is kept waiting
MOST_SECONDS: Final = 0.02
# What is asked for in one statement, and who waits for it.
Batch: TypeAlias = "dict[Asked, list[asyncio.Future[Found | None]]]"


class Together(Generic[Asked, Found]):
    """`find` one; whoever asks while others are being read waits for the next statement.

    At most `lanes` statements are under way, each for at most `at_once`. One begins `each_seconds`
    after the last for each who was in that, 20 ms at most: a crowd fills them, a few do not wait.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Asked]], Awaitable[Mapping[Asked, Found]]],
        *,
        at_once: int = AT_ONCE,
        lanes: int = LANES,
        each_seconds: float = EACH_SECONDS,
    ) -> None:
        self._read = read
        self._at_once = at_once
        self._lanes = asyncio.Semaphore(lanes)
        self._each_seconds = each_seconds
        self._next_at = 0.0
        self._open: Batch[Asked, Found] | None = None
        self._reading: set[asyncio.Task[Mapping[Asked, Found]]] = set()

    async def find(self, asked: Asked) -> Found | None:
        """What there is of this one, None for nothing. Raises what reading raises."""
        loop = asyncio.get_running_loop()
        batch = self._open
        if batch is None:
            batch = self._open = {}
            reading = loop.create_task(self._read_soon(batch))
            self._reading.add(reading)
            reading.add_done_callback(partial(self._answer, batch))
        # A future for each, so that whoever goes leaves the others waiting; a shield costs more.
        waiting: asyncio.Future[Found | None] = loop.create_future()
        batch.setdefault(asked, []).append(waiting)
        if len(batch) >= self._at_once:
            self._open = None
        return await waiting

    async def _read_soon(self, batch: "Batch[Asked, Found]") -> Mapping[Asked, Found]:
        async with self._lanes:
            now = asyncio.get_running_loop().time
            if (wait_seconds := self._next_at - now()) > 0:
                await asyncio.sleep(wait_seconds)
            if self._open is batch:
                self._open = None  # what is asked from here on is read later
            self._next_at = now() + min(len(batch) * self._each_seconds, MOST_SECONDS)
            return await self._read(tuple(batch))

    def _answer(
        self, batch: "Batch[Asked, Found]", done: "asyncio.Task[Mapping[Asked, Found]]"
    ) -> None:
        self._reading.discard(done)
        if self._open is batch:  # it was ended before it began
            self._open = None
        error = None if done.cancelled() else done.exception()
        for asked, everybody in batch.items():
            for waiting in everybody:
                if waiting.done():
                    continue
                if error is not None:
                    waiting.set_exception(error)
                elif done.cancelled():
                    waiting.cancel()
                else:
                    waiting.set_result(done.result().get(asked))
