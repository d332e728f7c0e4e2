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
NOT_EXPORTED: Final = ["password", "secret", "embedding", "digest", "hash", "prev", "direction"]
# Where the words of one person lie in another's room: those rows stay, emptied.
OWNERS: Final = frozenset({"person", "home", "member"})

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
FORGET_REACTIONS = sql(
    "forget_reactions",
    "UPDATE messages m SET reactions = m.reactions - $1 FROM members b WHERE b.member = $1 "
    "AND b.kind = 'person' AND m.home = b.home AND m.room = b.room AND m.home <> $1 "
    "AND m.reactions ? $1",
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
        await connection.execute(EMPTY_MESSAGES, person, stand_in)
        await connection.execute(FORGET_REACTIONS, person)
        await connection.execute(FORGET_PAYING_FOR, person)
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
        f"WHERE {table.whose()}"
    )
    async for record in connection.cursor(query, person, NOT_EXPORTED, prefetch=200):
        yield record["row"]
