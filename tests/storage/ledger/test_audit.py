"""Entries stand for ever, and the audit finds whatever was done to them."""

from typing import TYPE_CHECKING

import asyncpg
import pytest

from storage.ledger import wallets
from tests.storage.ledger.acts import (
    CREDIT,
    NONE,
    opens,
    settles,
)

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = pytest.mark.stores


# --- the chain and its audit


async def test_entries_can_be_neither_changed_nor_deleted(db: "Pool") -> None:
    for attack in ("UPDATE entries SET amount = 1", "DELETE FROM entries"):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await db.execute(attack)
        assert refused.value.sqlstate == "KD000"
    with pytest.raises(asyncpg.PostgresError) as refused:
        await db.execute("TRUNCATE entries")
    assert refused.value.sqlstate == "KD000"


PLANTED = {
    "a changed amount": ("UPDATE entries SET amount = amount + 1 WHERE kind = 'capture'", "chain"),
    "a changed balance": ("UPDATE entries SET balance = balance + 1 WHERE n = 2", "chain"),
    "a changed note": ('UPDATE entries SET note = \'{"origin": "x"}\' WHERE n = 1', "chain"),
    "a changed time": ("UPDATE entries SET at = at - interval '1 day' WHERE n = 1", "chain"),
    "a missing entry": ("DELETE FROM entries WHERE n = 2", "gaps"),
    "money from nowhere": (
        "UPDATE wallets SET lots = jsonb_set(lots, '{0,amount}', '1')",
        "debits",
    ),
    "a forgotten hold": ("UPDATE wallets SET held = held + 1", "held"),
    "a capture that no hold has": ("UPDATE holds SET captured = captured - 1", "captures"),
    "a wrong sum": ("UPDATE wallets SET spent = spent + 1", "spent"),
    "a wrong last hash": ("UPDATE wallets SET hash = '\\x00'", "chain"),
    "a wallet that is gone": ("DELETE FROM wallets", "wallet"),
}


@pytest.mark.parametrize("planted", PLANTED)
async def test_the_audit_finds(db: "Pool", planted: str) -> None:
    await opens(db, "ann", "h1")
    await settles(db, "ann", "h1", 300_000)
    await opens(db, "ann", "h2")
    await settles(db, "ann", "h2", 100_000)
    assert await wallets.audit(db) == {}
    fault, named = PLANTED[planted]
    await db.execute("ALTER TABLE entries DISABLE TRIGGER entries_append_only")
    await db.execute(fault)
    faults = await wallets.audit(db)
    assert named in faults["ann"], faults


async def test_a_receipt_is_stored_once_and_is_the_persons_own(db: "Pool") -> None:
    await opens(db, "ann", "h1")
    for _ in range(3):
        await settles(db, "ann", "h1", 300_000)
    assert len(await wallets.receipts(db, "ann", 10, 0)) == 1
    found = await wallets.receipt(db, "ann", "rc_h1")
    assert found is not None
    assert found["cost_microcredits"] == 300_000
    assert found["held_microcredits"] == CREDIT
    assert found["released_microcredits"] == 700_000
    assert await wallets.receipt(db, "bob", "rc_h1") is None


async def test_entries_are_read_newest_first_and_page_by_page(db: "Pool") -> None:
    for n in range(5):
        await opens(db, "ann", f"h{n}")
        await settles(db, "ann", f"h{n}", 100_000)
    page = await wallets.transactions(db, "ann", 4)
    rest = await wallets.transactions(db, "ann", 4, page[-1].n)
    assert [entry.n for entry in [*page, *rest]] == [6, 5, 4, 3, 2, 1]
    assert [entry.balance for entry in page] == [9_500_000, 9_600_000, 9_700_000, 9_800_000]


async def test_the_allowance_of_a_plan_that_has_none_is_none(database: "Pool") -> None:
    assert (await wallets.balance(database, "ann", "UTC", NONE)).available == 0
    assert await wallets.transactions(database, "ann", 10) == []
