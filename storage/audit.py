"""The audit log of those who run the service: who looked into which room, what they did, and why.

Rows are only ever added; the table refuses everything else (migration 0009).
"""

from typing import Literal

import asyncpg
from msgspec import Struct

from storage.statements import sql

Outcome = Literal["allowed", "refused", "failed", "done"]

WRITE = sql(
    "write_audit",
    "INSERT INTO audit (who, act, room, why, outcome, note) VALUES ($1, $2, $3, $4, $5, $6)",
)
# So that neither a page that refreshes nor somebody who tries again and again fills the table.
WRITE_RARELY = sql(
    "write_audit_rarely",
    """
    INSERT INTO audit (who, act, room, why, outcome, note)
    SELECT $1, $2, $3, $4, $5, $6
     WHERE (SELECT count(*) FROM audit a WHERE a.who = $1 AND a.act = $2 AND a.outcome = $5
               AND a.at > now() - interval '1 minute') < $7::bigint
    """,
)
READ = sql(
    "read_audit",
    """
    SELECT a.n, (extract(epoch FROM a.at) * 1000)::bigint AS at, a.who,
           coalesce(p.username, '') AS name, a.act, a.room, a.why, a.outcome, a.note
      FROM audit a LEFT JOIN people p ON p.person = a.who
     WHERE a.n < $1 AND ($2 = '' OR a.room = $2) AND ($3 = '' OR a.who = $3)
     ORDER BY a.n DESC LIMIT $4
    """,
)


class AuditRow(Struct, frozen=True, kw_only=True):
    """One line of the log. `at` is unix milliseconds; `name` is who's name today."""

    n: int
    at: int
    who: str
    name: str
    act: str
    room: str
    why: str
    outcome: Outcome
    note: str


async def write(
    db: asyncpg.Pool,
    who: str,
    act: str,
    *,
    room: str = "",
    why: str = "",
    outcome: Outcome = "allowed",
    note: str = "",
    most_a_minute: int = 0,
) -> None:
    """Add a line. `most_a_minute`: so many of this person, act and outcome are enough."""
    if most_a_minute:
        await db.execute(WRITE_RARELY, who, act, room, why, outcome, note, most_a_minute)
    else:
        await db.execute(WRITE, who, act, room, why, outcome, note)


async def read(
    db: asyncpg.Pool, *, before: int, room: str = "", who: str = "", limit: int = 50
) -> list[AuditRow]:
    """A page of the log, the newest first."""
    return [AuditRow(**dict(row)) for row in await db.fetch(READ, before, room, who, limit)]
