"""Calls at rest: the hold and the call stand or fall together, one of each, ended once."""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from storage.calls import (
    CallRow,
    EndCall,
    EndedCall,
    InCallAlready,
    OpenCall,
    OpenedCall,
    calls_of,
    end_call,
    find_call,
    keep_call,
    last_calls,
    open_call,
    open_call_of,
    seconds_today,
)
from storage.database import open_pool
from storage.ledger import wallets
from storage.ledger.turns import HoldRow, NotEnoughCredits, StaleHolder, extend_hold
from tests.storage.ledger.acts import CREDIT, NONE, make_room, rich, standing
from tests.storage.ledger.world import World

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = pytest.mark.stores
SEED = int(os.environ.get("SEED", random.randrange(10**6)))


async def opens(db: "Pool", person: str, call: str, **changes: Any) -> OpenedCall:
    """A call of a person in their room `r_PERSON`, holding one credit."""
    values: dict[str, Any] = {
        "person": person,
        "key": f"k_{call}",
        "digest": call.encode(),
        "answer": {"call": call},
        "payer": person,
        "timezone": "UTC",
        "allowance": NONE,
        "home": person,
        "room": f"r_{person}",
        "fence": 1,
        "node": "a",
        "hold": f"h_{call}",
        "call": call,
        "companion": "mira",
        "amount": CREDIT,
        "least": CREDIT // 10,
        "seconds": 90,
        "kind": "voice",
        "transport": "socket",
    }
    return await open_call(db, OpenCall(**{**values, **changes}))


async def ends(db: "Pool", person: str, call: str, metered: int, **changes: Any) -> EndedCall:
    values: dict[str, Any] = {
        "payer": person,
        "hold": f"h_{call}",
        "fence": 1,
        "metered": metered,
        "seconds": metered // 1000,
        "reason": "hung_up",
        "message": f"m_{call}",
        "receipt": f"rc_{call}",
        "receipt_doc": {"id": f"rc_{call}"},
    }
    return await end_call(db, EndCall(**{**values, **changes}))


@pytest.fixture
async def db(database: "Pool") -> "Pool":
    await rich(database, "ann")
    return database


async def test_a_call_is_held_and_its_end_charged_with_an_entry_in_the_branch(db: "Pool") -> None:
    opened = await opens(db, "ann", "c1")
    assert (opened.outcome, opened.granted) == ("opened", CREDIT)
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)
    assert await open_call_of(db, "ann") == ("c1", "r_ann")
    ended = await ends(db, "ann", "c1", 400_000, quality={"turns": 3})
    assert (ended.captured, ended.seconds, ended.n) == (400_000, 400, 1)
    assert await standing(db, "ann") == (CREDIT * 10 - 400_000, 0)
    row = await find_call(db, "c1")
    assert isinstance(row, CallRow)
    assert (row.cost, row.reason, row.message, row.quality) == (
        400_000, "hung_up", "m_c1", {"turns": 3},
    )  # fmt: skip
    message = await db.fetchrow("SELECT * FROM messages WHERE message = 'm_c1'")
    assert (message["sender_kind"], message["parts"][0]["seconds"]) == ("system", 400)
    assert await db.fetchval("SELECT head FROM rooms WHERE room = 'r_ann'") == "m_c1"
    assert await open_call_of(db, "ann") is None
    assert await wallets.audit(db) == {}


async def test_whoever_ends_it_again_is_told_the_same_and_charges_nothing(db: "Pool") -> None:
    await opens(db, "ann", "c1")
    first = await ends(db, "ann", "c1", 400_000)
    again = await ends(db, "ann", "c1", 900_000, reason="holder_died", message="m_other", fence=7)
    assert again.outcome == "already"
    told = ("captured", "seconds", "reason", "message", "n", "parent", "receipt")
    assert [getattr(again, name) for name in told] == [getattr(first, name) for name in told]
    assert await db.fetchval("SELECT count(*) FROM messages") == 1


async def test_four_ends_at_once_are_one(db: "Pool") -> None:
    await opens(db, "ann", "c1")
    ended = await asyncio.gather(*(ends(db, "ann", "c1", 1000 * n) for n in range(1, 5)))
    assert len({one.captured for one in ended}) == 1
    assert [one.outcome for one in ended].count("settled") == 1


async def test_a_room_and_a_person_are_in_one_call_at_a_time(db: "Pool") -> None:
    await rich(db, "bob")
    await make_room(db, "ann", "r_second")
    await opens(db, "ann", "c1")
    for who, changes, where in (
        ("bob", {"home": "ann", "room": "r_ann"}, "room"),
        ("ann", {"room": "r_second"}, "person"),
    ):
        before = await standing(db, who)
        with pytest.raises(InCallAlready) as refused:
            await opens(db, who, "c2", **changes)
        assert refused.value.where == where
        assert await standing(db, who) == before
    assert await db.fetchval("SELECT count(*) FROM commands WHERE key = 'k_c2'") == 0
    await ends(db, "ann", "c1", 0)
    assert (await opens(db, "bob", "c2", home="ann", room="r_ann")).outcome == "opened"


async def test_who_cannot_pay_leaves_no_call(db: "Pool") -> None:
    with pytest.raises(NotEnoughCredits):
        await opens(db, "ann", "c1", amount=20 * CREDIT, least=11 * CREDIT)
    assert await find_call(db, "c1") is None


async def test_an_older_holder_neither_begins_nor_ends_a_call(db: "Pool") -> None:
    await opens(db, "ann", "c1")
    await db.execute("UPDATE rooms SET fence = 5 WHERE room = 'r_ann'")
    with pytest.raises(StaleHolder):
        await ends(db, "ann", "c1", 1000)
    with pytest.raises(StaleHolder):
        await opens(db, "ann", "c2")
    assert (await ends(db, "ann", "c1", 1000, fence=5)).outcome == "settled"


async def test_the_same_command_again_is_answered_as_before(db: "Pool") -> None:
    await opens(db, "ann", "c1")
    again = await opens(db, "ann", "c1")  # the answer was lost on the way
    assert (again.outcome, again.granted) == ("opened", CREDIT)
    assert await standing(db, "ann") == (9 * CREDIT, CREDIT)
    await ends(db, "ann", "c1", 0)
    later = await opens(db, "ann", "c9", key="k_c1", digest=b"c1")
    assert (later.outcome, later.answer) == ("repeated", {"call": "c1"})
    other = await opens(db, "ann", "c8", key="k_c1", digest=b"other")
    assert other.outcome == "key_reused"


async def test_a_call_that_cost_nothing_has_no_receipt(db: "Pool") -> None:
    await opens(db, "ann", "c1", amount=0, least=0)
    ended = await ends(db, "ann", "c1", 0, seconds=30)
    assert (ended.captured, ended.receipt, ended.seconds) == (0, None, 30)
    assert await db.fetchval("SELECT count(*) FROM receipts") == 0


async def test_what_was_kept_of_an_open_call_is_not_lost(db: "Pool") -> None:
    await opens(db, "ann", "c1")
    await keep_call(
        db, "ann", "h_c1", seconds=60, cost=900, legs=2, transport="webrtc", quality={"lost": 4}
    )
    open_ = await find_call(db, "c1")
    assert open_ is not None
    assert (open_.seconds, open_.cost) == (60, 900)
    ended = await ends(db, "ann", "c1", 1000, seconds=12)
    assert ended.seconds == 60
    row = await find_call(db, "c1")
    assert row is not None
    assert (row.legs, row.transport, row.quality) == (2, "webrtc", {"lost": 4})


async def test_calls_are_listed_the_newest_first_and_counted_by_the_day(db: "Pool") -> None:
    for n in range(3):
        await opens(db, "ann", f"c{n}")
        await ends(db, "ann", f"c{n}", 10_000)
    await db.execute("UPDATE calls SET started_at = now() - interval '2 days' WHERE call = 'c0'")
    shown = await calls_of(db, "ann", before_ms=4_102_444_800_000, room="", limit=10)
    assert [row.call for row in shown] == ["c2", "c1", "c0"]
    page = await calls_of(db, "ann", before_ms=shown[1].started_at, room="r_ann", limit=10)
    assert [row.call for row in page] == ["c0"]
    assert await calls_of(db, "bob", before_ms=4_102_444_800_000, room="", limit=10) == []
    assert len(await last_calls(db, before_ms=4_102_444_800_000, limit=2)) == 2
    assert await seconds_today(db, "ann", "UTC", ["voice"]) == 20
    assert await seconds_today(db, "ann", "UTC", ["video"]) == 0


class CallWorld(World):
    """The ledger's world, whose people call instead of writing."""

    async def turn(self) -> None:
        """A whole call: open (perhaps by four nodes at once), go on, be extended, end."""
        room = self.chance.choice(self.rooms)
        fence, call = room.fence - bool(room.taken), self.name("c")
        amount = self.chance.randrange(100_000, CREDIT)
        copies = self.chance.choice([1, 1, 4])
        tries = [
            self._perhaps_cut(
                opens(
                    self.pool(),
                    room.home,
                    call,
                    room=room.name,
                    fence=fence,
                    amount=amount,
                    least=50_000,
                    node=self.chance.choice("abc"),
                )
            )
            for _ in range(copies)
        ]
        try:
            opened = await self._any_told(tries)
        except InCallAlready:
            self.done["in a call"] += 1
            return
        if opened.outcome != "opened":
            return
        hold, held, k = f"h_{call}", opened.granted, 0
        for _ in range(self.chance.randrange(6)):
            self._perhaps_die()
            if room.fence != fence:
                return
            spent = min(held, self.logged.get(hold, 0) + self.chance.randrange(200_000))
            self.logged[hold] = spent
            if self.chance.random() < 0.5:
                more = self.chance.randrange(300_000)
                held = await self._perhaps_cut(
                    extend_hold(self.pool(), room.home, hold, fence, k, more, spent, 90)
                )
                k += 1
        await self._settle(room.home, hold, fence, self.chance.choice([1, 1, 4]))

    async def _any_told(self, tries: list[Any]) -> OpenedCall:
        told = await asyncio.gather(*tries, return_exceptions=True)
        good = [one for one in told if isinstance(one, OpenedCall)]
        if good:
            return good[0]
        assert isinstance(told[0], BaseException)
        raise told[0]

    async def _settle(self, person: str, hold: str, fence: int, copies: int = 1) -> None:
        call, metered = hold.removeprefix("h_"), self.logged.get(hold, 0)
        tries = [
            self._perhaps_cut(ends(self.pool(), person, call, metered, fence=fence))
            for _ in range(copies)
        ]
        ended = await self._first_told(tries)
        before = self.told.setdefault(hold, ended.captured)
        assert before == ended.captured, "told two different prices"

    async def _blind(self, hold: HoldRow) -> None:
        self.blind.setdefault(hold.hold, set()).add(hold.metered)
        call = hold.hold.removeprefix("h_")
        await self._perhaps_cut(ends(self.pool(), hold.person, call, hold.metered, fence=2**62))

    async def late(self) -> None:
        """A zombie ends something long gone, at a price of its own."""
        if not self.told:
            return
        hold = self.chance.choice(list(self.told))
        person = await self.pool().fetchval("SELECT person FROM holds WHERE hold = $1", hold)
        call = hold.removeprefix("h_")
        ended = await ends(self.pool(), person, call, 7 * CREDIT, fence=0)
        assert (ended.outcome, ended.captured) == ("already", self.told[hold])

    async def recover(self, db: "Pool") -> None:
        for room in self.rooms:
            await self._take(room, 2**61, db)


async def test_no_crash_and_no_interleaving_breaks_a_law_of_calls(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        pools = []
        for _ in range(3):
            pool = await open_pool(database_url, size=6, name="node")
            stack.callback(pool.terminate)
            pools.append(pool)
        world = CallWorld(SEED, pools, people=10)
        await world.settle_in()
        await world.live(1_500, workers=12)
        world.chance = _Calm(0)
        await world.recover(pools[0])
        faults = await world.faults(pools[0])
        assert faults == [], f"seed {SEED}: {faults[:20]}"
        for law, query in CALL_LAWS.items():
            assert [dict(row) for row in await pools[0].fetch(query)] == [], f"seed {SEED}: {law}"
        assert await pools[0].fetchval("SELECT sum(held) FROM wallets") == 0
        assert world.done["turn"] > 200, world.done
        assert world.done["in a call"] > 10, world.done
        assert world.done["crashed"] > 30, world.done


class _Calm(random.Random):
    """Nobody dies any more."""

    def random(self) -> float:
        return 0.99


CALL_LAWS = {
    "every call that was opened has ended": "SELECT call FROM calls WHERE ended_at IS NULL",
    "an ended call has one entry": """
        SELECT c.call FROM calls c LEFT JOIN messages m
            ON m.home = c.home AND m.room = c.room AND m.message = c.message AND m.cost = c.cost
         WHERE m.message IS NULL""",
    "a call costs what its hold captured": """
        SELECT c.call, c.cost, h.captured FROM calls c JOIN holds h
            ON h.person = c.payer AND h.hold = c.hold
         WHERE h.captured <> c.cost OR h.kind <> 'call'""",
    "a hold of a call has its call": """
        SELECT hold FROM holds h WHERE kind = 'call'
           AND NOT EXISTS (SELECT FROM calls c WHERE c.payer = h.person AND c.hold = h.hold)""",
    "what was paid has a receipt": """
        SELECT call FROM calls c WHERE (cost > 0) <> EXISTS (
            SELECT FROM receipts r WHERE r.person = c.payer AND r.reply = c.call)""",
}
