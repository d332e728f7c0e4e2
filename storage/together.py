"""Many who ask the same kind of thing at once, asked for in one statement.

When ten thousand people come back together, a query for each is most of what that costs.
Nothing is kept: every answer was read after it was asked for, so what has ended has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

Asked = TypeVar("Asked", bound=Hashable)
Found = TypeVar("Found")
AT_ONCE: Final = 200
LANES: Final = 2


class Batch(Generic[Asked, Found]):
    """What is asked for in one statement."""

    __slots__ = ("asked", "reading")

    def __init__(self) -> None:
        self.asked: dict[Asked, None] = {}
        self.reading: asyncio.Task[Mapping[Asked, Found]] | None = None


class Together(Generic[Asked, Found]):
    """`find` one; whoever asks while others are being read waits for the next statement.

    At most `lanes` statements are under way, each for at most `at_once`.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Asked]], Awaitable[Mapping[Asked, Found]]],
        *,
        at_once: int = AT_ONCE,
        lanes: int = LANES,
    ) -> None:
        self._read = read
        self._at_once = at_once
        self._lanes = asyncio.Semaphore(lanes)
        self._open: Batch[Asked, Found] | None = None

    async def find(self, asked: Asked) -> Found | None:
        """What there is of this one, None for nothing. Raises what reading raises."""
        batch = self._open
        if batch is None:
            batch = self._open = Batch()
            batch.reading = asyncio.get_running_loop().create_task(self._read_soon(batch))
            batch.reading.add_done_callback(_looked_at)
        batch.asked[asked] = None
        if len(batch.asked) >= self._at_once:
            self._open = None
        assert batch.reading is not None
        found = await asyncio.shield(batch.reading)  # others wait for it too
        return found.get(asked)

    async def _read_soon(self, batch: Batch[Asked, Found]) -> Mapping[Asked, Found]:
        async with self._lanes:
            if self._open is batch:
                self._open = None  # what is asked from here on is read later
            return await self._read(tuple(batch.asked))


def _looked_at(done: "asyncio.Task[object]") -> None:
    """Everybody who waited may have gone; then nobody misses the error."""
    if not done.cancelled():
        done.exception()
