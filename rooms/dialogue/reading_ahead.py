"""Has the small model read what the next question will begin with, while nobody waits for it.

It reads slowly and keeps what it has read, so whoever asks next waits for their own words alone.
A reading is never urgent: it waits until nobody in this process asks, and gives way to who does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from msgspec import structs

from rooms.dialogue.ports import LanguageModel, Line, ModelError, Prompt

logger = structlog.get_logger(__name__)
READING_SECONDS: Final = 5.0  # the longest prompt of a small model, on a busy machine
REST_SECONDS: Final = 30.0  # after a reading that failed: nobody shall wait for another soon
# What stands before the next question as things are now; None where nothing is to be read.
Unread = Callable[[], Awaitable[Prompt | None]]


class ReadingAhead:
    """For one model. `asked` is held by all who ask it, `read` is for those who do not yet."""

    def __init__(self, model: LanguageModel, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._clock = clock
        self._one = asyncio.Lock()
        self._asking = 0
        self._nobody_asks = asyncio.Event()
        self._nobody_asks.set()
        self._reading: _Reading | None = None
        self._rests_until = 0.0

    async def read(self, unread: Unread) -> None:
        """Read all but the last line, as soon as nobody asks; after others who wait to be read."""
        async with self._one:
            while True:
                await self._nobody_asks.wait()
                if self._clock() < self._rests_until or (prompt := await unread()) is None:
                    return
                if not self._asking and await self._read(prompt):
                    return

    async def _read(self, prompt: Prompt) -> bool:
        """Whether that was all; False where somebody else's question came first."""
        reading = self._reading = _Reading(prompt)
        only_read = structs.replace(prompt, max_output_tokens=1)
        try:
            async with reading.until, self._model.stream(only_read) as words:
                async for _ in words:
                    pass
        except (ModelError, TimeoutError) as error:
            if not reading.gave_way:
                self._rests_until = self._clock() + REST_SECONDS
                logger.info("nothing was read ahead", kind=type(error).__name__)
        finally:
            self._reading = None
            reading.over.set()
        return not reading.gave_way

    @asynccontextmanager
    async def asked(self, prompt: Prompt) -> AsyncIterator[None]:
        """Held from before a question is sent until its answer is over.

        One that begins like what is being read waits until it was: sent at once, it would have the
        model read the same twice, side by side. Any other stops the reading.
        """
        self._asking += 1
        self._nobody_asks.clear()
        try:
            if (reading := self._reading) is not None:
                if begin_alike(reading.prompt.lines, prompt.lines):
                    await reading.over.wait()
                else:
                    reading.give_way()
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._nobody_asks.set()


class _Reading:
    """One prompt being read, for so long at most."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.over = asyncio.Event()
        self.until = asyncio.timeout(READING_SECONDS)
        self.gave_way = False

    def give_way(self) -> None:
        """Stop as soon as possible: what was read so far is kept by the model."""
        self.gave_way = True
        if not self.until.expired():
            self.until.reschedule(0.0)


def begin_alike(read: tuple[Line, ...], asked: tuple[Line, ...]) -> bool:
    """Whether two prompts are the same but for their last lines."""
    return read[:-1] == asked[:-1]
