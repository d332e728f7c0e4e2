"""Calls that go on under another holder: the hold, and what was agreed when the call began.

One statement (storage/migrations/0016_calls_go_on.sql): from then on the holder before can neither
extend nor settle, whatever it still believes.
"""

from typing import Any

import asyncpg
from msgspec import Struct

from storage.statements import sql


class TakenCall(Struct, frozen=True, kw_only=True):
    """An open call that is ours now. `amount` is held, `k` counts its extensions."""

    k: int
    amount: int
    person: str
    companion: str
    kind: str
    transport: str
    legs: int
    terms: dict[str, Any]


TAKE_CALL = sql("take_call", "SELECT * FROM take_call($1, $2, $3, $4, $5)")


async def take_call(
    db: asyncpg.Pool, payer: str, hold: str, fence: int, node: str, seconds: int
) -> TakenCall | None:
    """Make an open call this node's. None: it has ended, or a newer holder has its room."""
    row = await db.fetchrow(TAKE_CALL, payer, hold, fence, node, seconds)
    return None if row is None else TakenCall(**dict(row))
