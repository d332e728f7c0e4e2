"""Pictures at rest: the face that one person gave a companion, seen by that person alone."""

import asyncpg
from msgspec import Struct

from storage.statements import sql


class PictureRow(Struct, frozen=True, kw_only=True):
    """A kept portrait. `portrait` is JPEG of our own making."""

    picture: str
    portrait: bytes
    depicts: str
    consent: str
    created_at: int


# Another picture takes the place of the last one; a new companion counts against the limit.
KEEP_PICTURE = sql(
    "keep_companion_picture",
    """
    INSERT INTO companion_pictures (person, companion, picture, portrait, depicts, consent)
    SELECT $1, $2, $3, $4, $5, $6
     WHERE (SELECT count(*) FROM companion_pictures WHERE person = $1 AND companion <> $2) < $7
    ON CONFLICT (person, companion) DO UPDATE SET
        picture = excluded.picture, portrait = excluded.portrait, depicts = excluded.depicts,
        consent = excluded.consent, created_at = now()
    RETURNING picture
    """,
)
FIND_PICTURE = sql(
    "find_companion_picture",
    "SELECT picture, portrait, depicts, consent, "
    "(extract(epoch FROM created_at) * 1000)::bigint AS created_at "
    "FROM companion_pictures WHERE person = $1 AND companion = $2",
)
DROP_PICTURE = sql(
    "drop_companion_picture",
    "DELETE FROM companion_pictures WHERE person = $1 AND companion = $2 RETURNING picture",
)


async def keep_picture(
    db: asyncpg.Pool,
    person: str,
    companion: str,
    row: PictureRow,
    most: int,
) -> bool:
    """Store it; False when this person has `most` others already."""
    kept = await db.fetchval(
        KEEP_PICTURE, person, companion, row.picture, row.portrait, row.depicts, row.consent, most
    )
    return kept is not None


async def find_picture(db: asyncpg.Pool, person: str, companion: str) -> PictureRow | None:
    """The face this person gave this companion."""
    row = await db.fetchrow(FIND_PICTURE, person, companion)
    return None if row is None else PictureRow(**dict(row))


async def drop_picture(db: asyncpg.Pool, person: str, companion: str) -> bool:
    """Forget it; False when there was none."""
    return await db.fetchval(DROP_PICTURE, person, companion) is not None
