"""What a call does last: it parts with its legs, and is charged for what was talked, once.

While the database is away its task waits; somebody else settles what it gives up on.
"""

import asyncio
from typing import Any, Final

import structlog

from media.calls.leg import Leg
from rooms.calls.life import CallLife
from rooms.credits.calls import CallCredits, Calling, CallSettled
from rooms.errors import Unavailable
from rooms.ports import LogStale

logger = structlog.get_logger(__name__)
SETTLE_SECONDS: Final = 60.0
LET_GO_SECONDS: Final = 2.0
MOST_WAIT_SECONDS: Final = 2.0


async def hang_up(legs: list[Leg], reason: str) -> None:
    """Hang up on every one of them."""
    for leg in legs:
        try:
            async with asyncio.timeout(LET_GO_SECONDS):
                await leg.aclose(reason)
        except (TimeoutError, OSError) as error:
            logger.info("a leg did not answer its goodbye", why=type(error).__name__)


async def settled(
    credits: CallCredits,
    calling: Calling,
    life: CallLife,
    fence: int,
    quality: dict[str, Any],
    pictures: int = 0,
) -> CallSettled | None:
    """Charge a call that has ended, and store it. None: somebody else will."""
    assert life.reason is not None, "it has ended"
    deadline, wait_seconds = asyncio.get_running_loop().time() + SETTLE_SECONDS, 0.1
    while True:
        try:
            return await credits.settle(
                calling,
                fence,
                metered_ms=life.meter.metered_ms,
                free_ms=life.meter.free_ms,
                microcredits=life.meter.spent_microcredits,
                reason=life.reason,
                quality=quality,
                pictures=pictures,
            )
        except Unavailable:
            if asyncio.get_running_loop().time() > deadline:
                logger.error("a call is not settled yet", call=calling.call)
                return None
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, MOST_WAIT_SECONDS)
        except LogStale:
            return None
