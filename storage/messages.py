"""The message tree at rest: branches, alternatives, history, reactions.

A room's branch in use is the path from its head to the root, found by walking parents.
"""

from typing import Any

import asyncpg
from msgspec import Struct

from storage.statements import sql


class MessageRow(Struct, frozen=True, kw_only=True):
    """One message. `siblings` are the ids of its alternatives in order, itself included."""

    message: str
    n: int
    parent: str | None
    continues: str | None
    sender_kind: str
    sender: str
    parts: list[dict[str, Any]]
    words: str
    status: str
    continuable: bool
    edited: bool
    usage: dict[str, Any] | None
    cost: int
    receipt: str | None
    memories: list[str]
    reactions: dict[str, str]
    key: str | None
    at: int
    siblings: list[str]
    by_staff: bool = False


_COLUMNS = """m.message, m.n, m.parent, m.continues, m.sender_kind, m.sender, m.parts, m.words,
    m.status, m.continuable, m.edited, m.usage, m.cost, m.receipt, m.memories, m.reactions, m.key,
    m.by_staff,
    (extract(epoch FROM m.created_at) * 1000)::bigint AS at,
    (SELECT array_agg(s.message ORDER BY s.n) FROM messages s
      WHERE s.home = m.home AND s.room = m.room AND s.parent = m.parent
        AND s.sender_kind = m.sender_kind AND s.status <> 'deleted') AS siblings"""

# The walk stops by depth, so that a damaged tree cannot hold a connection for ever.
BRANCH = sql(
    "branch",
    f"""
    WITH RECURSIVE path AS (
        SELECT x.message, x.parent, x.n, 1 AS depth FROM messages x
         WHERE x.home = $1 AND x.room = $2 AND x.message = $3
        UNION ALL
        SELECT x.message, x.parent, x.n, path.depth + 1
          FROM path JOIN messages x ON x.home = $1 AND x.room = $2 AND x.message = path.parent
         WHERE path.depth < 20000
    ), page AS (
        SELECT message, n FROM path WHERE n < $4 AND n > $5 ORDER BY n DESC LIMIT $6 OFFSET $7
    )
    SELECT {_COLUMNS} FROM page JOIN messages m ON m.home = $1 AND m.room = $2
       AND m.message = page.message
    ORDER BY m.n
    """,  # noqa: S608
)

FIND_MESSAGE = sql(
    "find_message",
    f"SELECT {_COLUMNS} FROM messages m WHERE m.home = $1 AND m.room = $2 AND m.message = $3",  # noqa: S608
)

NEWEST_LEAF = sql(
    "newest_leaf",
    """
    WITH RECURSIVE below AS (
        SELECT message, n FROM messages WHERE home = $1 AND room = $2 AND message = $3
        UNION ALL
        SELECT m.message, m.n FROM below
          JOIN messages m ON m.home = $1 AND m.room = $2 AND m.parent = below.message
         WHERE m.status <> 'deleted'
    )
    SELECT message FROM below ORDER BY n DESC LIMIT 1
    """,
)

REACT = sql(
    "react",
    """
    WITH numbered AS (
        UPDATE rooms SET changes = changes + 1 WHERE home = $1 AND room = $2 AND fence <= $6
        RETURNING changes
    )
    UPDATE messages SET changed = numbered.changes,
           reactions = CASE WHEN $5::text IS NULL THEN reactions - $4::text
                            ELSE reactions || jsonb_build_object($4::text, $5::text) END
      FROM numbered WHERE home = $1 AND room = $2 AND message = $3
    """,
)

SEARCH = sql(
    "search_messages",
    f"""
    SELECT {_COLUMNS}, m.room FROM members me
      JOIN messages m ON m.home = me.home AND m.room = me.room AND m.n > me.since_n
     WHERE me.member = $1 AND me.kind = 'person' AND me.left_at IS NULL
       AND m.status <> 'deleted'
       AND to_tsvector('simple', m.words) @@ websearch_to_tsquery('simple', $2)
     ORDER BY m.created_at DESC LIMIT $3
    """,  # noqa: S608
)


# In a companion's place, by staff: free, and marked for good. Fenced like every other writer.
SAY_FOR = sql(
    "say_for_companion",
    """
    WITH numbered AS (
        UPDATE rooms SET n = n + 1, changes = changes + 1, head = $3, updated_at = now()
         WHERE home = $1 AND room = $2 AND fence <= $7 RETURNING n, changes
    ), kept AS (
        INSERT INTO commands (person, key, digest, answer)
        SELECT $8, $9, $10, jsonb_build_object('message', $3::text) FROM numbered
    )
    INSERT INTO messages (home, room, message, n, changed, parent, sender_kind, sender, parts,
                          words, by_staff)
    SELECT $1, $2, $3, numbered.n, numbered.changes, $4, 'companion', $5,
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', $6::text)), $6, true
      FROM numbered
    RETURNING message
    """,
)


def message_row(record: asyncpg.Record) -> MessageRow:
    """A row of any statement above as a Struct."""
    row: dict[str, Any] = dict(record)
    row.pop("room", None)
    row["siblings"] = row["siblings"] or [row["message"]]
    return MessageRow(**row)


_ALL = 2**62


async def branch(
    db: asyncpg.Pool,
    home: str,
    room: str,
    head: str | None,
    *,
    limit: int,
    before_n: int = _ALL,
    after_n: int = 0,
    offset: int = 0,
) -> list[MessageRow]:
    """The newest `limit` messages of the branch that ends in `head`, oldest first."""
    if head is None:
        return []
    records = await db.fetch(BRANCH, home, room, head, before_n, after_n, limit, offset)
    return [message_row(record) for record in records]


async def find_message(db: asyncpg.Pool, home: str, room: str, message: str) -> MessageRow | None:
    """One message of a room."""
    record = await db.fetchrow(FIND_MESSAGE, home, room, message)
    return None if record is None else message_row(record)


async def newest_leaf(db: asyncpg.Pool, home: str, room: str, message: str) -> str | None:
    """The newest message at or below `message`: where a branch is taken up again."""
    leaf: str | None = await db.fetchval(NEWEST_LEAF, home, room, message)
    return leaf


async def react(
    db: asyncpg.Pool,
    home: str,
    room: str,
    message: str,
    person: str,
    reaction: str | None,
    fence: int,
) -> bool:
    """Set or take back one person's reaction; False when nothing was changed."""
    status = await db.execute(REACT, home, room, message, person, reaction, fence)
    return bool(status.endswith(" 1"))


async def say_for(
    db: asyncpg.Pool,
    home: str,
    room: str,
    message: str,
    parent: str | None,
    companion: str,
    words: str,
    *,
    fence: int,
    by: str,
    key: str,
    digest: bytes,
) -> bool:
    """Store what staff says in a companion's place, with its command; False for a stale fence."""
    stored = await db.fetchval(
        SAY_FOR, home, room, message, parent, companion, words, fence, by, key, digest
    )
    return stored is not None


async def search_messages(
    db: asyncpg.Pool, person: str, query: str, limit: int
) -> list[tuple[str, MessageRow]]:
    """Messages in the person's rooms that hold these words, the newest first, with their rooms."""
    records = await db.fetch(SEARCH, person, query, limit)
    return [(record["room"], message_row(record)) for record in records]
