"""Credits as a turn meets them when the database falters: asked again, or told plainly."""

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from config.plans import PriceBook
from rooms.credits.wallet import Credits
from rooms.errors import Unavailable
from storage.ledger import turns, wallets
from tests.storage.ledger.acts import CREDIT, opening, rich, settling, standing

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = pytest.mark.stores


class Torn:
    """A pool whose connection is torn after the statement is done, the first few times."""

    def __init__(self, db: "Pool", times: int, error: Exception) -> None:
        self._db = db
        self._times = times
        self._error = error

    async def fetchrow(self, query: str, *values: Any) -> Any:
        row = await self._db.fetchrow(query, *values)
        self._times -= 1
        if self._times >= 0:
            raise self._error
        return row


LOST = [
    ConnectionResetError(),
    asyncpg.AdminShutdownError("terminating connection"),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"),
    asyncpg.InternalClientError("another operation is in progress"),
    asyncpg.DeadlockDetectedError("deadlock detected"),
]


def credits(db: Any) -> Credits:
    return Credits(db, {}, PriceBook(), hold_seconds=90, now_ms=lambda: 0)


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
async def test_a_hold_whose_answer_was_lost_is_found_again_and_held_once(
    database: "Pool", error: Exception
) -> None:
    await rich(database, "ann")
    torn, turn = Torn(database, 2, error), opening("ann", "h1")
    opened = await credits(torn).surely(lambda: turns.open_turn(torn, turn))
    assert (opened.outcome, opened.granted, opened.n) == ("opened", CREDIT, 1)
    assert await standing(database, "ann") == (9 * CREDIT, CREDIT)
    assert await wallets.audit(database) == {}


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
async def test_whatever_the_database_dies_of_a_person_is_told_to_try_again(
    database: "Pool", error: Exception
) -> None:
    with pytest.raises(Unavailable):
        async with credits(database).refusals(None):
            raise error


async def test_a_lost_settlement_repeated_charges_once(database: "Pool") -> None:
    await rich(database, "ann")
    await turns.open_turn(database, opening("ann", "h1"))
    torn = Torn(database, 2, LOST[1])
    settled = await credits(torn)._settle(settling("ann", "h1", 300_000), None)
    assert settled.captured_microcredits == 300_000
    assert await standing(database, "ann") == (9_700_000, 0)
