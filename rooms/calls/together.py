"""Waits of many calls that end together: a process that sleeps is woken once for all of them.

A call's clocks need no exact moment, and being woken costs more than what they then do: five times
a second for each of twenty calls was a twentieth of what a voice costs (docs/why/a-voice.md).
"""

import asyncio
import math
from typing import Final

STEP_SECONDS: Final = 0.05


async def wait(seconds: float) -> None:
    """Wait for so long, and up to a twentieth of a second more."""
    now = asyncio.get_running_loop().time()
    due = math.ceil((now + seconds) / STEP_SECONDS) * STEP_SECONDS
    await asyncio.sleep(due - now)
