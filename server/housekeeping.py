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
from storage.database import DATABASE_AWAY
from storage.ledger.turns import (
    HoldRow,
    expired_holds,
    foreign_holds,
    last_rooms,
    overdue_holds,
    renew_holds,
)
from storage.members import forget_invitations
from storage.rooms import forget_commands

if TYPE_CHECKING:
    from server.house import House

logger = structlog.get_logger(__name__)
AWAY = (*DATABASE_AWAY, asyncpg.PostgresError, BusDown)
SETTLE_BLIND_SECONDS: Final = 900.0
UNTOLD_SECONDS: Final = 600.0
SETTLING_SECONDS: Final = 90.0  # past a turn's own limit: nobody here works on that hold any more
BATCH: Final = 200
COMMANDS_HOURS: Final = 24
TIDY_PASSES: Final = 600


async def keep_house(house: "House", every_seconds: float) -> None:
    """Passes until cancelled; the first one at once, for what died before we started."""
    passes = 0
    buried: set[str] = set()
    while True:
        try:
            await one_pass(house, buried)
            if passes % TIDY_PASSES == 0:
                await forget_commands(house.db, COMMANDS_HOURS)
                await forget_invitations(house.db, COMMANDS_HOURS)
                await house.accounts.erase_due()
                await house.recordings.sweep()
                await house.figures.sweep()
                await house.catalogue.write_popularity()
        except AWAY as error:
            logger.warning("housekeeping waits for the stores", error=type(error).__name__)
        passes += 1
        await asyncio.sleep(every_seconds)


async def one_pass(house: "House", buried: set[str]) -> None:
    """Renew our holds; bring home those of nodes that are gone. `buried`: those seen to already."""
    node = house.realtime.node
    await renew_holds(house.db, node, house.settings.rooms.hold_seconds)
    living = [*await house.realtime.bus.living(), node]
    orphans = await foreign_holds(house.db, living, BATCH)
    longest_seconds = house.settings.rooms.turn_seconds + SETTLING_SECONDS
    orphans += await overdue_holds(house.db, node, longest_seconds, BATCH)
    for room in dict.fromkeys(hold.room for hold in orphans if hold.room is not None):
        await house.realtime.holder.recover(room)
    for hold in orphans:
        if hold.room is None:
            await _settle_blind(house, hold)
    await _tell_untold_ends(house, living, buried)
    await house.recordings.tapes.finish_left()
    for hold in await expired_holds(house.db, SETTLE_BLIND_SECONDS, BATCH):
        await _settle_blind(house, hold)


async def _tell_untold_ends(house: "House", living: list[str], buried: set[str]) -> None:
    """A node that died between settling and telling left no hold, but an open reply in a log."""
    known = [*living, *buried]
    found = await last_rooms(house.db, known, UNTOLD_SECONDS, BATCH)
    for room in dict.fromkeys(room for _, room in found):
        if (await house.realtime.bus.head(room)).open:
            await house.realtime.holder.recover(room)
    if len(found) < BATCH:
        buried.update(node for node, _ in found)


async def _end_call_blind(house: "House", hold: HoldRow) -> None:
    """The same for a call, which ends with it."""
    try:
        await house.call_credits.take_over(hold, 2**62, metered_ms=0, microcredits=hold.metered)
    except (LogStale, Unavailable):
        logger.info("a call was ended by somebody else", hold=hold.hold)


async def _settle_blind(house: "House", hold: HoldRow) -> None:
    """No log to ask: charge what the database last knew, which is in the person's favour."""
    if hold.kind == "call":
        await _end_call_blind(house, hold)
        return
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
