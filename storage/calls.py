"""Calls at rest: who called whom, for how long, at what cost, and how well it went.

Opening and ending are one statement each (storage/migrations/0010_calls.sql): the hold and the call
stand or fall together. No sound and no words are stored here.
"""

from typing import Any, Literal

import asyncpg
from msgspec import Struct

from storage.ledger.turns import Allowance, WalletRow, refusal
from storage.statements import sql


class InCallAlready(Exception):
    """The room, or the person, is in a call that has not ended."""

    def __init__(self, where: Literal["room", "person"]) -> None:
        super().__init__(where)
        self.where = where


class OpenCall(Struct, frozen=True, kw_only=True):
    """A call about to begin: held at least `least`, at most `amount`, for `seconds` at a time."""

    person: str
    key: str
    digest: bytes
    answer: dict[str, Any]
    payer: str
    timezone: str
    allowance: Allowance
    home: str
    room: str
    fence: int
    node: str
    hold: str
    call: str
    companion: str
    amount: int
    least: int
    seconds: int
    kind: str
    transport: str
    terms: dict[str, Any] = {}


class OpenedCall(Struct, frozen=True, kw_only=True):
    """What stands now. `granted` is held."""

    outcome: Literal["opened", "repeated", "key_reused"]
    answer: dict[str, Any] | None
    granted: int
    wallet: WalletRow
    at_ms: int


class EndCall(Struct, frozen=True, kw_only=True):
    """A call's end: what its seconds cost, why it ended, and how it went."""

    payer: str
    hold: str
    fence: int
    metered: int
    seconds: int
    reason: str
    message: str
    receipt: str | None = None
    receipt_doc: dict[str, Any] | None = None
    quality: dict[str, Any] = {}


class EndedCall(Struct, frozen=True, kw_only=True):
    """What was captured and stored; the same for whoever ends it a second time."""

    outcome: Literal["settled", "already"]
    captured: int
    n: int | None
    parent: str | None
    seconds: int
    reason: str
    message: str | None
    receipt: str | None
    wallet: WalletRow
    at_ms: int


class CallRow(Struct, frozen=True, kw_only=True):
    """A call. `ended_at` is null while it goes on; instants are unix milliseconds."""

    call: str
    room: str
    person: str
    companion: str
    kind: str
    transport: str
    node: str
    legs: int
    seconds: int
    cost: int
    reason: str | None
    message: str | None
    receipt: str | None
    quality: dict[str, Any]
    terms: dict[str, Any]
    started_at: int
    ended_at: int | None


OPEN_CALL = sql(
    "open_call",
    "SELECT * FROM open_call($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
    "$16, $17, $18, $19, $20, $21)",
)
END_CALL = sql("end_call", "SELECT * FROM end_call($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
_COLUMNS = """call, room, person, companion, kind, transport, node, legs, seconds, cost, reason,
    message, receipt, quality, terms, (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM ended_at) * 1000)::bigint AS ended_at"""
_BEFORE = "(extract(epoch FROM started_at) * 1000)::bigint < "  # as instants are shown
CALLS_OF = sql(
    "calls_of",
    f"SELECT {_COLUMNS} FROM calls WHERE person = $1 AND {_BEFORE} $2 "  # noqa: S608
    "AND ($3 = '' OR room = $3) ORDER BY started_at DESC LIMIT $4",
)
FIND_CALL = sql("find_call", f"SELECT {_COLUMNS} FROM calls WHERE call = $1")  # noqa: S608
LAST_CALLS = sql(
    "last_calls",
    f"SELECT {_COLUMNS} FROM calls WHERE {_BEFORE} $1 "  # noqa: S608
    "ORDER BY started_at DESC LIMIT $2",
)
OPEN_CALL_OF = sql(
    "open_call_of",
    "SELECT call, room FROM calls WHERE person = $1 AND ended_at IS NULL",
)
SECONDS_TODAY = sql(
    "call_seconds_today",
    """
    WITH midnight AS (SELECT date_trunc('day', now() AT TIME ZONE $2) AT TIME ZONE $2 AS at)
    SELECT (SELECT coalesce(sum(seconds), 0)::bigint FROM calls, midnight
             WHERE person = $1 AND kind = ANY ($3) AND started_at >= midnight.at)
         + (SELECT coalesce(sum(seconds), 0)::bigint FROM spoken_time, midnight
             WHERE person = $1 AND started_at >= midnight.at)
    """,
)
SPOKE = sql(
    "spoke",
    "INSERT INTO spoken_time AS t (hold, person, seconds) VALUES ($1, $2, $3) "
    "ON CONFLICT (hold) DO UPDATE SET seconds = greatest(t.seconds, excluded.seconds)",
)
# A newer holder's leg count is never overwritten by an older one's: a call has one holder.
HOLD_FOR_A_CALL = sql(
    "hold_for_a_call", "UPDATE holds SET kind = 'call' WHERE person = $1 AND hold = $2"
)
KEEP_CALL = sql(
    "keep_call",
    "UPDATE calls SET seconds = greatest(seconds, $3), cost = $4, legs = $5, transport = $6, "
    "quality = $7 WHERE payer = $1 AND hold = $2 AND ended_at IS NULL",
)


async def open_call(db: asyncpg.Pool, call: OpenCall) -> OpenedCall:
    """Hold credits and store the call. Raises InCallAlready, StaleHolder, NotEnoughCredits."""
    try:
        row = await db.fetchrow(
            OPEN_CALL,
            call.person,
            call.key,
            call.digest,
            call.answer,
            call.payer,
            call.timezone,
            call.allowance.microcredits,
            call.allowance.period,
            call.home,
            call.room,
            call.fence,
            call.node,
            call.hold,
            call.call,
            call.companion,
            call.amount,
            call.least,
            call.seconds,
            call.kind,
            call.transport,
            call.terms,
        )
    except asyncpg.UniqueViolationError as error:
        of_room = error.constraint_name == "calls_one_per_room"
        raise InCallAlready("room" if of_room else "person") from error
    except asyncpg.PostgresError as error:
        raise refusal(error) from error
    assert row is not None
    return OpenedCall(
        outcome=row["outcome"],
        answer=row["answer"],
        granted=row["granted"] or 0,
        wallet=WalletRow(row["available"] or 0, row["held"] or 0, row["lots"] or []),
        at_ms=row["at_ms"],
    )


async def end_call(db: asyncpg.Pool, end: EndCall) -> EndedCall:
    """Charge, release, store the entry. Raises StaleHolder, NoSuchHold; safe to repeat."""
    try:
        row = await db.fetchrow(
            END_CALL,
            end.payer,
            end.hold,
            end.fence,
            end.metered,
            end.seconds,
            end.reason,
            end.message,
            end.receipt,
            end.receipt_doc or {},
            end.quality,
        )
    except asyncpg.PostgresError as error:
        raise refusal(error) from error
    assert row is not None
    return EndedCall(
        outcome=row["outcome"],
        captured=row["captured"],
        n=row["n"],
        parent=row["parent"],
        seconds=row["seconds"] or 0,
        reason=row["reason"] or "failed",
        message=row["message"],
        receipt=row["receipt"],
        wallet=WalletRow(row["available"] or 0, row["held"] or 0, row["lots"] or []),
        at_ms=row["at_ms"],
    )


async def keep_call(
    db: asyncpg.Pool,
    payer: str,
    hold: str,
    *,
    seconds: int,
    cost: int,
    legs: int,
    transport: str,
    quality: dict[str, Any],
) -> None:
    """Write down how far an open call has come."""
    await db.execute(KEEP_CALL, payer, hold, seconds, cost, legs, transport, quality)


async def hold_for_a_call(db: asyncpg.Pool, payer: str, hold: str) -> None:
    """A hold that may stand as long as a call, though there is no room for it."""
    await db.execute(HOLD_FOR_A_CALL, payer, hold)


async def find_call(db: asyncpg.Pool, call: str) -> CallRow | None:
    """One call, whoever's it is."""
    row = await db.fetchrow(FIND_CALL, call)
    return None if row is None else CallRow(**dict(row))


async def open_call_of(db: asyncpg.Pool, person: str) -> tuple[str, str] | None:
    """(call, room) of the call a person is in."""
    row = await db.fetchrow(OPEN_CALL_OF, person)
    return None if row is None else (row["call"], row["room"])


async def calls_of(
    db: asyncpg.Pool, person: str, *, before_ms: int, room: str, limit: int
) -> list[CallRow]:
    """A person's calls, the newest first; `room` empty: in all their rooms."""
    rows = await db.fetch(CALLS_OF, person, before_ms, room, limit)
    return [CallRow(**dict(row)) for row in rows]


async def last_calls(db: asyncpg.Pool, *, before_ms: int, limit: int) -> list[CallRow]:
    """Everybody's calls, the newest first: for those who run the service."""
    return [CallRow(**dict(row)) for row in await db.fetch(LAST_CALLS, before_ms, limit)]


async def spoke(db: asyncpg.Pool, person: str, hold: str, seconds: int) -> None:
    """So long has a session without a room been spoken in, in all; may be repeated."""
    await db.execute(SPOKE, hold, person, seconds)


async def seconds_today(db: asyncpg.Pool, person: str, timezone: str, kinds: list[str]) -> int:
    """How long a person has been in calls of these kinds, or spoke outside, since midnight."""
    return int(await db.fetchval(SECONDS_TODAY, person, timezone, kinds))
