"""A model asked before it is known whether its answer will be wanted.

What it says waits here, unread and unpaid. Whoever has exactly the same prompt may take it; a
prompt that differs in anything means that something it depended on has changed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from rooms.dialogue.ports import Ended, ModelBroken, ModelError, Prompt, Words
from rooms.dialogue.router import Answering, Router

WAITING: Final = 64


class Ahead:
    """One early question. Must be taken through `stream`, or closed."""

    def __init__(self, router: Router, prompt: Prompt) -> None:
        self.prompt = prompt
        self._waiting: asyncio.Queue[Words | Ended | ModelError | None] = asyncio.Queue(WAITING)
        self._begun: asyncio.Future[tuple[str, str, bool, int]] = (
            asyncio.get_running_loop().create_future()
        )
        self._task = asyncio.create_task(self._ask(router), name="ask ahead")

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Answering]:
        """The answer, as `Router.stream` would give it. Raises ModelError."""
        try:
            provider, model, is_demo, saw = await self._begun
            yield Answering(provider, model, self._words(), is_demo=is_demo, saw=saw)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Nobody wants it: the model is told to stop."""
        self.drop()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self._task])

    def drop(self) -> None:
        """As `aclose`, without waiting."""
        self._task.cancel()
        if self._begun.done() and not self._begun.cancelled():
            self._begun.exception()  # nobody will ask

    async def _words(self) -> AsyncIterator[Words | Ended]:
        while (item := await self._waiting.get()) is not None:
            if isinstance(item, ModelError):
                raise item
            yield item

    async def _ask(self, router: Router) -> None:
        try:
            async with router.stream(self.prompt) as answer:
                told = (answer.provider, answer.model, answer.is_demo, answer.saw)
                self._begun.set_result(told)
                async for item in answer.words:
                    await self._waiting.put(item)
                await self._waiting.put(None)
        except ModelError as error:
            if self._begun.done():
                await self._waiting.put(error)
            else:
                self._begun.set_exception(error)
                self._begun.exception()
        finally:
            if not self._begun.done():
                self._begun.set_exception(ModelBroken("the early question was dropped"))
                self._begun.exception()
