"""What a node does now and then: keep its holds alive, settle dead nodes' holds, tidy up.

Each pass is idempotent and safe on every node at once, so no leader is needed.
"""

import asyncio
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog

from rooms.credits.wallet import Outcome
from rooms.errors import Unavailable
from rooms.ports import LogStale
from rooms.shapes import Usage
from storage.bus.ports import BusDown
from storage.ledger.turns import HoldRow, expired_holds, foreign_holds, renew_holds
from storage.rooms import forget_commands

if TYPE_CHECKING:
    from server.house import House

logger = structlog.get_logger(__name__)
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, BusDown)
SETTLE_BLIND_SECONDS: Final = 900.0
BATCH: Final = 200
COMMANDS_HOURS: Final = 24


async def keep_house(house: "House", every_seconds: float) -> None:
    """Passes until cancelled; the first one at once, for what died before we started."""
    passes = 0
    while True:
        try:
            await one_pass(house)
            if passes % 120 == 0:
                await forget_commands(house.db, COMMANDS_HOURS)
                await house.accounts.erase_due()
        except AWAY as error:
            logger.warning("housekeeping waits for the stores", error=type(error).__name__)
        passes += 1
        await asyncio.sleep(every_seconds)


async def one_pass(house: "House") -> None:
    """Renew our holds; bring home those of nodes that are gone."""
    node = house.realtime.node
    await renew_holds(house.db, node, house.settings.rooms.hold_seconds)
    living = [*await house.realtime.bus.living(), node]
    orphans = await foreign_holds(house.db, living, BATCH)
    for room in dict.fromkeys(hold.room for hold in orphans if hold.room is not None):
        await house.realtime.holder.recover(room)
    for hold in orphans:
        if hold.room is None:
            await _settle_blind(house, hold)
    for hold in await expired_holds(house.db, SETTLE_BLIND_SECONDS, BATCH):
        await _settle_blind(house, hold)


async def _settle_blind(house: "House", hold: HoldRow) -> None:
    """No log to ask: charge what the database last knew, which is in the person's favour."""
    outcome = Outcome(
        status="interrupted",
        code="holder_died",
        continuable=False,
        text="",
        logged_microcredits=hold.metered,
        usage=Usage(input_tokens=0, output_tokens=0, source="kindred"),
        provider="",
        model="",
        first_token_ms=None,
        total_ms=0,
    )
    try:
        await house.credits.take_over(hold, outcome, 2**62)
    except (LogStale, Unavailable):
        logger.info("a hold was settled by somebody else", hold=hold.hold)
