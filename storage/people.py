"""People at rest: accounts, consents, profiles, and their erasure.

Addresses and names are compared without case; nothing here decides who may do what.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
from msgspec import Struct

from storage.statements import sql


class NameTaken(Exception):
    """Another account has this e-mail address or username; `field` says which."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class PersonRow(Struct, frozen=True, kw_only=True):
    """One account."""

    person: str
    email: str
    username: str
    password: str
    display_name: str
    birth_date: date
    country: str
    timezone: str
    language: str
    role: str
    plan: str
    status: str
    level: str
    interests: list[str]
    preferences: dict[str, Any]
    deleted_at: int | None


_COLUMNS = """person, email, username, password, display_name, birth_date, country, timezone,
    language, role, plan, status, level, interests, preferences,
    (extract(epoch FROM deleted_at) * 1000)::bigint AS deleted_at"""

ADD_PERSON = sql(
    "add_person",
    """
    WITH added AS (
        INSERT INTO people (person, email, username, password, display_name, birth_date, country,
                            timezone, language, role, plan)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    )
    INSERT INTO consents (person, purpose, version, granted, address, agent)
    SELECT $1, c.purpose, c.version, true, $14, $15
      FROM unnest($12::text[], $13::text[]) AS c(purpose, version)
    """,
)
FIND_PERSON = sql("find_person", f"SELECT {_COLUMNS} FROM people WHERE person = $1")  # noqa: S608
FIND_BY_LOGIN = sql(
    "find_by_login",
    f"SELECT {_COLUMNS} FROM people WHERE lower(email) = lower($1) OR lower(username) = lower($1)",  # noqa: S608
)
SET_PROFILE = sql(
    "set_profile",
    "UPDATE people SET display_name = coalesce($2, display_name), country = coalesce($3, country), "
    "timezone = coalesce($4, timezone), language = coalesce($5, language), "
    "interests = coalesce($6, interests) WHERE person = $1",
)
SET_PREFERENCES = sql("set_preferences", "UPDATE people SET preferences = $2 WHERE person = $1")
SET_PASSWORD = sql("set_password", "UPDATE people SET password = $2 WHERE person = $1")
SET_EMAIL = sql("set_email", "UPDATE people SET email = $2 WHERE person = $1")
SET_STANDING = sql(
    "set_standing",
    "UPDATE people SET role = coalesce($2, role), plan = coalesce($3, plan), "
    "status = coalesce($4, status) WHERE person = $1",
)
SIGNED_IN = sql("signed_in", "UPDATE people SET last_sign_in = now() WHERE person = $1")
DELETE_LATER = sql(
    "delete_later", "UPDATE people SET status = 'deleted', deleted_at = now() WHERE person = $1"
)
CALL_BACK = sql(
    "call_back",
    "UPDATE people SET status = 'active', deleted_at = NULL "
    "WHERE person = $1 AND status = 'deleted'",
)
DUE_FOR_ERASURE = sql(
    "due_for_erasure",
    "SELECT person FROM people WHERE status = 'deleted' "
    "AND deleted_at < now() - make_interval(secs => $1) LIMIT $2",
)
CONSENT = sql(
    "consent",
    "INSERT INTO consents (person, purpose, version, granted, address, agent) "
    "VALUES ($1, $2, $3, $4, $5, $6)",
)
CONSENTS = sql(
    "consents",
    "SELECT purpose, version, granted, (extract(epoch FROM at) * 1000)::bigint AS at "
    "FROM consents WHERE person = $1 ORDER BY n",
)
LIST_PEOPLE = sql(
    "list_people",
    f"SELECT {_COLUMNS} FROM people ORDER BY created_at DESC LIMIT $1 OFFSET $2",  # noqa: S608
)
TABLES_OF = sql(
    "tables_of",
    "SELECT table_name::text, column_name::text FROM information_schema.columns "
    "WHERE table_schema = 'public' AND column_name IN ('person', 'home', 'member') "
    "AND table_name NOT IN ('people', 'entries', 'receipts', 'holds', 'wallets') "
    "ORDER BY table_name, column_name",
)


def _person(record: asyncpg.Record | None) -> PersonRow | None:
    return None if record is None else PersonRow(**dict(record))


async def add_person(
    db: asyncpg.Pool,
    row: PersonRow,
    consents: Sequence[tuple[str, str]],
    address: str,
    agent: str,
) -> None:
    """Add an account with its first consents. Raises NameTaken."""
    try:
        await db.execute(
            ADD_PERSON,
            row.person,
            row.email,
            row.username,
            row.password,
            row.display_name,
            row.birth_date,
            row.country,
            row.timezone,
            row.language,
            row.role,
            row.plan,
            [purpose for purpose, _ in consents],
            [version for _, version in consents],
            address,
            agent,
        )
    except asyncpg.UniqueViolationError as error:
        field = "email" if error.constraint_name == "people_by_email" else "username"
        raise NameTaken(field) from error


async def find_person(db: asyncpg.Pool, person: str) -> PersonRow | None:
    """An account by its id."""
    return _person(await db.fetchrow(FIND_PERSON, person))


async def find_by_login(db: asyncpg.Pool, login: str) -> PersonRow | None:
    """An account by e-mail address or username."""
    return _person(await db.fetchrow(FIND_BY_LOGIN, login))


async def list_people(db: asyncpg.Pool, limit: int, offset: int = 0) -> list[PersonRow]:
    """Accounts, the newest first."""
    return [PersonRow(**dict(row)) for row in await db.fetch(LIST_PEOPLE, limit, offset)]


async def set_profile(
    db: asyncpg.Pool,
    person: str,
    *,
    display_name: str | None = None,
    country: str | None = None,
    timezone: str | None = None,
    language: str | None = None,
    interests: list[str] | None = None,
) -> None:
    """Change what is given; None leaves it."""
    await db.execute(SET_PROFILE, person, display_name, country, timezone, language, interests)


async def set_preferences(db: asyncpg.Pool, person: str, preferences: dict[str, Any]) -> None:
    """Replace the preferences."""
    await db.execute(SET_PREFERENCES, person, preferences)


async def set_password(db: asyncpg.Pool, person: str, password: str) -> None:
    """Replace the password's hash."""
    await db.execute(SET_PASSWORD, person, password)


async def set_email(db: asyncpg.Pool, person: str, email: str) -> None:
    """Replace the address. Raises NameTaken."""
    try:
        await db.execute(SET_EMAIL, person, email)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken("email") from error


async def set_standing(
    db: asyncpg.Pool,
    person: str,
    *,
    role: str | None = None,
    plan: str | None = None,
    status: str | None = None,
) -> None:
    """Change role, plan or status; None leaves it."""
    await db.execute(SET_STANDING, person, role, plan, status)


async def signed_in(db: asyncpg.Pool, person: str) -> None:
    """Remember when somebody last signed in."""
    await db.execute(SIGNED_IN, person)


async def delete_later(db: asyncpg.Pool, person: str) -> None:
    """Close an account; it can be called back until the grace is over."""
    await db.execute(DELETE_LATER, person)


async def call_back(db: asyncpg.Pool, person: str) -> None:
    """Open a closed account again."""
    await db.execute(CALL_BACK, person)


async def due_for_erasure(db: asyncpg.Pool, grace_seconds: int, limit: int) -> list[str]:
    """Closed accounts whose grace is over."""
    return [row["person"] for row in await db.fetch(DUE_FOR_ERASURE, grace_seconds, limit)]


async def consent(
    db: asyncpg.Pool,
    person: str,
    purpose: str,
    version: str,
    *,
    granted: bool,
    address: str,
    agent: str,
) -> None:
    """Record that a consent was given or withdrawn."""
    await db.execute(CONSENT, person, purpose, version, granted, address, agent)


async def consents(db: asyncpg.Pool, person: str) -> list[dict[str, Any]]:
    """Every consent given or withdrawn, in order."""
    return [dict(row) for row in await db.fetch(CONSENTS, person)]


async def tables_of_people(db: asyncpg.Pool) -> list[tuple[str, str]]:
    """Each table and column that names a person; money stays out, it is kept by law."""
    return [(row["table_name"], row["column_name"]) for row in await db.fetch(TABLES_OF)]


async def erase(db: asyncpg.Pool, person: str) -> None:
    """Remove every row of a person, in one transaction. Money entries keep only the bare id."""
    tables = await tables_of_people(db)
    async with db.acquire() as connection, connection.transaction():
        for table, column in tables:
            # Names come from the database's own catalogue, never from outside.
            await connection.execute(f'DELETE FROM "{table}" WHERE "{column}" = $1', person)  # noqa: S608
        await connection.execute("DELETE FROM people WHERE person = $1", person)


async def export(db: asyncpg.Pool, person: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that names a person, by table; secrets are left out."""
    taken: dict[str, list[dict[str, Any]]] = {}
    tables = [*await tables_of_people(db), ("people", "person"), ("entries", "person")]
    tables += [("receipts", "person")]
    for table, column in tables:
        if table in {"refresh_tokens", "reset_codes", "api_keys"}:
            continue
        found = await db.fetch(
            f'SELECT to_jsonb(t) - \'password\' AS row FROM "{table}" t WHERE "{column}" = $1',  # noqa: S608
            person,
        )
        taken.setdefault(table, []).extend(row["row"] for row in found)
    return taken
