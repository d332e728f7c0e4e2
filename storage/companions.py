"""Companions at rest: one document a row, with the columns that lists filter and rank by.

What a person may see is decided above; the statements here only take it as `ratings` and
the asking person's id. Text search is PostgreSQL's own, name before tags before the rest.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
from msgspec import Struct

from storage.statements import sql

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Writer = asyncpg.Pool | PoolConnectionProxy[asyncpg.Record]


class CompanionRow(Struct, frozen=True, kw_only=True):
    """A stored companion. `doc` is the document as JSON."""

    companion: str
    creator: str | None
    doc: dict[str, Any]
    digest: str
    review: str
    popularity: int


class Words(Struct, frozen=True, kw_only=True):
    """What search reads, by weight: name, then tags, then the line about them, then the rest."""

    name: str
    tags: str
    tagline: str
    rest: str


class Filter(Struct, frozen=True, kw_only=True):
    """What a list is narrowed to; None and empty do not narrow."""

    ratings: list[str]
    person: str | None = None
    text: str | None = None
    tags: list[str] = []
    gender: str | None = None
    origin: str | None = None
    tier: str | None = None
    language: str | None = None
    created_by: str | None = None


_COLUMNS = "companion, creator, doc, digest, review, popularity"

# $1 ratings, $2 person, $3 text, $4 tags, $5 gender, $6 origin, $7 tier, $8 language, $9 creator.
# Search terms are prefixes joined by AND, so that the list narrows while one types.
_MATCHES = """
    rating = ANY ($1::text[])
    AND ((visibility = 'public' AND review = 'approved') OR creator = $2::text)
    AND review <> 'retired'
    AND ($3::text IS NULL OR words @@ to_tsquery('simple', $3))
    AND (cardinality($4::text[]) = 0 OR tags @> $4)
    AND ($5::text IS NULL OR gender = $5)
    AND ($6::text IS NULL OR origin = $6)
    AND ($7::text IS NULL OR tier = $7)
    AND ($8::text IS NULL OR $8 = ANY (languages))
    AND ($9::text IS NULL OR creator = $9)
"""

UPSERT = sql(
    "upsert_companion",
    """
    INSERT INTO companions (companion, slug, creator, doc, digest, name, gender, origin, tier,
                            rating, visibility, age, tags, languages, words)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
            setweight(to_tsvector('simple', $15), 'A') ||
            setweight(to_tsvector('simple', $16), 'B') ||
            setweight(to_tsvector('simple', $17), 'C') ||
            setweight(to_tsvector('simple', $18), 'D'))
    ON CONFLICT (companion) DO UPDATE SET
        slug = excluded.slug, doc = excluded.doc, digest = excluded.digest,
        name = excluded.name, gender = excluded.gender, origin = excluded.origin,
        tier = excluded.tier, rating = excluded.rating, visibility = excluded.visibility,
        age = excluded.age, tags = excluded.tags, languages = excluded.languages,
        words = excluded.words, updated_at = now(),
        review = CASE WHEN companions.review = 'retired' THEN 'approved'
                      ELSE companions.review END
    WHERE companions.digest <> excluded.digest OR companions.review = 'retired'
    RETURNING companion
    """,
)
RETIRE = sql(
    "retire_companions",
    "UPDATE companions SET review = 'retired', updated_at = now() "
    "WHERE creator IS NULL AND review <> 'retired' AND NOT (companion = ANY ($1::text[])) "
    "RETURNING companion",
)
FIND = sql(
    "find_companion",
    f"SELECT {_COLUMNS} FROM companions WHERE companion = $1 OR slug = $1",  # noqa: S608
)
FIND_MANY = sql(
    "find_companions",
    f"SELECT {_COLUMNS} FROM companions WHERE companion = ANY ($1::text[])",  # noqa: S608
)
_RANK = "ts_rank('{0.05, 0.2, 0.5, 1.0}', words, to_tsquery('simple', coalesce($3, '')))"
LIST_POPULAR = sql(
    "list_companions_popular",
    f"SELECT {_COLUMNS} FROM companions WHERE {_MATCHES} "  # noqa: S608
    f"ORDER BY CASE WHEN $3::text IS NULL THEN 0 ELSE {_RANK} END DESC, popularity DESC, companion "
    "LIMIT $10 OFFSET $11",
)
LIST_NEWEST = sql(
    "list_companions_newest",
    f"SELECT {_COLUMNS} FROM companions WHERE {_MATCHES} "  # noqa: S608
    "ORDER BY created_at DESC, companion LIMIT $10 OFFSET $11",
)
LIST_BY_NAME = sql(
    "list_companions_by_name",
    f"SELECT {_COLUMNS} FROM companions WHERE {_MATCHES} "  # noqa: S608
    "ORDER BY lower(name), companion LIMIT $10 OFFSET $11",
)
FACETS = sql(
    "companion_facets",
    f"""
    WITH found AS (SELECT gender, origin, tier, rating, tags, languages FROM companions
                    WHERE {_MATCHES})
    SELECT 'gender' AS facet, gender AS value, count(*) AS n FROM found GROUP BY gender
    UNION ALL SELECT 'origin', origin, count(*) FROM found GROUP BY origin
    UNION ALL SELECT 'tier', tier, count(*) FROM found GROUP BY tier
    UNION ALL SELECT 'rating', rating, count(*) FROM found GROUP BY rating
    UNION ALL SELECT 'tags', tag, count(*) FROM found, unnest(tags) tag GROUP BY tag
    UNION ALL SELECT 'languages', lang, count(*) FROM found, unnest(languages) lang GROUP BY lang
    ORDER BY 1, 3 DESC, 2
    """,  # noqa: S608
)
COUNT_REPLY = sql(
    "count_companion_reply",
    "UPDATE companions SET popularity = popularity + $2 WHERE companion = $1",
)

MET = sql(
    "companions_met",
    """
    SELECT c.member AS companion, max(c.joined_at) AS latest
      FROM members p
      JOIN members c ON c.home = p.home AND c.room = p.room AND c.kind = 'companion'
     WHERE p.member = $1 AND p.kind = 'person' AND p.left_at IS NULL
     GROUP BY c.member ORDER BY latest DESC LIMIT 20
    """,
)

CAST_LOCK = sql("cast_lock", "SELECT pg_advisory_xact_lock(7_207_001)")

_LISTS = {"popular": LIST_POPULAR, "newest": LIST_NEWEST, "name": LIST_BY_NAME}


@asynccontextmanager
async def cast_to_ourselves(db: asyncpg.Pool) -> "AsyncIterator[Writer]":
    """Nobody else loads the cast meanwhile: gateways that start together take turns."""
    async with db.acquire() as connection, connection.transaction():
        await connection.execute(CAST_LOCK)
        yield connection


async def upsert_companion(
    db: "Writer",
    companion: str,
    doc: dict[str, Any],
    digest: str,
    words: Words,
    creator: str | None = None,
) -> bool:
    """Store a companion; False when the very same document was there already."""
    written = await db.fetchval(
        UPSERT,
        companion,
        doc["slug"],
        creator,
        doc,
        digest,
        *(doc[key] for key in ("name", "gender", "origin", "tier", "rating", "visibility", "age")),
        doc["tags"],
        doc["languages"],
        words.name,
        words.tags,
        words.tagline,
        words.rest,
    )
    return written is not None


async def retire_all_but(db: "Writer", kept: list[str]) -> list[str]:
    """Take companions out of the lists that are shipped no more; rooms with them live on."""
    return [record["companion"] for record in await db.fetch(RETIRE, kept)]


async def find_companion(db: asyncpg.Pool, id_or_slug: str) -> CompanionRow | None:
    """One companion by id or slug."""
    record = await db.fetchrow(FIND, id_or_slug)
    return _row(record) if record else None


async def find_companions(db: asyncpg.Pool, ids: list[str]) -> list[CompanionRow]:
    """Companions by id, in no order; unknown ids are left out."""
    return [_row(record) for record in await db.fetch(FIND_MANY, ids)]


async def list_companions(
    db: asyncpg.Pool, where: Filter, sort: str, limit: int, offset: int
) -> list[CompanionRow]:
    """Companions that match, best first. `sort` is popular, newest or name."""
    statement = _LISTS[sort]
    return [_row(record) for record in await db.fetch(statement, *_values(where), limit, offset)]


async def companion_facets(db: asyncpg.Pool, where: Filter) -> dict[str, dict[str, int]]:
    """How many of those that match there are, by each thing one can narrow by."""
    facets: dict[str, dict[str, int]] = {}
    for record in await db.fetch(FACETS, *_values(where)):
        facets.setdefault(record["facet"], {})[record["value"]] = record["n"]
    return facets


async def count_replies(db: asyncpg.Pool, companion: str, replies: int = 1) -> None:
    """Popularity is replies given."""
    await db.execute(COUNT_REPLY, companion, replies)


async def companions_met(db: asyncpg.Pool, person: str) -> list[str]:
    """The companions a person has a room with, latest first, at most twenty."""
    return [record["companion"] for record in await db.fetch(MET, person)]


def _values(where: Filter) -> tuple[Any, ...]:
    return (
        where.ratings,
        where.person,
        where.text,
        where.tags,
        where.gender,
        where.origin,
        where.tier,
        where.language,
        where.created_by,
    )


def _row(record: asyncpg.Record) -> CompanionRow:
    return CompanionRow(**dict(record))
