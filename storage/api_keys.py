"""API keys at rest: only the hash of each secret, and what its bearer may do.

Using a key must not cost a commit each time, so the time of its last use is kept to the minute.
"""

import asyncpg
from msgspec import Struct

from storage.statements import sql


class KeyRow(Struct, frozen=True, kw_only=True):
    """One API key, without its secret. Instants are unix milliseconds."""

    api_key: str
    name: str
    scopes: list[str]
    created_at: int
    used_at: int | None


class UsedKey(Struct, frozen=True, kw_only=True):
    """Whose key a secret is, and what it may do."""

    person: str
    api_key: str
    scopes: list[str]


ADD_KEY = sql(
    "add_api_key",
    """
    INSERT INTO api_keys (person, api_key, secret, name, scopes)
    SELECT $1, $2, $3, $4, $5
     WHERE (SELECT count(*) FROM api_keys WHERE person = $1 AND revoked_at IS NULL) < $6::int
    """,
)
USE_KEY = sql(
    "use_api_key",
    """
    WITH found AS (
        SELECT person, api_key, scopes, used_at FROM api_keys
         WHERE secret = $1 AND revoked_at IS NULL
    ), touched AS (
        UPDATE api_keys k SET used_at = now() FROM found f
         WHERE k.person = f.person AND k.api_key = f.api_key
           AND (f.used_at IS NULL OR f.used_at < now() - interval '1 minute')
    )
    SELECT person, api_key, scopes FROM found
    """,
)
KEYS = sql(
    "api_keys",
    "SELECT api_key, name, scopes, (extract(epoch FROM created_at) * 1000)::bigint AS created_at, "
    "(extract(epoch FROM used_at) * 1000)::bigint AS used_at FROM api_keys "
    "WHERE person = $1 AND revoked_at IS NULL ORDER BY created_at LIMIT 1000",
)
REVOKE_KEY = sql(
    "revoke_api_key",
    "UPDATE api_keys SET revoked_at = now() WHERE person = $1 AND api_key = $2 "
    "AND revoked_at IS NULL",
)
REVOKE_KEYS = sql(
    "revoke_api_keys",
    "UPDATE api_keys SET revoked_at = now() WHERE person = $1 AND revoked_at IS NULL",
)


async def add_api_key(
    db: asyncpg.Pool,
    person: str,
    api_key: str,
    secret: bytes,
    name: str,
    scopes: list[str],
    most: int,
) -> bool:
    """A new API key; False when the person has `most` already."""
    done = await db.execute(ADD_KEY, person, api_key, secret, name, scopes, most)
    return bool(done.endswith(" 1"))


async def use_api_key(db: asyncpg.Pool, secret: bytes) -> UsedKey | None:
    """Whose standing key this is."""
    row = await db.fetchrow(USE_KEY, secret)
    return None if row is None else UsedKey(**dict(row))


async def api_keys(db: asyncpg.Pool, person: str) -> list[KeyRow]:
    """A person's standing keys."""
    return [KeyRow(**dict(row)) for row in await db.fetch(KEYS, person)]


async def revoke_api_key(db: asyncpg.Pool, person: str, api_key: str) -> bool:
    """End a key; False when there is none."""
    return bool((await db.execute(REVOKE_KEY, person, api_key)).endswith(" 1"))


async def revoke_api_keys(db: asyncpg.Pool, person: str) -> None:
    """End all of a person's keys."""
    await db.execute(REVOKE_KEYS, person)
