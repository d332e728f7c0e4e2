"""Companions that people made, at rest: counted by their maker, seen by others once reviewed.

They are rows of `companions` like the shipped ones; what differs is who may write them and what a
review says of them.
"""

from typing import Any

import asyncpg
from msgspec import Struct

from storage.companions import CompanionRow, Words
from storage.statements import sql


class Writing(Struct, frozen=True, kw_only=True):
    """A document as it is to be stored."""

    companion: str
    creator: str
    doc: dict[str, Any]
    digest: str
    words: Words
    review: str


class MadeRow(CompanionRow, frozen=True, kw_only=True):
    """One of one's own. `review_why` is what a reviewer said of one that was refused."""

    review_why: str


class WaitingRow(CompanionRow, frozen=True, kw_only=True):
    """One that waits for a review since `since` (unix milliseconds). `maker` is a username."""

    maker: str
    since: int


_COLUMNS = "companion, creator, doc, digest, review, popularity"
_WORDS = " || ".join(
    f"setweight(to_tsvector('simple', ${place}), '{weight}')"
    for place, weight in zip(range(15, 19), "ABCD", strict=True)
)

# Makers wait for themselves, so that two tabs cannot both take the last place.
LOCK = sql("lock_companion_maker", "SELECT pg_advisory_xact_lock(7_207_002, hashtext($1))")
ADD = sql(
    "add_made_companion",
    f"""
    INSERT INTO companions (companion, slug, creator, doc, digest, name, gender, origin, tier,
                            rating, visibility, age, tags, languages, words, review)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, {_WORDS}, $19
     WHERE (SELECT count(*) FROM companions WHERE creator = $3 AND review <> 'retired') < $20
    RETURNING companion
    """,  # noqa: S608
)
CHANGE = sql(
    "change_made_companion",
    f"""
    UPDATE companions SET doc = $4, digest = $5, name = $6, gender = $7, origin = $8, tier = $9,
           rating = $10, visibility = $11, age = $12, tags = $13, languages = $14,
           words = {_WORDS}, review = $19, review_why = '', updated_at = now()
     WHERE companion = $1 AND slug = $2 AND creator = $3 AND review <> 'retired'
    RETURNING companion
    """,  # noqa: S608
)
OWN = sql(
    "own_companions",
    f"SELECT {_COLUMNS}, review_why FROM companions "  # noqa: S608
    "WHERE creator = $1 AND review <> 'retired' ORDER BY created_at DESC, companion LIMIT 500",
)
FIND_OWN = sql(
    "find_own_companion",
    f"SELECT {_COLUMNS}, review_why FROM companions "  # noqa: S608
    "WHERE (companion = $1 OR slug = $1) AND creator = $2 AND review <> 'retired'",
)
RETIRE = sql(
    "retire_made_companion",
    "UPDATE companions SET review = 'retired', updated_at = now() "
    "WHERE companion = $1 AND creator = $2 AND review <> 'retired' RETURNING companion",
)
WAITING = sql(
    "companions_to_review",
    f"SELECT {_COLUMNS}, coalesce(username, '') AS maker, "  # noqa: S608
    "(extract(epoch FROM companions.updated_at) * 1000)::bigint AS since "
    "FROM companions LEFT JOIN people ON person = creator WHERE review = 'pending' "
    "ORDER BY companions.updated_at, companion LIMIT $1",
)
DECIDE = sql(
    "decide_companion_review",
    "UPDATE companions SET review = $2, review_why = $4, updated_at = now() "
    "WHERE companion = $1 AND review = 'pending' AND digest = $3 RETURNING companion",
)


async def add_made(db: asyncpg.Pool, new: Writing, most: int) -> bool:
    """Store a new companion; False where its maker has as many as they may."""
    async with db.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, new.creator)
        return await connection.fetchval(ADD, *_values(new), most) is not None


async def change_made(db: asyncpg.Pool, new: Writing) -> bool:
    """Store another document of a companion; False where it is not this person's."""
    return await db.fetchval(CHANGE, *_values(new)) is not None


async def own_companions(db: asyncpg.Pool, person: str) -> list[MadeRow]:
    """Everything a person made and did not take away, the newest first."""
    return [MadeRow(**dict(record)) for record in await db.fetch(OWN, person)]


async def find_own(db: asyncpg.Pool, person: str, id_or_slug: str) -> MadeRow | None:
    """One that this person made and did not take away."""
    record = await db.fetchrow(FIND_OWN, id_or_slug, person)
    return MadeRow(**dict(record)) if record else None


async def retire_made(db: asyncpg.Pool, companion: str, person: str) -> bool:
    """Take a companion out of every list; rooms with it live on."""
    return await db.fetchval(RETIRE, companion, person) is not None


async def companions_to_review(db: asyncpg.Pool, most: int) -> list[WaitingRow]:
    """Those that wait for a review, the longest waiting first."""
    return [WaitingRow(**dict(record)) for record in await db.fetch(WAITING, most)]


async def decide_review(
    db: asyncpg.Pool, companion: str, review: str, digest: str, why: str
) -> bool:
    """Approve or reject the very document that was read; False where it is another by now."""
    return await db.fetchval(DECIDE, companion, review, digest, why) is not None


def _values(new: Writing) -> tuple[Any, ...]:
    doc, words = new.doc, new.words
    keys = ("name", "gender", "origin", "tier", "rating", "visibility", "age", "tags", "languages")
    return (
        new.companion, doc["slug"], new.creator, doc, new.digest, *(doc[key] for key in keys),
        words.name, words.tags, words.tagline, words.rest, new.review,
    )  # fmt: skip
