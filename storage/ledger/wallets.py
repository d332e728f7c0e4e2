"""Wallets and their entries: what a person can spend, what was granted, and the proof of it all."""

from typing import Any

import asyncpg
from msgspec import Struct

from storage.ledger.turns import Allowance, WalletRow
from storage.statements import sql

BALANCE = sql(
    "balance",
    "SELECT lots_total(w.lots) AS available, w.held, w.lots FROM wallet_fresh($1, $2, $3, $4) w",
)
GRANT = sql("grant", "SELECT * FROM grant_credits($1, $2, $3, $4, $5)")
REVERSE = sql("reverse", "SELECT * FROM reverse_grant($1, $2)")
TRANSACTIONS = sql(
    "transactions",
    "SELECT n, kind, ref, amount, balance, note, (extract(epoch FROM at) * 1000)::bigint AS at "
    "FROM entries WHERE person = $1 AND n < $2 ORDER BY n DESC LIMIT $3",
)
RECEIPT = sql("receipt", "SELECT doc FROM receipts WHERE person = $1 AND receipt = $2")
RECEIPTS = sql(
    "receipts",
    "SELECT doc FROM receipts WHERE person = $1 ORDER BY at DESC, receipt DESC LIMIT $2 OFFSET $3",
)
CEILINGS = sql("ceilings", "SELECT ceiling_day, ceilings FROM wallets WHERE person = $1")
SET_CEILINGS = sql(
    "set_ceilings",
    "INSERT INTO wallets (person, timezone, ceiling_day, ceilings) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (person) DO UPDATE SET ceiling_day = $3, ceilings = $4",
)

# The laws of the ledger, as one row per account that breaks one.
AUDIT = sql(
    "audit",
    """
    WITH moved AS (
        SELECT person,
               coalesce(sum(amount) FILTER (WHERE kind = 'grant'), 0) AS granted,
               coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured,
               coalesce(sum(amount) FILTER (WHERE kind = 'lapse'), 0) AS lapsed,
               coalesce(sum(amount) FILTER (WHERE kind = 'reverse'), 0) AS reversed,
               max(n) AS last_n, count(*) AS entries, (array_agg(hash ORDER BY n DESC))[1] AS last,
               count(*) FILTER (WHERE prev <> before OR hash <> entry_hash(prev, person, n, kind,
                                ref, amount, balance, lots, note, at)) AS broken,
               count(*) FILTER (WHERE balance <> was + CASE kind WHEN 'grant' THEN amount
                                WHEN 'shortfall' THEN 0 ELSE -amount END) AS uneven
          FROM (SELECT *, lag(hash, 1, '\\x'::bytea) OVER chain AS before,
                       lag(balance, 1, 0::bigint) OVER chain AS was
                  FROM entries WHERE $1::text IS NULL OR person = $1
                WINDOW chain AS (PARTITION BY person ORDER BY n)) e
         GROUP BY person
    ), standing AS (
        SELECT person, coalesce(sum(amount) FILTER (WHERE state = 'open'), 0) AS open_holds,
               coalesce(sum(captured), 0) AS captured_holds,
               count(*) FILTER (WHERE captured > amount) AS beyond,
               count(*) FILTER (WHERE state <> 'open' AND captured > 0 AND NOT EXISTS (
                   SELECT FROM entries e WHERE e.person = h.person AND e.kind = 'capture'
                      AND e.ref = h.hold AND e.amount = h.captured)) AS strangers
          FROM holds h WHERE $1::text IS NULL OR person = $1 GROUP BY person
    )
    SELECT person, concat_ws('; ',
           CASE WHEN w.hash IS NULL THEN 'the wallet is missing' END,
           CASE WHEN coalesce(m.granted - m.captured - m.lapsed - m.reversed, 0)
                     <> lots_total(w.lots) + coalesce(s.open_holds, 0)
                THEN 'debits and credits differ' END,
           CASE WHEN w.held <> coalesce(s.open_holds, 0) THEN 'held differs from open holds' END,
           CASE WHEN coalesce(m.captured, 0) <> coalesce(s.captured_holds, 0) OR s.strangers > 0
                THEN 'captures differ from holds' END,
           CASE WHEN w.spent <> coalesce(m.captured, 0) THEN 'spent differs from captures' END,
           CASE WHEN s.beyond > 0 THEN 'captured beyond a hold' END,
           CASE WHEN m.last_n <> m.entries OR w.n <> coalesce(m.last_n, 0)
                THEN 'entries have gaps' END,
           CASE WHEN m.uneven > 0 THEN 'a balance does not follow from the one before' END,
           CASE WHEN m.broken > 0 OR w.hash <> coalesce(m.last, '\\x'::bytea)
                THEN 'the chain is broken' END) AS faults
      FROM wallets w FULL JOIN moved m USING (person) FULL JOIN standing s USING (person)
     WHERE $1::text IS NULL OR person = $1
    """,
)


class NoSuchGrant(Exception):
    """Nothing was ever granted under this ref."""


class Entry(Struct, frozen=True, kw_only=True):
    """One line of an account, as people see it. `at` is unix milliseconds."""

    n: int
    kind: str
    ref: str
    amount: int
    balance: int
    note: dict[str, Any]
    at: int


async def balance(db: asyncpg.Pool, person: str, timezone: str, allowance: Allowance) -> WalletRow:
    """What a person can spend now; mints the period's allowance if it is due."""
    row = await db.fetchrow(BALANCE, person, timezone, allowance.microcredits, allowance.period)
    assert row is not None
    return WalletRow(row["available"], row["held"], row["lots"])


async def grant(
    db: asyncpg.Pool,
    person: str,
    timezone: str,
    lot: dict[str, Any],
    ref: str,
    note: dict[str, Any] | None = None,
) -> tuple[bool, int]:
    """Put a lot into a wallet once per `ref`; returns whether it was new, and what is available.

    A lot: {id, kind, amount, expires (ms or null), priority (less is spent first), promo}.
    """
    row = await db.fetchrow(GRANT, person, timezone, lot, ref, note or {})
    assert row is not None
    return row["added"], row["available"]


async def reverse(db: asyncpg.Pool, person: str, ref: str) -> tuple[int, int]:
    """Take a grant back from its own lots; returns what was taken and what was not there.

    Spent already, or held: of that, what comes back is taken when its hold ends.
    Raises NoSuchGrant.
    """
    try:
        row = await db.fetchrow(REVERSE, person, ref)
    except asyncpg.PostgresError as error:
        raise (NoSuchGrant(ref) if error.sqlstate == "KD005" else error) from error
    assert row is not None
    return row["taken"], row["missing"]


async def transactions(
    db: asyncpg.Pool, person: str, limit: int, before_n: int = 2**62
) -> list[Entry]:
    """A person's entries, the newest first."""
    return [Entry(**dict(row)) for row in await db.fetch(TRANSACTIONS, person, before_n, limit)]


async def receipt(db: asyncpg.Pool, person: str, receipt_id: str) -> dict[str, Any] | None:
    """One receipt document."""
    doc: dict[str, Any] | None = await db.fetchval(RECEIPT, person, receipt_id)
    return doc


async def receipts(db: asyncpg.Pool, person: str, limit: int, offset: int) -> list[dict[str, Any]]:
    """Receipts, the newest first."""
    return [row["doc"] for row in await db.fetch(RECEIPTS, person, limit, offset)]


async def ceilings(db: asyncpg.Pool, person: str) -> tuple[int | None, dict[str, int]]:
    """The most a person wants to spend a day, and in which room."""
    row = await db.fetchrow(CEILINGS, person)
    return (None, {}) if row is None else (row["ceiling_day"], row["ceilings"])


async def set_ceilings(
    db: asyncpg.Pool, person: str, timezone: str, day: int | None, rooms: dict[str, int]
) -> None:
    """Set both ceilings; None and absent rooms lift them."""
    await db.execute(SET_CEILINGS, person, timezone, day, rooms)


async def audit(db: asyncpg.Pool, person: str | None = None) -> dict[str, str]:
    """The accounts that break a law of the ledger, with which; empty is proof that all balance."""
    return {row["person"]: row["faults"] for row in await db.fetch(AUDIT, person) if row["faults"]}
