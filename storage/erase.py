"""Erasing a person, and handing them everything first.

Which tables name a person is asked of the database's own catalogue, so a new table with a
`person`, `home`, `member`, `sender` or `creator` column is never forgotten.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Final

import asyncpg
from msgspec import Struct

from storage.statements import sql

# Money is kept, by law, under a stand-in (migration 0007); companions may outlive their maker.
KEPT: Final = frozenset({"wallets", "holds", "entries", "receipts", "companions"})
# Hashes of secrets are of no use to their owner, vectors and digests are made from what is there.
SECRET_TABLES: Final = frozenset({"refresh_tokens", "reset_codes", "signing_keys"})
NOT_EXPORTED: Final = [
    "password",
    "secret",
    "embedding",
    "digest",
    "hash",
    "code_hash",
    "prev",
    "direction",
]
# Where the words of one person lie in another's room: those rows stay, emptied.
OWNERS: Final = frozenset({"person", "home", "member"})
# A room one made may have gone to others, and a list of blocks is its maker's alone: what one is
# handed is what one may see. The words of others end where one's own seat did.
_SEAT = """EXISTS (SELECT 1 FROM members b WHERE b.home = t.home AND b.room = t.room
    AND b.kind = 'person' AND b.member = $1 AND """
HANDED_OUT: Final = {
    "messages": f"sender = $1 OR (home = $1 AND {_SEAT} t.n > b.since_n "
    "AND (b.left_at IS NULL OR t.created_at <= b.left_at)))",
    "members": f"member = $1 OR (home = $1 AND {_SEAT} b.left_at IS NULL))",
    "invitations": f"person = $1 OR (home = $1 AND {_SEAT} b.left_at IS NULL))",
    "person_blocks": "person = $1",
}

TABLES_OF_PEOPLE = sql(
    "tables_of_people",
    "SELECT c.table_name::text AS name, array_agg(c.column_name::text ORDER BY c.column_name) "
    "AS columns FROM information_schema.columns c JOIN information_schema.tables t "
    "USING (table_schema, table_name) WHERE c.table_schema = 'public' "
    "AND t.table_type = 'BASE TABLE' "
    "AND c.column_name IN ('person', 'home', 'member', 'sender', 'creator') "
    "GROUP BY c.table_name ORDER BY c.table_name",
)
FORGET_PAYER = sql("forget_payer", "SELECT forget_payer($1, $2)")
EMPTY_MESSAGES = sql(
    "empty_messages_of",
    "UPDATE messages SET parts = '[]', words = '', sender = $2, memories = '[]', reactions = '{}', "
    "key = NULL WHERE sender = $1 AND sender_kind = 'person' AND home <> $1",
)
FORGET_PAYING_FOR = sql(
    "forget_paying_for", "UPDATE rooms SET payer = 'sender' WHERE payer = $1 AND home <> $1"
)
FORGET_CALLS_PAID = sql(  # the call follows its hold, which forget_payer gave the stand-in
    "forget_calls_paid", "UPDATE calls SET payer = $2 WHERE payer = $1"
)
FORGET_REACTIONS = sql(
    "forget_reactions",
    "UPDATE messages m SET reactions = m.reactions - $1 FROM members b WHERE b.member = $1 "
    "AND b.kind = 'person' AND m.home = b.home AND m.room = b.room AND m.home <> $1 "
    "AND m.reactions ? $1",
)
# Rooms with others in them are not taken along: the owner's seat goes to who came first, and so
# does the key of a room this person made.
LEAVE_OWNED = sql(
    "leave_owned_rooms",
    "UPDATE members SET role = 'member', left_at = now() WHERE member = $1 AND kind = 'person' "
    "AND role = 'owner' AND left_at IS NULL",
)
HAND_ON_SEATS = sql(
    "hand_on_seats",
    """
    UPDATE members SET role = 'owner', muted = false FROM (
        SELECT DISTINCT ON (o.home, o.room) o.home, o.room, o.member FROM members mine
          JOIN members o ON o.home = mine.home AND o.room = mine.room
           AND o.kind = 'person' AND o.left_at IS NULL
         WHERE mine.member = $1 AND mine.kind = 'person' AND NOT EXISTS (
               SELECT 1 FROM members w WHERE w.home = o.home AND w.room = o.room
                  AND w.role = 'owner' AND w.left_at IS NULL)
         ORDER BY o.home, o.room, o.joined_at, o.member) heir
     WHERE members.home = heir.home AND members.room = heir.room
       AND members.kind = 'person' AND members.member = heir.member
    """,
)
HAND_ON_ROOMS = sql(
    "hand_on_rooms",
    """
    WITH heirs AS (
        SELECT room, member FROM members WHERE home = $1 AND kind = 'person'
           AND member <> $1 AND role = 'owner' AND left_at IS NULL
    ), held AS (
        UPDATE rooms SET home = heirs.member FROM heirs
         WHERE rooms.home = $1 AND rooms.room = heirs.room
    ), seated AS (
        UPDATE members SET home = heirs.member FROM heirs
         WHERE members.home = $1 AND members.room = heirs.room
    ), called AS (
        UPDATE calls SET home = heirs.member FROM heirs
         WHERE calls.home = $1 AND calls.room = heirs.room
    ), asked_in AS (
        UPDATE invitations SET home = heirs.member FROM heirs
         WHERE invitations.home = $1 AND invitations.room = heirs.room
    )
    UPDATE messages SET home = heirs.member FROM heirs
     WHERE messages.home = $1 AND messages.room = heirs.room
    """,
)
DROP_COMPANIONS = sql(
    "drop_companions_of",
    "DELETE FROM companions WHERE creator = $1 AND visibility <> 'public'",
)
ORPHAN_COMPANIONS = sql(
    "orphan_companions_of", "UPDATE companions SET creator = NULL WHERE creator = $1"
)


class Table(Struct, frozen=True):
    """A table, and which of its columns name a person."""

    name: str
    columns: list[str]

    def whose(self, columns: list[str] | None = None) -> str:
        """The condition for rows of the person in $1."""
        return " OR ".join(f'"{column}" = $1' for column in columns or self.columns)


async def tables_of_people(db: "asyncpg.Pool | asyncpg.pool.PoolConnectionProxy") -> list[Table]:
    """Every table that names a person."""
    return [Table(row["name"], row["columns"]) for row in await db.fetch(TABLES_OF_PEOPLE)]


async def erase(db: asyncpg.Pool, person: str) -> bool:
    """Remove every row of a person and the name from the rest, in one transaction.

    False, and nothing done, while one of their replies is still being paid for.
    """
    stand_in = "x_" + hashlib.sha256(f"{secrets.token_hex(32)}:{person}".encode()).hexdigest()[:26]
    async with db.acquire() as connection, connection.transaction():
        if not await connection.fetchval(FORGET_PAYER, person, stand_in):
            return False
        for hand_on in (LEAVE_OWNED, HAND_ON_SEATS, HAND_ON_ROOMS):
            await connection.execute(hand_on, person)
        await connection.execute(EMPTY_MESSAGES, person, stand_in)
        await connection.execute(FORGET_REACTIONS, person)
        await connection.execute(FORGET_PAYING_FOR, person)
        await connection.execute(FORGET_CALLS_PAID, person, stand_in)
        await connection.execute(DROP_COMPANIONS, person)
        await connection.execute(ORPHAN_COMPANIONS, person)
        for table in await tables_of_people(connection):
            owned = [column for column in table.columns if column in OWNERS]
            if table.name not in KEPT and owned:
                # Names come from the database's own catalogue, never from outside.
                await connection.execute(
                    f'DELETE FROM "{table.name}" WHERE {table.whose(owned)}',  # noqa: S608
                    person,
                )
    return True


async def rows_of(
    connection: "asyncpg.pool.PoolConnectionProxy", table: Table, person: str
) -> AsyncIterator[str]:
    """Every row of a table that names a person, as JSON, without secrets. Wants a transaction."""
    query = (
        f'SELECT (to_jsonb(t) - $2::text[])::text AS row FROM "{table.name}" t '  # noqa: S608
        f"WHERE {HANDED_OUT.get(table.name) or table.whose()}"
    )
    async for record in connection.cursor(query, person, NOT_EXPORTED, prefetch=200):
        yield record["row"]
