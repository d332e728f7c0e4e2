"""Rooms and who is in them, at rest: one typed function for each statement.

Writers name the room's fence where it matters, so that a holder that lost its lease changes
no rows. Messages live in storage/messages.py; money in storage/ledger.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
from msgspec import Struct

from storage.statements import sql


class MemberRow(Struct, frozen=True, kw_only=True):
    """A person or companion in a room; `name` is the person's, empty for companions."""

    kind: str
    member: str
    name: str
    since_n: int
    read_n: int
    role: str = "member"
    muted: bool = False
    since_log: str = ""


class RoomRow(Struct, frozen=True, kw_only=True):
    """A room. Instants are unix milliseconds."""

    home: str
    room: str
    title: str
    status: str
    payer: str
    n: int
    changes: int
    fence: int
    head: str | None
    spent: int
    created_at: int
    updated_at: int
    shares_history: bool = False
    halted: str = ""
    direction: str = ""
    direction_once: bool = True
    members: tuple[MemberRow, ...] = ()
    unread: int = 0


_COLUMNS = """r.home, r.room, r.title, r.status, r.payer, r.n, r.changes, r.fence, r.head, r.spent,
    r.shares_history, r.halted, r.direction, r.direction_once,
    (extract(epoch FROM r.created_at) * 1000)::bigint AS created_at,
    (extract(epoch FROM r.updated_at) * 1000)::bigint AS updated_at,
    (SELECT jsonb_agg(jsonb_build_object('kind', m.kind, 'member', m.member,
            'name', coalesce(p.display_name, ''), 'since_n', m.since_n, 'read_n', m.read_n,
            'role', m.role, 'muted', m.muted, 'since_log', m.since_log)
            ORDER BY m.kind DESC, m.joined_at, m.member)
       FROM members m LEFT JOIN people p ON m.kind = 'person' AND p.person = m.member
      WHERE m.home = r.home AND m.room = r.room AND m.left_at IS NULL) AS members"""

CREATE_ROOM = sql(
    "create_room",
    """
    WITH made AS (
        INSERT INTO rooms (home, room, title, payer, n, changes, head)
        VALUES ($1, $2, $3, $4, cardinality($6::text[]), cardinality($6::text[]),
                ($6::text[])[cardinality($6::text[])])
    ), people_in AS (
        INSERT INTO members (home, room, kind, member, role)
        VALUES ($1, $2, 'person', $1, 'owner')
    ), companions_in AS (
        INSERT INTO members (home, room, kind, member)
        SELECT $1, $2, 'companion', unnest($5::text[])
    )
    INSERT INTO messages (home, room, message, n, changed, parent,
                          sender_kind, sender, parts, words)
    SELECT $1, $2, g.message, g.i, g.i, ($6::text[])[g.i - 1],
           'companion', g.companion,
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', g.words)), g.words
    FROM unnest($6::text[], $7::text[], $8::text[])
         WITH ORDINALITY AS g(message, companion, words, i)
    """,
)

FIND_ROOM = sql(
    "find_room",
    f"SELECT {_COLUMNS}, 0 AS unread FROM rooms r WHERE r.room = $1",  # noqa: S608
)

LIST_ROOMS = sql(
    "list_rooms",
    f"""
    SELECT {_COLUMNS},
           (SELECT count(*) FROM messages x
             WHERE x.home = r.home AND x.room = r.room AND x.n > me.read_n
               AND x.sender <> $1 AND x.status <> 'deleted') AS unread
    FROM members me JOIN rooms r ON r.home = me.home AND r.room = me.room
    WHERE me.member = $1 AND me.kind = 'person' AND me.left_at IS NULL
      AND ($2::text IS NULL OR r.status = $2)
    ORDER BY r.updated_at DESC, r.room DESC LIMIT $3 OFFSET $4
    """,  # noqa: S608
)

# Of many at once: those who come back together are one statement (storage/together.py).
ROOM_IDS_OF = sql(
    "room_ids_of",
    """
    SELECT asked.person, mine.room, mine.since_log FROM unnest($1::text[]) AS asked (person)
     CROSS JOIN LATERAL (
           SELECT room, since_log FROM members WHERE member = asked.person AND kind = 'person'
              AND left_at IS NULL ORDER BY joined_at DESC LIMIT $2) mine
    """,
)

COUNT_ROOMS = sql(
    "count_rooms",
    "SELECT count(*) FROM members me JOIN rooms r USING (home, room) WHERE me.member = $1 "
    "AND me.kind = 'person' AND me.left_at IS NULL AND r.status = 'active'",
)

SET_READ = sql(
    "set_read",
    "UPDATE members SET read_n = greatest(read_n, $4) WHERE home = $1 AND room = $2 "
    "AND kind = 'person' AND member = $3",
)

SET_ROOM = sql(
    "set_room",
    "UPDATE rooms SET title = coalesce($3, title), status = coalesce($4, status), "
    "updated_at = now() WHERE home = $1 AND room = $2",
)

SET_HEAD = sql(
    "set_head",
    "UPDATE rooms SET head = $3, updated_at = now() WHERE home = $1 AND room = $2 AND fence <= $4",
)

SET_OVERSIGHT = sql(
    "set_oversight",
    "UPDATE rooms SET halted = $3, direction = $4, direction_once = $5, status = CASE "
    "WHEN $3 = 'ended' THEN 'ended' WHEN halted = 'ended' THEN 'active' ELSE status END "
    "WHERE home = $1 AND room = $2 AND fence <= $6",
)

FENCE_OF = sql("fence_of", "SELECT fence FROM rooms WHERE room = $1")

RAISE_FENCE = sql("raise_fence", "UPDATE rooms SET fence = $2 WHERE room = $1 AND fence < $2")

ANSWERED = sql("answered", "SELECT digest, answer FROM commands WHERE person = $1 AND key = $2")

FORGET_COMMANDS = sql(
    "forget_commands", "DELETE FROM commands WHERE at < now() - make_interval(hours => $1)"
)


def _room(record: asyncpg.Record) -> RoomRow:
    row: dict[str, Any] = dict(record)
    row["members"] = tuple(MemberRow(**member) for member in row["members"] or ())
    return RoomRow(**row)


class Greeting(Struct, frozen=True):
    """A companion's first words in a new room."""

    message: str
    companion: str
    words: str


async def create_room(
    db: asyncpg.Pool,
    home: str,
    room: str,
    title: str,
    payer: str,
    companions: list[str],
    greetings: list[Greeting],
) -> None:
    """Make a room with its members and first greetings, in one statement."""
    await db.execute(
        CREATE_ROOM,
        home,
        room,
        title,
        payer,
        companions,
        [g.message for g in greetings],
        [g.companion for g in greetings],
        [g.words for g in greetings],
    )


async def find_room(db: asyncpg.Pool, room: str) -> RoomRow | None:
    """The room and its present members."""
    record = await db.fetchrow(FIND_ROOM, room)
    return None if record is None else _room(record)


async def list_rooms(
    db: asyncpg.Pool, person: str, status: str | None, limit: int, offset: int
) -> list[RoomRow]:
    """A person's rooms, the liveliest first, each with its count of unread messages."""
    return [_room(record) for record in await db.fetch(LIST_ROOMS, person, status, limit, offset)]


async def room_ids_of(
    db: asyncpg.Pool, people: Sequence[str], limit: int = 1000
) -> dict[str, dict[str, str]]:
    """The rooms each is in, the newest first, and from where on their logs are theirs."""
    found: dict[str, dict[str, str]] = {}
    for person, room, since_log in await db.fetch(ROOM_IDS_OF, list(people), limit):
        found.setdefault(person, {})[room] = since_log
    return found


async def count_rooms(db: asyncpg.Pool, person: str) -> int:
    """How many active rooms a person is in; what the plan's quota is compared with."""
    return int(await db.fetchval(COUNT_ROOMS, person))


async def set_read(db: asyncpg.Pool, home: str, room: str, person: str, n: int) -> None:
    """Move a read cursor forward, never back."""
    await db.execute(SET_READ, home, room, person, n)


async def set_room(
    db: asyncpg.Pool, home: str, room: str, title: str | None, status: str | None
) -> None:
    """Change a room's title or status; None leaves it."""
    await db.execute(SET_ROOM, home, room, title, status)


async def set_head(db: asyncpg.Pool, home: str, room: str, head: str, fence: int) -> bool:
    """Walk to another branch; False when a newer holder has the room."""
    return bool((await db.execute(SET_HEAD, home, room, head, fence)).endswith(" 1"))


async def set_oversight(
    db: asyncpg.Pool, row: RoomRow, halted: str, direction: str, *, once: bool, fence: int
) -> bool:
    """Halt a room or let it go on, and set its companion's direction; False for a stale fence."""
    status = await db.execute(SET_OVERSIGHT, row.home, row.room, halted, direction, once, fence)
    return bool(status.endswith(" 1"))


async def fence_of(db: asyncpg.Pool, room: str) -> int:
    """The highest fence the database has seen for a room; 0 for none."""
    return int(await db.fetchval(FENCE_OF, room) or 0)


async def raise_fence(db: asyncpg.Pool, room: str, fence: int) -> None:
    """Shut out every holder with a lower fence."""
    await db.execute(RAISE_FENCE, room, fence)


async def answered(db: asyncpg.Pool, person: str, key: str) -> tuple[bytes, dict[str, Any]] | None:
    """The digest and answer stored with a command's key, if it was carried out before."""
    record = await db.fetchrow(ANSWERED, person, key)
    return None if record is None else (record["digest"], record["answer"])


async def forget_commands(db: asyncpg.Pool, hours: int) -> None:
    """Drop answers older than `hours`; by then no honest client repeats them."""
    await db.execute(FORGET_COMMANDS, hours)
