"""Waits for the outside world: another process, another task, a network, which tell nobody."""

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], seconds: float = 25.0) -> None:
    """Until it holds: in milliseconds, or in seconds where the machine is busy."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.01)
