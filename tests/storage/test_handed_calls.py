"""An open call taken by the next holder: the old one can neither extend nor settle it any more."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from storage.calls import find_call
from storage.handed_calls import take_call
from storage.ledger import wallets
from storage.ledger.turns import NoSuchHold, StaleHolder, extend_hold, foreign_holds
from tests.storage.ledger.acts import CREDIT, rich, standing
from tests.storage.test_calls import ends, opens

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = pytest.mark.stores
TERMS = {"price": {"microcredits_per_second": 15_000}, "limit_ms": 60_000}


@pytest.fixture
async def db(database: "Pool") -> "Pool":
    await rich(database, "ann")
    await opens(database, "ann", "c1", terms=TERMS)
    await extend_hold(database, "ann", "h_c1", 1, 0, 500_000, 1000, 90)
    return database


async def test_the_next_holder_gets_what_was_agreed_and_what_is_held(db: "Pool") -> None:
    taken = await take_call(db, "ann", "h_c1", 5, "b", 90)
    assert taken is not None
    assert (taken.person, taken.companion, taken.kind) == ("ann", "mira", "voice")
    assert (taken.amount, taken.k, taken.terms) == (CREDIT + 500_000, 1, TERMS)
    assert await foreign_holds(db, ["b"], 10) == [], "it is that node's to renew"
    row = await find_call(db, "c1")
    assert row is not None
    assert (row.node, row.ended_at) == ("b", None)
    assert await extend_hold(db, "ann", "h_c1", 5, 1, 1000, 2000, 90) == CREDIT + 501_000
    ended = await ends(db, "ann", "c1", 700_000, fence=5)
    assert (ended.outcome, ended.captured) == ("settled", 700_000)
    assert await standing(db, "ann") == (10 * CREDIT - 700_000, 0)
    assert await wallets.audit(db) == {}


async def test_the_holder_before_can_do_nothing_any_more(db: "Pool") -> None:
    assert await take_call(db, "ann", "h_c1", 5, "b", 90) is not None
    before = await standing(db, "ann")
    with pytest.raises(NoSuchHold):
        await extend_hold(db, "ann", "h_c1", 1, 1, 1000, 2000, 90)
    with pytest.raises(StaleHolder):
        await ends(db, "ann", "c1", 9_000, fence=1)
    assert await take_call(db, "ann", "h_c1", 4, "a", 90) is None, "nor take it back"
    assert await standing(db, "ann") == before


async def test_of_two_that_take_it_at_once_the_newer_has_it_and_one_end_is_charged(
    db: "Pool",
) -> None:
    fences = [5, 8, 6, 7, 8]
    await asyncio.gather(*(take_call(db, "ann", "h_c1", f, f"n{f}", 90) for f in fences))
    assert await db.fetchval("SELECT node FROM calls WHERE call = 'c1'") == "n8"
    for fence in (5, 6, 7):
        with pytest.raises(NoSuchHold):
            await extend_hold(db, "ann", "h_c1", fence, 1, 1000, 2000, 90)
    came = await asyncio.gather(
        *(ends(db, "ann", "c1", 1000 * fence, fence=fence) for fence in fences),
        return_exceptions=True,
    )
    settled = [one for one in came if not isinstance(one, BaseException)]
    assert {one.captured for one in settled} == {8_000}
    assert await standing(db, "ann") == (10 * CREDIT - 8_000, 0)
    assert await db.fetchval("SELECT count(*) FROM entries WHERE kind = 'capture'") == 1
    assert await wallets.audit(db) == {}


async def test_a_newer_holder_of_the_room_is_never_robbed_of_its_call(db: "Pool") -> None:
    await db.execute("UPDATE rooms SET fence = 9 WHERE room = 'r_ann'")
    assert await take_call(db, "ann", "h_c1", 5, "b", 90) is None
    assert (await ends(db, "ann", "c1", 1000, fence=9)).outcome == "settled"


async def test_what_has_ended_or_never_was_is_not_taken(db: "Pool") -> None:
    assert await take_call(db, "ann", "h_none", 5, "b", 90) is None
    await ends(db, "ann", "c1", 1000)
    assert await take_call(db, "ann", "h_c1", 5, "b", 90) is None
