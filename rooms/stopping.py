"""What must be completed though its task is cancelled: commits, settlements, last words.

Cancelling a turn is the stop button; these see to it that the button stops only the talk.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import structlog

logger = structlog.get_logger(__name__)
T = TypeVar("T")


async def finish(work: Coroutine[object, object, T]) -> T:
    """Complete `work` even if we are cancelled meanwhile, then let the cancellation through."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.info("finished with an error while being cancelled", error=type(error).__name__)
        raise


async def survive(work: Coroutine[object, object, T]) -> T:
    """As `finish`, but whoever is cancelled meanwhile still gets what came of it: a second stop,
    or a message on its heels, must not lose a settled reply. The cancellation follows then."""
    task, cancelled = asyncio.ensure_future(work), False
    while True:
        try:
            result = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
            continue
        if cancelled and (waiting := asyncio.current_task()) is not None:
            waiting.cancel()
        return result
