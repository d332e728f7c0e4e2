"""What people report, whom they block, and how often help was offered.

Reports keep a copy and its SHA-256, so that an edit cannot empty them; crises are counted
without person or words.
"""

import hashlib

import asyncpg

from storage.statements import sql

REPORT = sql(
    "report_message",
    "INSERT INTO reports (person, report, room, message, reason, note, words, words_sha256) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
)
BLOCK = sql(
    "block_companion",
    "INSERT INTO blocks (person, companion) VALUES ($1, $2) ON CONFLICT DO NOTHING",
)
UNBLOCK = sql("unblock_companion", "DELETE FROM blocks WHERE person = $1 AND companion = $2")
BLOCKS_OF = sql("blocks_of", "SELECT companion FROM blocks WHERE person = $1 ORDER BY created_at")
COUNT_CRISIS = sql("count_crisis", "INSERT INTO crises (category) VALUES ($1)")


async def report_message(
    db: asyncpg.Pool,
    person: str,
    report: str,
    room: str,
    message: str,
    reason: str,
    note: str,
    words: str,
) -> None:
    """Keep a report with the words as they stood."""
    digest = hashlib.sha256(words.encode()).digest()
    await db.execute(REPORT, person, report, room, message, reason, note, words, digest)


async def block_companion(db: asyncpg.Pool, person: str, companion: str) -> None:
    """The companion may not answer this person any more."""
    await db.execute(BLOCK, person, companion)


async def unblock_companion(db: asyncpg.Pool, person: str, companion: str) -> None:
    """Take a block back."""
    await db.execute(UNBLOCK, person, companion)


async def blocks_of(db: asyncpg.Pool, person: str) -> list[str]:
    """The companions a person has blocked."""
    return [record["companion"] for record in await db.fetch(BLOCKS_OF, person)]


async def count_crisis(db: asyncpg.Pool, category: str) -> None:
    """Count one offer of help, without saying to whom."""
    await db.execute(COUNT_CRISIS, category)
