"""Sign-ins, refresh tokens, API keys and reset codes at rest; secrets only as hashes."""

import asyncpg
from msgspec import Struct

from storage.statements import sql


class SignInRow(Struct, frozen=True, kw_only=True):
    """One sign-in. Instants are unix milliseconds."""

    sign_in: str
    device: str
    address: str
    created_at: int
    used_at: int


class KeyRow(Struct, frozen=True, kw_only=True):
    """One API key, without its secret."""

    api_key: str
    name: str
    scopes: list[str]
    created_at: int
    used_at: int | None


class Rotation(Struct, frozen=True, kw_only=True):
    """What a refresh token turned out to be."""

    person: str
    sign_in: str
    outcome: str


ADD_SIGN_IN = sql(
    "add_sign_in",
    """
    WITH added AS (
        INSERT INTO sign_ins (person, sign_in, device, address) VALUES ($1, $2, $3, $4)
    )
    INSERT INTO refresh_tokens (token, person, sign_in, expires_at)
    VALUES ($5, $1, $2, now() + make_interval(secs => $6))
    """,
)
# Conditional and single: of two tabs with one token, both get a sibling within the grace; later
# the family is gone.
ROTATE = sql(
    "rotate",
    """
    WITH found AS (
        SELECT t.token, t.person, t.sign_in,
               CASE WHEN s.revoked_at IS NOT NULL THEN 'revoked'
                    WHEN t.expires_at < now() THEN 'expired'
                    WHEN t.used_at IS NULL THEN 'fresh'
                    WHEN t.used_at > now() - make_interval(secs => $3) THEN 'sibling'
                    ELSE 'reused' END AS outcome
          FROM refresh_tokens t JOIN sign_ins s USING (person, sign_in)
         WHERE t.token = $1 FOR UPDATE OF t
    ), used AS (
        UPDATE refresh_tokens t SET used_at = coalesce(t.used_at, now()) FROM found
         WHERE t.token = found.token AND found.outcome IN ('fresh', 'sibling')
    ), made AS (
        INSERT INTO refresh_tokens (token, person, sign_in, expires_at)
        SELECT $2, person, sign_in, now() + make_interval(secs => $4) FROM found
         WHERE outcome IN ('fresh', 'sibling')
    ), touched AS (
        UPDATE sign_ins s SET used_at = now() FROM found
         WHERE s.person = found.person AND s.sign_in = found.sign_in
    )
    SELECT person, sign_in, outcome FROM found
    """,
)
REVOKE = sql(
    "revoke",
    "UPDATE sign_ins SET revoked_at = now(), reason = $3 WHERE person = $1 "
    "AND ($2::text IS NULL OR sign_in = $2) AND revoked_at IS NULL RETURNING sign_in",
)
IS_LIVE = sql(
    "is_live",
    "SELECT true FROM sign_ins WHERE person = $1 AND sign_in = $2 AND revoked_at IS NULL",
)
SIGN_INS = sql(
    "sign_ins",
    "SELECT sign_in, device, address, "
    "(extract(epoch FROM created_at) * 1000)::bigint AS created_at, "
    "(extract(epoch FROM used_at) * 1000)::bigint AS used_at FROM sign_ins "
    "WHERE person = $1 AND revoked_at IS NULL ORDER BY used_at DESC LIMIT 200",
)
ADD_KEY = sql(
    "add_api_key",
    "INSERT INTO api_keys (person, api_key, secret, name, scopes) VALUES ($1, $2, $3, $4, $5)",
)
USE_KEY = sql(
    "use_api_key",
    "UPDATE api_keys SET used_at = now() WHERE secret = $1 AND revoked_at IS NULL "
    "RETURNING person, api_key, scopes",
)
KEYS = sql(
    "api_keys",
    "SELECT api_key, name, scopes, (extract(epoch FROM created_at) * 1000)::bigint AS created_at, "
    "(extract(epoch FROM used_at) * 1000)::bigint AS used_at FROM api_keys "
    "WHERE person = $1 AND revoked_at IS NULL ORDER BY created_at",
)
REVOKE_KEY = sql(
    "revoke_api_key",
    "UPDATE api_keys SET revoked_at = now() WHERE person = $1 AND api_key = $2 "
    "AND revoked_at IS NULL",
)
SET_CODE = sql(
    "set_reset_code",
    "INSERT INTO reset_codes (person, code, expires_at) "
    "VALUES ($1, $2, now() + make_interval(secs => $3)) ON CONFLICT (person) "
    "DO UPDATE SET code = $2, tries = 0, expires_at = excluded.expires_at",
)
# A right code uses up all its tries: it cannot be used twice.
TRY_CODE = sql(
    "try_reset_code",
    "UPDATE reset_codes SET tries = CASE WHEN code = $2 THEN $3 ELSE tries + 1 END "
    "WHERE person = $1 AND expires_at > now() AND tries < $3 RETURNING code = $2",
)
CLEAR_CODE = sql("clear_reset_code", "DELETE FROM reset_codes WHERE person = $1")
SIGNING_KEYS = sql("signing_keys", "SELECT kid, private FROM signing_keys ORDER BY created_at DESC")
ADD_SIGNING_KEY = sql(
    "add_signing_key",
    "INSERT INTO signing_keys (kid, private) SELECT $1, $2 "
    "WHERE NOT EXISTS (SELECT 1 FROM signing_keys)",
)


async def add_sign_in(
    db: asyncpg.Pool,
    person: str,
    sign_in: str,
    device: str,
    address: str,
    token_hash: bytes,
    seconds: int,
) -> None:
    """A new sign-in with its first refresh token."""
    await db.execute(ADD_SIGN_IN, person, sign_in, device, address, token_hash, seconds)


async def rotate(
    db: asyncpg.Pool, old: bytes, new: bytes, grace_seconds: int, seconds: int
) -> Rotation | None:
    """Exchange a refresh token; `outcome` is fresh, sibling, reused, expired or revoked."""
    row = await db.fetchrow(ROTATE, old, new, grace_seconds, seconds)
    return None if row is None else Rotation(**dict(row))


async def revoke(db: asyncpg.Pool, person: str, sign_in: str | None, reason: str) -> list[str]:
    """End one sign-in, or all; returns those that ended now."""
    return [row["sign_in"] for row in await db.fetch(REVOKE, person, sign_in, reason)]


async def is_live(db: asyncpg.Pool, person: str, sign_in: str) -> bool:
    """Whether a sign-in stands."""
    return bool(await db.fetchval(IS_LIVE, person, sign_in))


async def sign_ins(db: asyncpg.Pool, person: str) -> list[SignInRow]:
    """A person's standing sign-ins, the last used first."""
    return [SignInRow(**dict(row)) for row in await db.fetch(SIGN_INS, person)]


async def add_api_key(
    db: asyncpg.Pool, person: str, api_key: str, secret: bytes, name: str, scopes: list[str]
) -> None:
    """A new API key."""
    await db.execute(ADD_KEY, person, api_key, secret, name, scopes)


async def use_api_key(db: asyncpg.Pool, secret: bytes) -> tuple[str, str, list[str]] | None:
    """Person, key id and scopes of a standing key."""
    row = await db.fetchrow(USE_KEY, secret)
    return None if row is None else (row["person"], row["api_key"], row["scopes"])


async def api_keys(db: asyncpg.Pool, person: str) -> list[KeyRow]:
    """A person's standing keys."""
    return [KeyRow(**dict(row)) for row in await db.fetch(KEYS, person)]


async def revoke_api_key(db: asyncpg.Pool, person: str, api_key: str) -> bool:
    """End a key; False when there is none."""
    return bool((await db.execute(REVOKE_KEY, person, api_key)).endswith(" 1"))


async def set_reset_code(db: asyncpg.Pool, person: str, code: bytes, seconds: int) -> None:
    """The one reset code that counts from now on."""
    await db.execute(SET_CODE, person, code, seconds)


async def try_reset_code(db: asyncpg.Pool, person: str, code: bytes, tries: int) -> bool:
    """Whether the code is right; right or wrong, a try is used up, and a right one is gone."""
    return bool(await db.fetchval(TRY_CODE, person, code, tries))


async def signing_keys(db: asyncpg.Pool, kid: str, fresh: bytes) -> list[tuple[str, bytes]]:
    """The keys all nodes sign with, the newest first; `fresh` becomes the first where none is."""
    await db.execute(ADD_SIGNING_KEY, kid, fresh)
    return [(row["kid"], row["private"]) for row in await db.fetch(SIGNING_KEYS)]
