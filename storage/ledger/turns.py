"""The two commits of a turn: open (command, message, hold) and settle (capture, release, reply).

Each is one statement, conditional and idempotent; the rules live in the database's functions
(storage/migrations/0004_ledger.sql), so that no crash between two statements can exist.
"""

from typing import Any, Literal

import asyncpg
import orjson
from msgspec import Struct

from storage.statements import sql


class StaleHolder(Exception):
    """A newer holder has the room; nothing was changed."""


class NotEnoughCredits(Exception):
    """The wallet, or a ceiling the person set, does not cover the least that is needed."""

    def __init__(self, available: int, needed: int, ceiling: str | None) -> None:
        super().__init__(f"{available} available, {needed} needed")
        self.available = available
        self.needed = needed
        self.ceiling = ceiling


class CompanionBlocked(Exception):
    """The sender has blocked the companion who would answer."""


class NoSuchHold(Exception):
    """The hold is not there, or not open."""


class WalletRow(Struct, frozen=True):
    """A wallet as a statement left it. Lots are in spend order."""

    available: int
    held: int
    lots: list[dict[str, Any]]


class Allowance(Struct, frozen=True):
    """What a plan mints each period, in the person's own days."""

    microcredits: int
    period: Literal["day", "week", "month", "never"]


class OpenTurn(Struct, frozen=True, kw_only=True):
    """Commit 1. `key` None: not repeatable. `room` None: no room (an API completion)."""

    sender: str
    key: str | None
    digest: bytes
    answer: dict[str, Any]
    payer: str
    timezone: str
    allowance: Allowance
    home: str | None
    room: str | None
    fence: int
    node: str
    hold: str
    reply: str
    companion: str
    amount: int
    least: int
    seconds: int
    message: str | None = None
    parent: str | None = None
    parts: list[dict[str, Any]] | None = None
    words: str = ""
    edited: bool = False


class OpenedTurn(Struct, frozen=True, kw_only=True):
    """What commit 1 did. `n` is the stored message's number."""

    outcome: Literal["opened", "repeated", "key_reused"]
    answer: dict[str, Any] | None
    n: int
    granted: int
    wallet: WalletRow
    at_ms: int


class SettleTurn(Struct, frozen=True, kw_only=True):
    """Commit 2. `parts` None: nothing was delivered, so no reply is stored."""

    payer: str
    hold: str
    fence: int
    metered: int
    status: str
    parent: str | None = None
    continues: str | None = None
    parts: list[dict[str, Any]] | None = None
    words: str = ""
    continuable: bool = False
    usage: dict[str, Any] | None = None
    memories: tuple[str, ...] = ()
    receipt: str | None = None
    receipt_doc: dict[str, Any] | None = None


class SettledTurn(Struct, frozen=True, kw_only=True):
    """What was captured; the same for whoever settles a second time."""

    outcome: Literal["settled", "already"]
    captured: int
    n: int | None
    receipt: str | None
    wallet: WalletRow
    at_ms: int


class HoldRow(Struct, frozen=True, kw_only=True):
    """An open hold, as the next holder or the reaper finds it."""

    person: str
    hold: str
    home: str | None
    room: str | None
    reply: str
    message: str | None
    sender: str
    companion: str
    node: str
    fence: int
    amount: int
    metered: int
    kind: str = "reply"


OPEN_TURN = sql(
    "open_turn",
    "SELECT * FROM open_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
    "$16, $17, $18, $19, $20, $21, $22, $23)",
)
SETTLE_TURN = sql(
    "settle_turn",
    "SELECT * FROM settle_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
)
EXTEND_HOLD = sql("extend_hold", "SELECT extend_hold($1, $2, $3, $4, $5, $6, $7)")
RENEW_HOLDS = sql(
    "renew_holds",
    "UPDATE holds SET expires_at = now() + make_interval(secs => $2) "
    "WHERE node = $1 AND state = 'open' AND expires_at < now() + make_interval(secs => $2 * 2 / 3)",
)
_HOLD = """person, hold, home, room, reply, message, sender, companion, node, fence, amount,
    metered, kind"""
OPEN_HOLDS = sql(
    "open_holds",
    f"SELECT {_HOLD} FROM holds WHERE home = $1 AND room = $2 AND state = 'open' "  # noqa: S608
    "ORDER BY created_at",
)
EXPIRED_HOLDS = sql(
    "expired_holds",
    f"SELECT {_HOLD} FROM holds WHERE state = 'open' AND "  # noqa: S608
    "expires_at < now() - make_interval(secs => $1) ORDER BY expires_at LIMIT $2",
)
FOREIGN_HOLDS = sql(
    "foreign_holds",
    f"SELECT {_HOLD} FROM holds WHERE state = 'open' AND node <> ALL ($1::text[]) "  # noqa: S608
    "ORDER BY created_at LIMIT $2",
)

OVERDUE_HOLDS = sql(
    "overdue_holds",
    f"SELECT {_HOLD} FROM holds WHERE state = 'open' AND node = $1 AND kind = 'reply' AND "  # noqa: S608
    "created_at < now() - make_interval(secs => $2) ORDER BY created_at LIMIT $3",
)
LAST_ROOMS = sql(
    "last_rooms",
    "SELECT DISTINCT node, room FROM holds WHERE settled_at > now() - make_interval(secs => $2) "
    "AND node <> ALL ($1::text[]) AND room IS NOT NULL LIMIT $3",
)


def refusal(error: asyncpg.PostgresError) -> Exception:
    """The typed form of a KD refusal; anything else is passed on."""
    match error.sqlstate:
        case "KD001":
            return StaleHolder(str(error))
        case "KD002" | "KD003":
            detail = orjson.loads(error.detail or "{}")
            return NotEnoughCredits(detail["available"], detail["needed"], detail["ceiling"])
        case "KD004":
            return NoSuchHold(str(error))
        case "KD006":
            return CompanionBlocked(str(error))
    return error


async def open_turn(db: asyncpg.Pool, turn: OpenTurn) -> OpenedTurn:
    """Store the command and message and hold the credits. Raises StaleHolder, NotEnoughCredits."""
    try:
        row = await db.fetchrow(
            OPEN_TURN,
            turn.sender,
            turn.key,
            turn.digest,
            turn.answer,
            turn.payer,
            turn.timezone,
            turn.allowance.microcredits,
            turn.allowance.period,
            turn.home,
            turn.room,
            turn.fence,
            turn.node,
            turn.hold,
            turn.reply,
            turn.companion,
            turn.amount,
            turn.least,
            turn.seconds,
            turn.message,
            turn.parent,
            turn.parts,
            turn.words,
            turn.edited,
        )
    except asyncpg.PostgresError as error:
        raise refusal(error) from error
    assert row is not None
    return OpenedTurn(
        outcome=row["outcome"],
        answer=row["answer"],
        n=row["n"] or 0,
        granted=row["granted"] or 0,
        wallet=_wallet(row),
        at_ms=row["at_ms"],
    )


async def settle_turn(db: asyncpg.Pool, turn: SettleTurn) -> SettledTurn:
    """Capture, release, store the reply. Raises StaleHolder, NoSuchHold; safe to repeat."""
    try:
        row = await db.fetchrow(
            SETTLE_TURN,
            turn.payer,
            turn.hold,
            turn.fence,
            turn.metered,
            turn.parent,
            turn.continues,
            turn.parts,
            turn.words,
            turn.status,
            turn.continuable,
            turn.usage,
            list(turn.memories),
            turn.receipt,
            turn.receipt_doc or {},
        )
    except asyncpg.PostgresError as error:
        raise refusal(error) from error
    assert row is not None
    return SettledTurn(
        outcome=row["outcome"],
        captured=row["captured"],
        n=row["n"],
        receipt=row["receipt"],
        wallet=_wallet(row),
        at_ms=row["at_ms"],
    )


async def extend_hold(
    db: asyncpg.Pool,
    payer: str,
    hold: str,
    fence: int,
    k: int,
    more: int,
    metered: int,
    seconds: int,
) -> int:
    """Grow an open hold by what there is, at most `more`; returns its amount. Raises NoSuchHold."""
    try:
        amount = await db.fetchval(EXTEND_HOLD, payer, hold, fence, k, more, metered, seconds)
    except asyncpg.PostgresError as error:
        raise refusal(error) from error
    return int(amount)


async def renew_holds(db: asyncpg.Pool, node: str, seconds: int) -> None:
    """A living node's holds do not expire."""
    await db.execute(RENEW_HOLDS, node, seconds)


async def open_holds(db: asyncpg.Pool, home: str, room: str) -> list[HoldRow]:
    """Holds that stand open in a room."""
    return [HoldRow(**dict(row)) for row in await db.fetch(OPEN_HOLDS, home, room)]


async def expired_holds(db: asyncpg.Pool, past_seconds: float, limit: int) -> list[HoldRow]:
    """Holds that expired more than `past_seconds` ago, by the database's clock."""
    return [HoldRow(**dict(row)) for row in await db.fetch(EXPIRED_HOLDS, past_seconds, limit)]


async def foreign_holds(db: asyncpg.Pool, living: list[str], limit: int) -> list[HoldRow]:
    """Open holds of nodes that are not among the living."""
    return [HoldRow(**dict(row)) for row in await db.fetch(FOREIGN_HOLDS, living, limit)]


async def overdue_holds(
    db: asyncpg.Pool, node: str, age_seconds: float, limit: int
) -> list[HoldRow]:
    """A node's own open holds that are older than any turn can be."""
    return [HoldRow(**dict(row)) for row in await db.fetch(OVERDUE_HOLDS, node, age_seconds, limit)]


async def last_rooms(
    db: asyncpg.Pool, living: list[str], past_seconds: float, limit: int
) -> list[tuple[str, str]]:
    """(node, room) where nodes that are gone settled a reply not long ago."""
    rows = await db.fetch(LAST_ROOMS, living, past_seconds, limit)
    return [(row["node"], row["room"]) for row in rows]


def _wallet(row: asyncpg.Record) -> WalletRow:
    return WalletRow(row["available"] or 0, row["held"] or 0, row["lots"] or [])
