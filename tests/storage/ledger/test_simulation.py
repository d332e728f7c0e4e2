"""Money under thousands of random operations, crashes and torn connections, then audited.

A failure names its seed; `SEED=n` runs that one again, `SOAK_SECONDS` sets the soak's length.
"""

import asyncio
import os
import random
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from storage.database import open_pool
from storage.ledger import wallets
from storage.ledger.turns import NotEnoughCredits
from tests.storage.ledger.acts import CREDIT, opens, rich, settles, standing
from tests.storage.ledger.conftest import Clock
from tests.storage.ledger.world import World

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = [pytest.mark.stores, pytest.mark.long]
SEED = int(os.environ.get("SEED", random.randrange(10**6)))


async def simulate(clock: Clock, seed: int, operations: int, name: str = "") -> World:
    """A life of a world: days pass, everybody dies, the ledger is audited."""
    async with AsyncExitStack() as stack:
        pools = []
        for _ in range(4):
            pool = await open_pool(clock.url, size=6, name="node")
            stack.callback(pool.terminate)
            pools.append(pool)
        world = World(seed, pools, people=12)
        await world.settle_in()
        for jump in ("1 minute", "11 hours", "13 hours", "0", "30 days", "-3 hours"):
            await world.live(operations // 6, workers=16)
            await clock.forward(jump)
    await world.recover(clock.db)
    faults = await world.faults(clock.db)
    assert faults == [], f"seed {seed}: {faults[:20]}"
    assert await clock.db.fetchval("SELECT sum(held) FROM wallets") == 0
    return world


async def test_no_crash_and_no_interleaving_breaks_a_law(clock: Clock) -> None:
    world = await simulate(clock, SEED, 6_000)
    did = world.done
    assert did["crashed"] > 300, did
    assert did["torn"] > 50, did
    assert did["turn"] > 1_000, did
    assert did["StaleHolder"] > 10, did
    assert did["NotEnoughCredits"] > 10, did
    assert len([price for price in world.told.values() if price]) > 500, did


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_no_law_breaks_however_long_it_goes_on(clock: Clock) -> None:
    until = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "60"))
    seed = SEED
    while time.monotonic() < until:
        await clock.db.execute(
            "TRUNCATE rooms, messages, commands, holds, wallets, receipts;"
            "ALTER TABLE entries DISABLE TRIGGER entries_never_emptied;"
            "TRUNCATE entries; ALTER TABLE entries ENABLE TRIGGER entries_never_emptied"
        )
        await simulate(clock, seed, 6_000)
        seed += 1


async def test_two_hundred_turns_on_the_last_credit_never_overdraw(database: "Pool") -> None:
    await rich(database, "ann", 1)

    async def one(n: int) -> int:
        try:
            opened = await opens(
                database, "ann", f"h{n}", room=None, home=None, amount=90_000, least=90_000,
                message=None, parts=None,
            )  # fmt: skip
        except NotEnoughCredits:
            return 0
        settled = await settles(database, "ann", f"h{n}", opened.granted)
        return settled.captured

    charged = await asyncio.gather(*(one(n) for n in range(200)))
    assert sorted(charged)[-12:] == [0] + [90_000] * 11
    assert await standing(database, "ann") == (CREDIT - 11 * 90_000, 0)
    assert await wallets.audit(database) == {}


async def test_what_one_turn_gives_back_the_next_may_use(database: "Pool") -> None:
    """Two hundred turns that hold much and use little: all of the credit can be spent."""
    await rich(database, "ann", 1)

    returned, returns = asyncio.Condition(), [0]

    async def one(n: int) -> int:
        seen = returns[0]
        while not await opened(n):
            async with returned:
                await returned.wait_for(lambda seen=seen: returns[0] > seen)
            seen = returns[0]
        settled = await settles(database, "ann", f"h{n}", 5_000)
        async with returned:
            returns[0] += 1
            returned.notify_all()
        return settled.captured

    async def opened(n: int) -> bool:
        try:
            await opens(
                database, "ann", f"h{n}", key=None, amount=300_000, least=5_000, home=None,
                room=None, message=None, parts=None,
            )  # fmt: skip
        except NotEnoughCredits:
            return False
        return True

    charged = await asyncio.gather(*(one(n) for n in range(200)))
    assert charged == [5_000] * 200
    assert await standing(database, "ann") == (0, 0)
    assert await wallets.audit(database) == {}
