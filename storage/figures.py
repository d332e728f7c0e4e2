"""Which figure a companion wears for whom, and where its file lies.

A person's own comes before the house's. A file that no row names is swept away.
"""

from typing import Any, Final

import asyncpg
from msgspec import Struct

from storage.statements import sql

EVERYBODY: Final = ""


class FigureRow(Struct, frozen=True, kw_only=True):
    """A kept figure. `person` is EVERYBODY for the house's; `created_at` is unix milliseconds."""

    person: str
    companion: str
    figure: str
    address: str
    bytes: int
    about: dict[str, Any]
    depicts: str
    consent: str
    created_at: int = 0


_COLUMNS = """person, companion, figure, address, bytes, about, depicts, consent,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_at"""
# Counted and kept in one statement. Another figure takes the place of the last one.
KEEP_FIGURE = sql(
    "keep_companion_figure",
    """
    INSERT INTO companion_figures (person, companion, figure, address, bytes, about, depicts,
                                   consent)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8
     WHERE (SELECT count(*) < $9 AND coalesce(sum(bytes), 0)::bigint + $5 <= $10
              FROM companion_figures WHERE person = $1 AND companion <> $2)
    ON CONFLICT (person, companion) DO UPDATE SET
        figure = excluded.figure, address = excluded.address, bytes = excluded.bytes,
        about = excluded.about, depicts = excluded.depicts, consent = excluded.consent,
        created_at = now()
    RETURNING figure
    """,
)
FIND_FIGURE = sql(
    "find_companion_figure",
    f"SELECT {_COLUMNS} FROM companion_figures "  # noqa: S608
    "WHERE companion = $2 AND person IN ($1, '') ORDER BY person DESC LIMIT 1",
)
OF_FIGURE = sql(
    "companion_figure_of",
    f"SELECT {_COLUMNS} FROM companion_figures WHERE person = $1 AND companion = $2",  # noqa: S608
)
DROP_FIGURE = sql(
    "drop_companion_figure",
    "DELETE FROM companion_figures WHERE person = $1 AND companion = $2 "
    "RETURNING address, depicts, consent",
)
FIGURES_OF_PERSON = sql(
    "figures_of_person",
    f"SELECT {_COLUMNS} FROM companion_figures WHERE person = $1 "  # noqa: S608
    "ORDER BY companion LIMIT $2",
)
NAMED_FIGURES = sql(
    "named_figures",
    "SELECT DISTINCT address FROM companion_figures WHERE address = ANY($1)",
)


class Dropped(Struct, frozen=True):
    """What a figure that is no more had."""

    address: str
    depicts: str
    consent: str


async def keep_figure(db: asyncpg.Pool, row: FigureRow, most: int, most_bytes: int) -> bool:
    """Store it; False when this person has as many, or as much, as may be kept."""
    kept = await db.fetchval(
        KEEP_FIGURE, row.person, row.companion, row.figure, row.address, row.bytes, row.about,
        row.depicts, row.consent, most, most_bytes,
    )  # fmt: skip
    return kept is not None


async def find_figure(db: asyncpg.Pool, person: str, companion: str) -> FigureRow | None:
    """What this person sees of this companion: their own, else the house's."""
    row = await db.fetchrow(FIND_FIGURE, person, companion)
    return None if row is None else FigureRow(**dict(row))


async def figure_of(db: asyncpg.Pool, person: str, companion: str) -> FigureRow | None:
    """What exactly this person, or EVERYBODY, was given."""
    row = await db.fetchrow(OF_FIGURE, person, companion)
    return None if row is None else FigureRow(**dict(row))


async def drop_figure(db: asyncpg.Pool, person: str, companion: str) -> Dropped | None:
    """Forget it; None when there was none."""
    row = await db.fetchrow(DROP_FIGURE, person, companion)
    return None if row is None else Dropped(row["address"], row["depicts"], row["consent"])


async def figures_of(db: asyncpg.Pool, person: str, limit: int) -> list[FigureRow]:
    """All figures of a person."""
    return [FigureRow(**dict(row)) for row in await db.fetch(FIGURES_OF_PERSON, person, limit)]


async def named_figures(db: asyncpg.Pool, addresses: list[str]) -> set[str]:
    """Those of these addresses that a figure still has."""
    return {row["address"] for row in await db.fetch(NAMED_FIGURES, addresses)}
