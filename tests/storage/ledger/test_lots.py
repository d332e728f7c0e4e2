"""Lots: their order, their days, their ends, and how grants are taken back."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from storage.ledger import turns, wallets
from storage.ledger.wallets import NoSuchGrant
from tests.storage.ledger.acts import (
    CREDIT,
    DAILY,
    at_ms,
    gives,
    make_room,
    opens,
    settles,
    standing,
)
from tests.storage.ledger.conftest import Clock

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = pytest.mark.stores


# --- lots, days, lapses


async def test_credits_are_spent_in_the_order_daily_then_dated_bonus_then_purchased(
    database: "Pool",
) -> None:
    await make_room(database, "ann", "r_ann")
    soon, later = await at_ms(database, 3_600), await at_ms(database, 7_200)
    await gives(database, "ann", CREDIT, "bought")
    await gives(database, "ann", CREDIT, "b0", kind="bonus", priority=25, promo=True)
    await gives(database, "ann", CREDIT, "b2", kind="bonus", priority=25, expires=later)
    await gives(database, "ann", CREDIT, "b1", kind="bonus", priority=25, expires=soon, promo=True)
    found = await wallets.balance(database, "ann", "UTC", DAILY)
    order = [(lot["kind"], lot["expires"]) for lot in found.lots]
    assert [kind for kind, _ in order] == ["daily", "bonus", "bonus", "bonus", "purchased"]
    assert [expires for _, expires in order[1:]] == [soon, later, None, None]
    await opens(database, "ann", "h1", amount=12 * CREDIT, least=1)
    settled = await settles(database, "ann", "h1", 11_500_000)
    assert [lot["kind"] for lot in settled.wallet.lots] == ["bonus", "bonus", "purchased"]
    assert settled.wallet.available == 2_500_000
    assert await wallets.audit(database) == {}


async def test_the_allowance_comes_once_a_day_however_often_it_is_asked_for(
    database: "Pool",
) -> None:
    asked = [wallets.balance(database, "ann", "Europe/Paris", DAILY) for _ in range(8)]
    found = await asyncio.gather(*asked)
    assert {one.available for one in found} == {10 * CREDIT}
    assert len(await wallets.transactions(database, "ann", 10)) == 1


@pytest.mark.parametrize("period", ["day", "week", "month"])
async def test_the_next_period_brings_a_new_allowance_and_the_old_one_lapses(
    clock: Clock, period: str
) -> None:
    db, allowance = clock.db, turns.Allowance(10 * CREDIT, period)  # type: ignore[arg-type]
    await make_room(db, "ann", "r_ann")
    await opens(db, "ann", "h1", allowance=allowance)
    await settles(db, "ann", "h1", CREDIT)
    await clock.to_the_end_of(period, "-1 second")
    assert (await wallets.balance(db, "ann", "UTC", allowance)).available == 9 * CREDIT
    await clock.to_the_end_of(period)
    assert (await wallets.balance(db, "ann", "UTC", allowance)).available == 10 * CREDIT
    kinds = [entry.kind for entry in await wallets.transactions(db, "ann", 10)]
    assert kinds == ["grant", "lapse", "capture", "grant"]
    assert await wallets.audit(db) == {}


async def test_days_away_bring_one_allowance_not_many(clock: Clock) -> None:
    await wallets.balance(clock.db, "ann", "UTC", DAILY)
    await clock.forward("40 days")
    assert (await wallets.balance(clock.db, "ann", "UTC", DAILY)).available == 10 * CREDIT


async def test_a_clock_set_back_mints_nothing_twice(clock: Clock) -> None:
    await clock.forward("2 days")
    await wallets.balance(clock.db, "ann", "UTC", DAILY)
    await clock.forward("-2 days")
    await wallets.balance(clock.db, "ann", "UTC", DAILY)
    await clock.forward("2 days")
    assert (await wallets.balance(clock.db, "ann", "UTC", DAILY)).available == 10 * CREDIT
    assert len(await wallets.transactions(clock.db, "ann", 10)) == 1
    assert await wallets.audit(clock.db) == {}


async def test_who_travels_keeps_the_day_begun_and_then_lives_by_the_new_clock(
    clock: Clock,
) -> None:
    there, here = "Pacific/Kiritimati", "Pacific/Niue"  # 25 hours apart
    await wallets.balance(clock.db, "ann", there, DAILY)
    assert (await wallets.balance(clock.db, "ann", here, DAILY)).available == 10 * CREDIT
    await clock.forward("3 days")
    found = await wallets.balance(clock.db, "ann", here, DAILY)
    assert found.available == 10 * CREDIT
    assert await clock.db.fetchval("SELECT timezone FROM wallets") == here


async def test_midnight_is_the_persons_own(database: "Pool") -> None:
    """Two people on either side of the date line are minted until their own midnights."""
    for person, timezone in (("east", "Pacific/Kiritimati"), ("west", "Pacific/Niue")):
        await wallets.balance(database, person, timezone, DAILY)
    days = dict(await database.fetch("SELECT person, minted FROM wallets"))
    apart = await database.fetchval(  # one day, and two in the hour in which both are at an edge
        "SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date"
        " - (now() AT TIME ZONE 'Pacific/Niue')::date"
    )
    assert (days["east"] - days["west"]).days == apart
    assert apart in {1, 2}
    ends = await database.fetch("SELECT (lots->0->>'expires')::bigint / 1000 AS at FROM wallets")
    now = int(await database.fetchval("SELECT extract(epoch FROM now())::bigint"))
    assert all(0 < row["at"] - now <= 86_400 for row in ends)


async def test_a_lot_that_lapses_inside_a_hold_is_spent_first_and_its_rest_lapses(
    clock: Clock,
) -> None:
    db = clock.db
    await make_room(db, "ann", "r_ann")
    soon = await at_ms(db, 3_600)
    await gives(db, "ann", CREDIT, "b", kind="bonus", priority=25, expires=soon)
    await gives(db, "ann", CREDIT, "p")
    await opens(db, "ann", "h1", amount=1_500_000)
    await clock.forward("2 hours")
    settled = await settles(db, "ann", "h1", 600_000)
    assert settled.wallet.available == CREDIT  # the purchased half came back, the bonus did not
    entries = await wallets.transactions(db, "ann", 2)
    assert [(e.kind, e.amount, e.balance) for e in entries] == [
        ("lapse", 400_000, CREDIT),
        ("capture", 600_000, 1_400_000),
    ]
    assert await wallets.audit(db) == {}


async def test_the_day_changes_inside_a_hold(clock: Clock) -> None:
    db = clock.db
    await make_room(db, "ann", "r_ann")
    await opens(db, "ann", "h1", allowance=DAILY)
    await clock.to_the_end_of("day")
    opened = await opens(db, "ann", "h2", allowance=DAILY)
    assert opened.wallet.available == 9 * CREDIT  # today's; yesterday's nine have lapsed
    await settles(db, "ann", "h1", 250_000)  # yesterday's credit pays, its rest lapses
    assert (await settles(db, "ann", "h2", 250_000)).wallet.available == 9_750_000
    assert await wallets.audit(db) == {}


# --- grants and reversals


async def test_a_grant_is_made_once_per_ref(database: "Pool") -> None:
    made = await asyncio.gather(*(gives(database, "ann", CREDIT, "order 1") for _ in range(4)))
    assert sorted(made) == [False, False, False, True]
    assert await standing(database, "ann") == (CREDIT, 0)


async def test_a_reversal_takes_the_lot_back_and_says_what_was_spent_already(db: "Pool") -> None:
    await opens(db, "ann", "h1", amount=3 * CREDIT)
    await settles(db, "ann", "h1", 3 * CREDIT)
    assert await wallets.reverse(db, "ann", "start:ann") == (7 * CREDIT, 3 * CREDIT)
    assert await wallets.reverse(db, "ann", "start:ann") == (7 * CREDIT, 3 * CREDIT)
    assert await standing(db, "ann") == (0, 0)
    kinds = [entry.kind for entry in await wallets.transactions(db, "ann", 10)]
    assert kinds == ["shortfall", "reverse", "capture", "grant"]
    assert await wallets.audit(db) == {}


async def test_a_reversal_leaves_other_lots_alone(db: "Pool") -> None:
    await gives(db, "ann", CREDIT, "other")
    await wallets.reverse(db, "ann", "start:ann")
    assert await standing(db, "ann") == (CREDIT, 0)


async def test_what_a_hold_gives_back_of_a_reversed_lot_is_taken_back_too(db: "Pool") -> None:
    await opens(db, "ann", "h1", amount=3 * CREDIT)
    assert await wallets.reverse(db, "ann", "start:ann") == (7 * CREDIT, 3 * CREDIT)
    settled = await settles(db, "ann", "h1", 1 * CREDIT)
    assert settled.wallet.available == 0
    assert await wallets.audit(db) == {}


async def test_a_grant_that_never_was_cannot_be_reversed(db: "Pool") -> None:
    with pytest.raises(NoSuchGrant):
        await wallets.reverse(db, "ann", "no such order")
    with pytest.raises(NoSuchGrant):
        await wallets.reverse(db, "nobody", "start:ann")
