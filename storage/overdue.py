"""Ends waits that last too long, with one timer for many: as `asyncio.timeout`, where that costs.

A timeout of asyncio's own is a timer set and taken back, and in Python 3.11 some system calls, for
every streamed word (docs/why/a-word.md). All waits of one object are equally long.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Overdue:
    """Waits of `seconds` at most, any number at a time, of one event loop."""

    __slots__ = ("_late", "_loop", "_since", "_timer", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._since: dict[asyncio.Task[object], float] = {}  # the longest waiting first
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, work: Awaitable[T]) -> T:
        """What `work` gives. Raises TimeoutError, after cancelling it."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._loop = asyncio.get_running_loop()
            self._timer = None
        task = asyncio.current_task(loop)
        assert task is not None, "only a task can be cancelled"
        already = task.cancelling()
        self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._look)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._late:
                self._late.discard(task)
                if task.uncancel() <= already:
                    raise TimeoutError from None
            raise
        finally:
            del self._since[task]
            if task in self._late:  # it ended otherwise just then
                self._late.discard(task)
                task.uncancel()

    def _look(self) -> None:
        """Cancel who has waited too long, and look again when the next one will have."""
        self._timer, loop = None, self._loop
        assert loop is not None
        now = loop.time()
        for task, since in self._since.items():
            if since + self.seconds > now:
                self._timer = loop.call_at(since + self.seconds, self._look)
                return
            if task not in self._late:
                self._late.add(task)
                task.cancel()
