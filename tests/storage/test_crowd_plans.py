"""What a crowd asks for in one statement is found person by person, also in a table just grown.

A plan is kept that was made when the table was small, where reading all of it is best: a minute
later one join did so once for each who asked, which took ten seconds for five hundred people.
"""

import asyncpg
import pytest

from storage.members import COMPANY_OF

pytestmark = pytest.mark.stores
PEOPLE, ASKED, IN_A_ROOM = 2_000, 400, 2
JOIN = """
    INSERT INTO members (home, room, kind, member)
    SELECT 'p' || n - n % $2, 'r' || n - n % $2, 'person', 'p' || n FROM generate_series(1, $1) AS n
"""
READ = """
    SELECT pg_stat_get_xact_tuples_returned('members'::regclass)
         + pg_stat_get_xact_tuples_fetched('members'::regclass)
         + (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index
             WHERE indrelid = 'members'::regclass)
"""


async def test_the_company_of_many_is_read_for_each_and_not_for_all(database: asyncpg.Pool) -> None:
    async with database.acquire() as connection:
        await connection.execute(JOIN, 20, IN_A_ROOM)
        await connection.execute("ANALYZE members")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.fetch(COMPANY_OF, ["p1"])  # its plan is made now, and kept
        await connection.execute("DELETE FROM members")
        await connection.execute(JOIN, PEOPLE, IN_A_ROOM)
        asked = [f"p{n}" for n in range(1, ASKED + 1)]
        async with connection.transaction():
            found = await connection.fetch(COMPANY_OF, asked)
            read = await connection.fetchval(READ)
    assert len(found) >= ASKED - 1
    assert 0 < read <= ASKED * 10
