"""A database whose clock can be moved: `now()` is ours there, so midnights come when asked for."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from storage.database import connect, open_pool
from tests.storage.ledger.acts import rich

if TYPE_CHECKING:
    from storage.database import Pool

_OUR_CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.shift AS SELECT interval '0' AS by;
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.now() + by FROM clock.shift';
"""


class Clock:
    """`db` is a pool on a database whose time can be moved, forward and back."""

    def __init__(self, db: "Pool", url: str) -> None:
        self.db = db
        self.url = url

    async def forward(self, interval: str) -> None:
        """Move by an interval such as `2 hours`."""
        await self.db.execute("UPDATE clock.shift SET by = by + $1::text::interval", interval)

    async def to_the_end_of(self, period: str, plus: str = "0") -> None:
        """Move to the end (in UTC) of the day, week or month it is by the real clock."""
        await self.db.execute(
            "UPDATE clock.shift SET by = date_trunc($1, pg_catalog.now(), 'UTC') "
            "+ ('1 ' || $1)::interval + $2::text::interval - pg_catalog.now()",
            period,
            plus,
        )


@pytest.fixture
async def clock(database_url: str) -> AsyncIterator[Clock]:
    """A fresh, migrated database with a clock of its own."""
    connection = await connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(_OUR_CLOCK)
    await connection.execute(f"ALTER DATABASE {name} SET search_path = clock, pg_catalog, public")
    await connection.close()
    pool = await open_pool(database_url, size=10, name="test")
    try:
        yield Clock(pool, database_url)
    finally:
        pool.terminate()


@pytest.fixture
async def db(database: "Pool") -> "Pool":
    """A database in which `ann` has a room and 10 credits."""
    await rich(database, "ann")
    return database
