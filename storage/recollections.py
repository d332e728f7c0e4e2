"""What people said, kept so that a companion can recall it: words and vectors, by person.

Every statement names the person first; no query can cross from one person to another.
"""

import asyncpg
from msgspec import Struct

from storage.statements import sql


class Recollection(Struct, frozen=True):
    """A remembered message; `score` is higher for a better match."""

    message: str
    words: str
    score: float


REMEMBER = sql(
    "remember",
    "INSERT INTO recollections (person, message, room, companion, words, model, embedding) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7::text::vector) ON CONFLICT DO NOTHING",
)

# Half full text, half meaning; vectors of this model crowd together, so the mean is taken off
# by ranking within the person's own messages instead of by a threshold.
RECALL = sql(
    "recall",
    """
    WITH mine AS MATERIALIZED (
        SELECT r.message, r.words, r.embedding,
               ts_rank_cd(to_tsvector('simple', r.words), q.query, 32) AS text_score
          FROM recollections r,
               (SELECT replace(plainto_tsquery('simple', $3)::text, '&', '|')::tsquery AS query) q
         WHERE r.person = $1 AND r.companion = $2
         ORDER BY r.created_at DESC LIMIT 5000
    ), scored AS (
        SELECT message, words, text_score,
               CASE WHEN $4::text IS NULL OR embedding IS NULL THEN 0
                    ELSE 1 - (embedding <=> $4::text::vector) END AS meaning
          FROM mine
    ), spread AS (
        SELECT *, nullif(max(text_score) OVER (), 0) AS best_text,
               min(meaning) OVER () AS least,
               nullif(max(meaning) OVER () - min(meaning) OVER (), 0) AS width
          FROM scored
    )
    SELECT message, words,
           0.5 * coalesce(text_score / best_text, 0)
           + 0.5 * coalesce((meaning - least) / width, 0) AS score
      FROM spread
     WHERE text_score > 0 OR ($4::text IS NOT NULL AND meaning > 0.84)
     ORDER BY score DESC, message DESC LIMIT $5
    """,
)


def _vector(values: list[float] | None) -> str | None:
    return None if values is None else "[" + ",".join(f"{value:.6f}" for value in values) + "]"


async def remember(
    db: asyncpg.Pool,
    person: str,
    message: str,
    room: str,
    companion: str,
    words: str,
    model: str,
    vector: list[float] | None,
) -> None:
    """Keep what a person said; keeping it twice changes nothing."""
    await db.execute(REMEMBER, person, message, room, companion, words, model, _vector(vector))


async def recall(
    db: asyncpg.Pool,
    person: str,
    companion: str,
    words: str,
    vector: list[float] | None,
    limit: int,
) -> list[Recollection]:
    """The person's own messages that bear most on `words`, best first."""
    records = await db.fetch(RECALL, person, companion, words, _vector(vector), limit)
    return [Recollection(r["message"], r["words"], float(r["score"])) for r in records]
