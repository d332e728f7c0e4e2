"""The audit log: lines are added and read, and nothing changes or removes one."""

import asyncpg
import pytest

from storage import audit
from storage.erase import erase

pytestmark = pytest.mark.stores
ALL = 2**62


async def test_lines_are_read_newest_first_and_by_room_and_person(database: asyncpg.Pool) -> None:
    await audit.write(database, "u_1", "watch.start", room="r_1", why="a report")
    await audit.write(database, "u_2", "room.pause", room="r_1", outcome="failed", note="not_found")
    await audit.write(database, "u_1", "rooms.list")
    lines = await audit.read(database, before=ALL)
    assert [one.act for one in lines] == ["rooms.list", "room.pause", "watch.start"]
    assert lines[2].why == "a report"
    assert lines[2].at > 1_700_000_000_000
    assert [one.who for one in await audit.read(database, before=ALL, room="r_1")] == ["u_2", "u_1"]
    assert [one.act for one in await audit.read(database, before=lines[1].n, who="u_1")] == [
        "watch.start"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'u_9'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit SET n = DEFAULT",
    ],
)
async def test_no_sql_changes_a_line(database: asyncpg.Pool, statement: str) -> None:
    await audit.write(database, "u_1", "watch.start", room="r_1", why="a report")
    before = await audit.read(database, before=ALL)
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await database.execute(statement)
    assert await audit.read(database, before=ALL) == before


async def test_attempts_beyond_a_measure_are_not_written(database: asyncpg.Pool) -> None:
    for _ in range(5):
        await audit.write(
            database, "u_1", "watch.start", room="r_1", outcome="refused", most_a_minute=2
        )
    await audit.write(database, "u_1", "watch.start", room="r_1", most_a_minute=2)
    lines = await audit.read(database, before=ALL)
    assert [one.outcome for one in lines] == ["allowed", "refused", "refused"]


async def test_erasing_an_account_leaves_the_log(database: asyncpg.Pool) -> None:
    await audit.write(database, "u_1", "watch.start", room="r_1", why="a report")
    assert await erase(database, "u_1")
    assert [one.who for one in await audit.read(database, before=ALL)] == ["u_1"]
