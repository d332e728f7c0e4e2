"""Has the small model read what the next question will begin with, while nobody waits for it.

It reads slowly and keeps what it has read, so whoever asks next waits for their own words alone.
A reading is never urgent: it begins only while nobody asks, and costs nobody anything.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from msgspec import structs

from rooms.dialogue.ports import LanguageModel, Line, ModelError, Prompt

logger = structlog.get_logger(__name__)
READING_SECONDS: Final = 5.0  # the longest prompt of a small model, on a busy machine


class ReadingAhead:
    """For one model. `asked` is held by all who ask it, `read` is for those who do not yet."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._asking = 0
        self._reading: tuple[Prompt, asyncio.Event] | None = None

    async def read(self, prompt: Prompt) -> None:
        """Until `prompt` was read, its last line in vain. Does nothing where the model is busy."""
        if self._asking or self._reading is not None:
            return
        self._reading = (prompt, asyncio.Event())
        only_read = structs.replace(prompt, max_output_tokens=1)
        try:
            async with (
                asyncio.timeout(READING_SECONDS),
                self._model.stream(only_read) as words,
            ):
                async for _ in words:
                    pass
        except (ModelError, TimeoutError) as error:
            logger.debug("nothing was read ahead", kind=type(error).__name__)
        finally:
            self._reading[1].set()
            self._reading = None

    @asynccontextmanager
    async def asked(self, prompt: Prompt) -> AsyncIterator[None]:
        """Held from before a question is sent until its answer is over.

        One that begins like what is being read waits until it was: sent at once, it would have the
        model read the same twice, side by side.
        """
        self._asking += 1
        try:
            if self._reading is not None and begin_alike(self._reading[0].lines, prompt.lines):
                await self._reading[1].wait()
            yield
        finally:
            self._asking -= 1


def begin_alike(read: tuple[Line, ...], asked: tuple[Line, ...]) -> bool:
    """Whether two prompts are the same but for their last lines."""
    return read[:-1] == asked[:-1]
