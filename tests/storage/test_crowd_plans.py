"""What a crowd asks for in one statement is found person by person, also in a table just grown.

Planners go by what a table held when it was last looked over. After a few hundred strangers the one
join read everybody once for each who asked: ten seconds for five hundred people.
"""

import json
from typing import Any

import asyncpg
import pytest

from storage.members import COMPANY_OF

pytestmark = pytest.mark.stores
PEOPLE, ASKED, IN_A_ROOM = 2_000, 400, 2
JOIN = """
    INSERT INTO members (home, room, kind, member)
    SELECT 'p' || n - n % $2, 'r' || n - n % $2, 'person', 'p' || n FROM generate_series(1, $1) AS n
"""


def rows_read(plan: dict[str, Any]) -> int:
    """Rows all scans of a plan looked at, kept or not."""
    own = 0
    if "Relation Name" in plan:
        seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round((seen + plan.get("Rows Removed by Index Recheck", 0)) * plan["Actual Loops"])
    return own + sum(rows_read(part) for part in plan.get("Plans", []))


async def test_the_company_of_many_is_read_for_each_and_not_for_all(database: asyncpg.Pool) -> None:
    async with database.acquire() as connection:
        await connection.execute("INSERT INTO members (home, room, kind, member) "
                                 "SELECT 'h' || n, 'h' || n, 'companion', 'mira' "
                                 "FROM generate_series(1, 300) AS n")  # fmt: skip
        await connection.execute("ANALYZE members")
        await connection.execute(JOIN, PEOPLE, IN_A_ROOM)
        asked = [f"p{n}" for n in range(1, ASKED + 1)]
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {COMPANY_OF}"
        (told,) = json.loads(await connection.fetchval(explain, asked))
        assert len(await connection.fetch(COMPANY_OF, asked)) >= ASKED - 1
    assert rows_read(told["Plan"]) <= ASKED * (2 * IN_A_ROOM + 1)
