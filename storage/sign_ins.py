"""Sign-ins, their refresh tokens, reset codes and the signing keys at rest.

Secrets only as hashes, except the signing keys: every node must be able to sign, and whoever
reads this table could as well write to `people` (docs/why/signing-keys.md).
"""

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


class NewSignIn(Struct, frozen=True, kw_only=True):
    """A sign-in to be added, with its first refresh token; older ones than `most` end."""

    person: str
    sign_in: str
    device: str
    address: str
    token: bytes
    seconds: int
    most: int


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
    ), token AS (
        INSERT INTO refresh_tokens (token, person, sign_in, expires_at)
        VALUES ($5, $1, $2, now() + make_interval(secs => $6))
    )
    UPDATE sign_ins SET revoked_at = now(), reason = 'too many'
     WHERE person = $1 AND sign_in IN (
           SELECT sign_in FROM sign_ins WHERE person = $1 AND revoked_at IS NULL
            ORDER BY used_at DESC, sign_in DESC OFFSET greatest($7::int - 1, 0))
    RETURNING sign_in
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
           AND found.outcome IN ('fresh', 'sibling')
    )
    SELECT person, sign_in, outcome FROM found
    """,
)
REVOKE = sql(
    "revoke",
    "UPDATE sign_ins SET revoked_at = now(), reason = $3 WHERE person = $1 "
    "AND ($2::text IS NULL OR sign_in = $2) AND ($4::text IS NULL OR sign_in <> $4) "
    "AND revoked_at IS NULL RETURNING sign_in",
)
SIGN_INS = sql(
    "sign_ins",
    "SELECT sign_in, device, address, "
    "(extract(epoch FROM created_at) * 1000)::bigint AS created_at, "
    "(extract(epoch FROM used_at) * 1000)::bigint AS used_at FROM sign_ins "
    "WHERE person = $1 AND revoked_at IS NULL AND used_at > now() - make_interval(secs => $2) "
    "ORDER BY used_at DESC LIMIT 200",
)
SET_CODE = sql(
    "set_reset_code",
    "INSERT INTO reset_codes (person, code, expires_at) "
    "VALUES ($1, $2, now() + make_interval(secs => $3)) ON CONFLICT (person) "
    "DO UPDATE SET code = $2, tries = 0, expires_at = excluded.expires_at",
)
# A right code uses up every try, so it is good once; one statement, so that racing guesses count.
TRY_CODE = sql(
    "try_reset_code",
    """
    WITH tried AS (
        UPDATE reset_codes SET tries = CASE WHEN code = $2 THEN $3 ELSE tries + 1 END
         WHERE person = $1 AND expires_at > now() AND tries < $3 RETURNING code = $2 AS hit
    )
    SELECT coalesce((SELECT hit FROM tried), false)
    """,
)
CLEAR_CODE = sql("clear_reset_code", "DELETE FROM reset_codes WHERE person = $1")
TIDY = sql(
    "tidy_sign_ins",
    """
    WITH tokens AS (
        DELETE FROM refresh_tokens
         WHERE expires_at < now() OR used_at < now() - interval '7 days'
    ), codes AS (
        DELETE FROM reset_codes WHERE expires_at < now()
    )
    DELETE FROM sign_ins WHERE used_at < now() - make_interval(secs => 2 * $1)
    """,
)
SIGNING_KEYS = sql("signing_keys", "SELECT kid, private FROM signing_keys ORDER BY created_at DESC")
LOCK_SIGNING_KEYS = sql("lock_signing_keys", "LOCK TABLE signing_keys IN EXCLUSIVE MODE")
ADD_SIGNING_KEY = sql(
    "add_signing_key",
    "INSERT INTO signing_keys (kid, private) SELECT $1, $2 "
    "WHERE NOT EXISTS (SELECT 1 FROM signing_keys)",
)


async def add_sign_in(db: asyncpg.Pool, added: NewSignIn) -> list[str]:
    """A new sign-in with its first refresh token; returns the older ones it crowded out."""
    rows = await db.fetch(
        ADD_SIGN_IN,
        added.person,
        added.sign_in,
        added.device,
        added.address,
        added.token,
        added.seconds,
        added.most,
    )
    return [row["sign_in"] for row in rows]


async def rotate(
    db: asyncpg.Pool, old: bytes, new: bytes, grace_seconds: int, seconds: int
) -> Rotation | None:
    """Exchange a refresh token; `outcome` is fresh, sibling, reused, expired or revoked."""
    row = await db.fetchrow(ROTATE, old, new, grace_seconds, seconds)
    return None if row is None else Rotation(**dict(row))


async def revoke(
    db: asyncpg.Pool, person: str, sign_in: str | None, reason: str, but: str | None
) -> list[str]:
    """End one sign-in, or all `but` one; returns those that ended now."""
    return [row["sign_in"] for row in await db.fetch(REVOKE, person, sign_in, reason, but)]


async def sign_ins(db: asyncpg.Pool, person: str, refresh_seconds: int) -> list[SignInRow]:
    """A person's sign-ins that can still be used, the last used first."""
    return [SignInRow(**dict(row)) for row in await db.fetch(SIGN_INS, person, refresh_seconds)]


async def tidy(db: asyncpg.Pool, refresh_seconds: int) -> None:
    """Forget tokens, codes and sign-ins that nobody can use any more."""
    await db.execute(TIDY, refresh_seconds)


async def set_reset_code(db: asyncpg.Pool, person: str, code: bytes, seconds: int) -> None:
    """The one reset code that counts from now on."""
    await db.execute(SET_CODE, person, code, seconds)


async def try_reset_code(db: asyncpg.Pool, person: str, code: bytes, tries: int) -> bool:
    """Whether the code is right; a wrong one uses up a try, a right one all of them."""
    return bool(await db.fetchval(TRY_CODE, person, code, tries))


async def clear_reset_code(db: asyncpg.Pool, person: str) -> None:
    """No code counts any more."""
    await db.execute(CLEAR_CODE, person)


async def signing_keys(db: asyncpg.Pool, kid: str, fresh: bytes) -> list[tuple[str, bytes]]:
    """The keys all nodes sign with, the newest first; `fresh` becomes the first where none is.

    Nodes that start together on an empty database agree: one of them is first.
    """
    async with db.acquire() as connection, connection.transaction():
        await connection.execute(LOCK_SIGNING_KEYS)
        await connection.execute(ADD_SIGNING_KEY, kid, fresh)
        rows = await connection.fetch(SIGNING_KEYS)
    return [(row["kid"], row["private"]) for row in rows]


async def standing_signing_keys(db: asyncpg.Pool) -> list[tuple[str, bytes]]:
    """The keys there are, the newest first."""
    return [(row["kid"], row["private"]) for row in await db.fetch(SIGNING_KEYS)]
