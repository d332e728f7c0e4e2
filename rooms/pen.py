"""Writes one reply into its room's log: the first words at once, then a line at a time.

One append is in flight at most, never one per token; what waits is bounded, and a writer that
is ahead of the log is made to wait. What `logged` says is what people may have seen, and
therefore what is charged.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from rooms.events import ReplyDelta
from rooms.ports import Metered, RoomLog, Telling

WAITING_CHARACTERS_MAX: Final = 8_192


class Pen:
    """One reply's way into the log. `write` from one task; `run` in another; `close` at the end."""

    def __init__(
        self,
        log: RoomLog,
        reply: str,
        payer: str,
        hold: str,
        *,
        gap_seconds: float,
        inspect: Callable[[str], None],
        tail: str = "",
    ) -> None:
        """`inspect` is shown the reply's last words before they are logged, and may refuse them.

        `tail` is what stands before the first word (a reply that is carried on), for `inspect`.
        """
        self._log = log
        self._reply = reply
        self._payer = payer
        self._hold = hold
        self._gap_seconds = gap_seconds
        self._inspect = inspect
        self._tail = tail[-200:]
        self._waiting: list[str] = []
        self._waiting_characters = 0
        self._microcredits = 0
        self._loop = asyncio.get_running_loop()  # asking for it again is a system call
        self._timer: asyncio.TimerHandle | None = None  # until what waits is due
        self._due = False
        self._waiter: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._flight: asyncio.Future[None] | None = None
        self._logged: list[str] = []
        self.logged_characters = 0
        self.logged_microcredits = 0
        self.appends = 0
        self.began_ns = self.ended_ns = 0  # of the first append and of the last

    @property
    def logged(self) -> str:
        """The words that are in the log."""
        return "".join(self._logged)

    @property
    def began(self) -> bool:
        """Words were written, logged by now or not."""
        return bool(self.logged_characters or self._waiting or self._flight)

    async def write(self, text: str, microcredits: int) -> None:
        """Add words; the whole reply so far costs `microcredits`. Waits while the log lags."""
        self._waiting.append(text)
        self._waiting_characters += len(text)
        self._microcredits = microcredits
        if self.logged_characters == 0 and self._flight is None:
            await self._append()
            return
        if self._timer is None and not self._due:
            self._timer = self._loop.call_later(self._gap_seconds, self._wake)
        if self._waiting_characters > WAITING_CHARACTERS_MAX:
            self._room.clear()
            await self._room.wait()

    async def run(self) -> None:
        """Carry what waits into the log, a line per gap, until cancelled."""
        while True:
            while not self._due:
                self._waiter = self._loop.create_future()
                await self._waiter
            self._due = False
            await self._append()

    def _wake(self) -> None:
        self._timer, self._due = None, True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def close(self, *, drop: bool) -> None:
        """Wait for the append in flight; then log the rest, or `drop` it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._flight is not None and not self._flight.done():
            await asyncio.wait([self._flight])
        if not drop and self._waiting:
            await self._append()

    async def _append(self) -> None:
        """Log what waits. A cancellation lets the append in flight finish, and counts it."""
        text = "".join(self._waiting)
        if not text:
            return
        self._inspect(self._tail + text)
        microcredits = self._microcredits
        self._waiting.clear()
        self._waiting_characters = 0
        self._room.set()
        self._flight = self._loop.create_task(self._log_one(text, microcredits))
        await asyncio.shield(self._flight)

    async def _log_one(self, text: str, microcredits: int) -> None:
        offset = self.logged_characters
        event = ReplyDelta(
            room=self._log.room,
            reply=self._reply,
            offset=offset,
            text=text,
            cost_microcredits=microcredits,
        )
        after = offset + len(text)
        metered = Metered(self._reply, self._payer, self._hold, after, microcredits)
        self.began_ns = self.began_ns or time.time_ns()
        await self._log.append([Telling(event, metered=metered)])
        self.ended_ns = time.time_ns()
        self.appends += 1
        self._logged.append(text)
        self._tail = (self._tail + text)[-200:]
        self.logged_characters = after
        self.logged_microcredits = microcredits
