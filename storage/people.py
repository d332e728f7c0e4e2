"""People at rest: accounts, consents, profiles. Their erasure is storage/erase.py.

Addresses and names are compared without case; nothing here decides who may do what.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

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


class StandingRow(Struct, frozen=True, kw_only=True):
    """Of an account what every request and socket needs, and whether a sign-in of it stands."""

    person: str
    username: str
    display_name: str
    birth_date: date
    country: str
    timezone: str
    language: str
    role: str
    plan: str
    status: str
    live: bool


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
FIND_BY_EMAIL = sql(
    "find_by_email",
    f"SELECT {_COLUMNS} FROM people WHERE lower(email) = lower($1)",  # noqa: S608
)
# Of many at once: those who come back together are one statement (storage/together.py).
FIND_SIGNED_IN = sql(
    "find_signed_in",
    """
    SELECT asked.sign_in, p.person, p.username, p.display_name, p.birth_date, p.country,
           p.timezone, p.language, p.role, p.plan, p.status,
           EXISTS (SELECT 1 FROM sign_ins s WHERE s.person = p.person
                      AND s.sign_in = asked.sign_in AND s.revoked_at IS NULL) AS live
      FROM unnest($1::text[], $2::text[]) AS asked (person, sign_in)
      JOIN people p ON p.person = asked.person
    """,
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
DELETE_NOW = sql(
    "delete_now",
    "UPDATE people SET status = 'deleted', deleted_at = 'epoch' WHERE person = $1",
)
CALL_BACK = sql(
    "call_back",
    "UPDATE people SET status = 'active', deleted_at = NULL WHERE person = $1 "
    "AND status = 'deleted' AND deleted_at >= now() - make_interval(secs => $2)",
)
DUE_FOR_ERASURE = sql(
    "due_for_erasure",
    "SELECT person FROM people WHERE status = 'deleted' "
    "AND deleted_at < now() - make_interval(secs => $1) LIMIT $2",
)
# Saying the same again adds nothing.
CONSENT = sql(
    "consent",
    """
    INSERT INTO consents (person, purpose, version, granted, address, agent)
    SELECT $1, $2, $3, $4, $5, $6
     WHERE NOT EXISTS (SELECT 1 FROM (SELECT version, granted FROM consents
                         WHERE person = $1 AND purpose = $2 ORDER BY n DESC LIMIT 1) last
                        WHERE last.version = $3 AND last.granted = $4)
    """,
)
# What bears on a call: how well the age is known, and what is agreed to now.
CALLER = sql(
    "caller",
    """
    SELECT level, ARRAY(SELECT purpose FROM (SELECT DISTINCT ON (purpose) purpose, granted
                          FROM consents WHERE person = $1 ORDER BY purpose, n DESC) last
                         WHERE granted) AS consents
      FROM people WHERE person = $1
    """,
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


_STANDING: Final = StandingRow.__struct_fields__  # in the order of the statement


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


async def find_by_email(db: asyncpg.Pool, email: str) -> PersonRow | None:
    """An account by e-mail address."""
    return _person(await db.fetchrow(FIND_BY_EMAIL, email))


async def find_signed_in(
    db: asyncpg.Pool, asked: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], StandingRow]:
    """Accounts by (person, sign-in), and whether these sign-ins of theirs stand."""
    people, sign_ins = [one[0] for one in asked], [one[1] for one in asked]
    found: dict[tuple[str, str], StandingRow] = {}
    for sign_in, person, *values in await db.fetch(FIND_SIGNED_IN, people, sign_ins):
        fields = zip(_STANDING, (person, *values), strict=True)
        found[person, sign_in] = StandingRow(**dict(fields))
    return found


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
) -> bool:
    """Change role, plan or status; None leaves it. False when there is no such person."""
    return bool((await db.execute(SET_STANDING, person, role, plan, status)).endswith(" 1"))


async def signed_in(db: asyncpg.Pool, person: str) -> None:
    """Remember when somebody last signed in."""
    await db.execute(SIGNED_IN, person)


async def delete_later(db: asyncpg.Pool, person: str) -> None:
    """Close an account; it can be called back until the grace is over."""
    await db.execute(DELETE_LATER, person)


async def delete_now(db: asyncpg.Pool, person: str) -> None:
    """Close an account for good; nothing calls it back."""
    await db.execute(DELETE_NOW, person)


async def call_back(db: asyncpg.Pool, person: str, grace_seconds: int) -> bool:
    """Open a closed account again; False once its grace is over."""
    return bool((await db.execute(CALL_BACK, person, grace_seconds)).endswith(" 1"))


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


async def caller(db: asyncpg.Pool, person: str) -> tuple[str, frozenset[str]] | None:
    """How well a person's age is known, and the purposes they agree to."""
    row = await db.fetchrow(CALLER, person)
    return None if row is None else (row["level"], frozenset(row["consents"]))


async def consents(db: asyncpg.Pool, person: str) -> list[dict[str, Any]]:
    """Every consent given or withdrawn, in order."""
    return [dict(row) for row in await db.fetch(CONSENTS, person)]
