"""The laws of a turn's two commits, one by one, on the real database."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from storage.ledger import turns, wallets
from storage.ledger.turns import NoSuchHold, NotEnoughCredits, StaleHolder, extend_hold
from tests.storage.ledger.acts import (
    CREDIT,
    at_ms,
    gives,
    make_room,
    opens,
    rich,
    settles,
    standing,
)
from tests.storage.ledger.conftest import Clock

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = pytest.mark.stores


async def count(db: "Pool", table: str) -> int:
    return int(await db.fetchval(f"SELECT count(*) FROM {table}"))


# --- open and settle


async def test_a_turn_holds_its_worst_case_and_charges_what_was_delivered(db: "Pool") -> None:
    opened = await opens(db, "ann", "h1")
    assert (opened.outcome, opened.n, opened.granted) == ("opened", 1, CREDIT)
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)
    settled = await settles(db, "ann", "h1", 300_000)
    assert (settled.outcome, settled.captured, settled.n) == ("settled", 300_000, 2)
    assert await standing(db, "ann") == (9_700_000, 0)
    assert await wallets.audit(db) == {}


async def test_an_opening_repeated_four_times_at_once_happens_once(db: "Pool") -> None:
    asked = [opens(db, "ann", f"h{n}", key="k", digest=b"same") for n in range(4)]
    told = await asyncio.gather(*asked)
    assert sorted(one.outcome for one in told) == ["opened"] + ["repeated"] * 3
    assert len({one.answer["reply"] for one in told if one.answer}) == 1
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)
    assert await count(db, "messages") == 1


async def test_who_lost_the_answer_asks_again_and_finds_the_hold_standing(db: "Pool") -> None:
    first = await opens(db, "ann", "h1")
    again = await opens(db, "ann", "h1")
    assert (again.outcome, again.granted, again.n) == ("opened", first.granted, first.n)
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)
    await settles(db, "ann", "h1", CREDIT)
    assert (await opens(db, "ann", "h1")).outcome == "repeated"  # it is over by now


async def test_the_same_key_with_other_content_is_refused_and_holds_nothing(db: "Pool") -> None:
    await opens(db, "ann", "h1", key="k")
    again = await opens(db, "ann", "h2", key="k", digest=b"other")
    assert again.outcome == "key_reused"
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)


async def test_keys_of_two_people_do_not_meet(db: "Pool") -> None:
    await rich(db, "bob")
    await opens(db, "ann", "h1", key="k")
    assert (await opens(db, "bob", "h2", key="k")).outcome == "opened"


async def test_settling_four_times_at_once_charges_once(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    told = await asyncio.gather(*(settles(db, "ann", "h1", 300_000) for _ in range(4)))
    assert sorted(one.outcome for one in told) == ["already"] * 3 + ["settled"]
    assert {(one.captured, one.n, one.receipt) for one in told} == {(300_000, 2, "rc_h1")}
    assert await standing(db, "ann") == (9_700_000, 0)
    assert await count(db, "receipts") == 1
    assert await wallets.audit(db) == {}


async def test_a_late_writer_with_another_amount_adopts_the_outcome(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    await settles(db, "ann", "h1", 300_000)
    late = await settles(db, "ann", "h1", 999_999, receipt="rc_late")
    assert (late.outcome, late.captured, late.receipt) == ("already", 300_000, "rc_h1")


async def test_nothing_is_captured_beyond_the_hold(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    assert (await settles(db, "ann", "h1", 5 * CREDIT)).captured == CREDIT
    assert await wallets.audit(db) == {}


async def test_nothing_delivered_costs_nothing_and_leaves_no_entry(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    settled = await settles(db, "ann", "h1", 0)
    assert (settled.captured, settled.n) == (0, None)
    assert await standing(db, "ann") == (10 * CREDIT, 0)
    assert [entry.kind for entry in await wallets.transactions(db, "ann", 10)] == ["grant"]
    assert await db.fetchval("SELECT state FROM holds") == "released"


async def test_an_older_holder_cannot_open(db: "Pool") -> None:
    await opens(db, "ann", "h1", fence=7)
    with pytest.raises(StaleHolder):
        await opens(db, "ann", "h2", fence=6)
    assert await count(db, "commands") == 1  # a refusal leaves no trace
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)


async def test_an_older_holder_cannot_settle(db: "Pool") -> None:
    await opens(db, "ann", "h1", fence=7)
    await db.execute("UPDATE rooms SET fence = 8")
    with pytest.raises(StaleHolder):
        await settles(db, "ann", "h1", 300_000, fence=7)
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)
    taken = await settles(db, "ann", "h1", 200_000, fence=8)
    assert (taken.outcome, taken.captured) == ("settled", 200_000)


async def test_a_hold_that_never_was_cannot_be_settled(db: "Pool") -> None:
    with pytest.raises(NoSuchHold):
        await settles(db, "ann", "h1", 1)
    await opens(db, "ann", "h1")
    with pytest.raises(NoSuchHold):
        await settles(db, "bob", "h1", 1)  # somebody else's


async def test_an_api_completion_needs_no_room(db: "Pool") -> None:
    await opens(db, "ann", "h1", home=None, room=None, message=None, parts=None)
    settled = await settles(db, "ann", "h1", 300_000)
    assert (settled.captured, settled.n) == (300_000, None)
    assert await count(db, "messages") == 0
    assert await wallets.audit(db) == {}


async def test_the_payer_pays_for_what_another_person_says(db: "Pool") -> None:
    await opens(db, "bob", "h1", payer="ann", home="ann", room="r_ann")
    await settles(db, "ann", "h1", 300_000)
    assert await standing(db, "ann") == (9_700_000, 0)
    assert await db.fetchval("SELECT count(*) FROM entries WHERE person = 'bob'") == 0


# --- not enough


async def test_without_enough_for_a_beginning_a_turn_is_refused_with_the_figures(
    db: "Pool",
) -> None:
    with pytest.raises(NotEnoughCredits) as refused:
        await opens(db, "ann", "h1", amount=20 * CREDIT, least=11 * CREDIT)
    assert (refused.value.available, refused.value.needed) == (10 * CREDIT, 11 * CREDIT)
    assert refused.value.ceiling is None
    assert await count(db, "messages") == 0
    assert await count(db, "commands") == 0


async def test_less_than_the_worst_case_holds_what_there_is(db: "Pool") -> None:
    opened = await opens(db, "ann", "h1", amount=20 * CREDIT, least=1 * CREDIT)
    assert opened.granted == 10 * CREDIT
    assert await standing(db, "ann") == (0, 10 * CREDIT)


async def test_an_unmetered_turn_opens_on_an_empty_wallet(db: "Pool") -> None:
    await make_room(db, "bob", "r_bob")
    opened = await opens(db, "bob", "h1", amount=0, least=0)
    assert (opened.outcome, opened.granted) == ("opened", 0)
    assert (await settles(db, "bob", "h1", 0)).captured == 0


async def test_a_days_ceiling_counts_what_is_spent_and_what_is_held(db: "Pool") -> None:
    await wallets.set_ceilings(db, "ann", "UTC", 2_500_000, {})
    await opens(db, "ann", "h1")
    await settles(db, "ann", "h1", CREDIT)
    await opens(db, "ann", "h2")
    third = await opens(db, "ann", "h3")
    assert third.granted == 500_000
    with pytest.raises(NotEnoughCredits) as refused:
        await opens(db, "ann", "h4")
    assert refused.value.ceiling == "day"
    await settles(db, "ann", "h2", 0)
    assert (await opens(db, "ann", "h5")).granted == CREDIT


async def test_a_new_day_begins_a_new_ceiling(clock: Clock) -> None:
    db = clock.db
    await rich(db, "ann")
    await wallets.set_ceilings(db, "ann", "UTC", CREDIT, {})
    await opens(db, "ann", "h1")
    await settles(db, "ann", "h1", CREDIT)
    with pytest.raises(NotEnoughCredits):
        await opens(db, "ann", "h2")
    await clock.to_the_end_of("day")
    assert (await opens(db, "ann", "h2")).granted == CREDIT
    assert (await settles(db, "ann", "h2", 400_000)).captured == 400_000
    assert await db.fetchval("SELECT spent_today FROM wallets") == 400_000


async def test_a_rooms_ceiling_binds_that_room_only(db: "Pool") -> None:
    await make_room(db, "ann", "r_other")
    await wallets.set_ceilings(db, "ann", "UTC", None, {"r_ann": 1_500_000})
    await opens(db, "ann", "h1")
    await settles(db, "ann", "h1", 800_000)
    assert (await opens(db, "ann", "h2")).granted == 700_000
    with pytest.raises(NotEnoughCredits) as refused:
        await opens(db, "ann", "h3")
    assert refused.value.ceiling == "room"
    assert (await opens(db, "ann", "h4", room="r_other")).granted == CREDIT


# --- holds that grow and live


async def test_a_hold_grows_once_per_step_and_by_what_there_is(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    assert await extend_hold(db, "ann", "h1", 1, 0, 2 * CREDIT, 500_000, 90) == 3 * CREDIT
    assert await extend_hold(db, "ann", "h1", 1, 0, 2 * CREDIT, 500_000, 90) == 3 * CREDIT
    assert await extend_hold(db, "ann", "h1", 1, 1, 50 * CREDIT, 900_000, 90) == 10 * CREDIT
    assert await standing(db, "ann") == (0, 10 * CREDIT)
    assert (await settles(db, "ann", "h1", 4 * CREDIT)).captured == 4 * CREDIT
    assert await standing(db, "ann") == (6 * CREDIT, 0)
    assert await wallets.audit(db) == {}


async def test_a_hold_does_not_grow_by_credits_that_have_lapsed(clock: Clock) -> None:
    await rich(clock.db, "ann", 1)
    soon = await at_ms(clock.db, 3_600)
    await gives(clock.db, "ann", CREDIT, "b", kind="bonus", expires=soon)
    await opens(clock.db, "ann", "h1", amount=500_000)
    await clock.forward("2 hours")
    assert await extend_hold(clock.db, "ann", "h1", 1, 0, 9 * CREDIT, 0, 90) == 1_500_000
    assert await wallets.audit(clock.db) == {}


async def test_a_settled_hold_does_not_grow(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    await settles(db, "ann", "h1", CREDIT)
    with pytest.raises(NoSuchHold):
        await extend_hold(db, "ann", "h1", 1, 0, CREDIT, 0, 90)
    await opens(db, "ann", "h2", fence=5)
    with pytest.raises(NoSuchHold):
        await extend_hold(db, "ann", "h2", 4, 0, CREDIT, 0, 90)  # an older holder


async def test_a_living_nodes_holds_do_not_expire_and_a_dead_ones_do(db: "Pool") -> None:
    await rich(db, "bob")
    await opens(db, "ann", "h1", node="living", seconds=-5)
    await opens(db, "bob", "h2", node="dead", seconds=-5)
    await turns.renew_holds(db, "living", 90)
    assert [hold.hold for hold in await turns.expired_holds(db, 0, 10)] == ["h2"]
    assert [hold.hold for hold in await turns.foreign_holds(db, ["living"], 10)] == ["h2"]
    assert [hold.hold for hold in await turns.open_holds(db, "bob", "r_bob")] == ["h2"]
