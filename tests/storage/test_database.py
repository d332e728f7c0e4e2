"""The pool opens with the house's codecs and limits, and says plainly when it cannot."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from storage.database import DatabaseUnreachable, connect, open_pool

pytestmark = pytest.mark.stores


async def test_jsonb_travels_as_plain_values(database: asyncpg.Pool) -> None:
    value = {"words": ["नमस्ते", "hi"], "n": 2**53, "none": None}
    assert await database.fetchval("SELECT $1::jsonb", value) == value
    assert await database.fetchval("SELECT $1::jsonb ->> 'n'", value) == str(2**53)


async def test_a_statement_running_too_long_is_cancelled(database_url: str) -> None:
    pool = await open_pool(database_url, size=1, statement_timeout_seconds=0.05)
    with pytest.raises(asyncpg.QueryCanceledError):
        await pool.execute("SELECT pg_sleep(5)")
    assert await pool.fetchval("SELECT 1") == 1
    pool.terminate()


async def test_vectors_are_available(database: asyncpg.Pool) -> None:
    await database.execute("CREATE EXTENSION IF NOT EXISTS vector")
    assert await database.fetchval("SELECT '[1,2]'::vector <-> '[4,6]'::vector") == 5


async def test_each_test_has_a_database_of_its_own(database: asyncpg.Pool) -> None:
    await database.execute("CREATE TABLE mine (a int)")
    assert await database.fetchval("SELECT count(*) FROM mine") == 0


async def test_nothing_at_the_address_is_one_typed_error(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match="does not answer"):
        await connect(f"postgresql://kindred@/kindred?host={tmp_path}")


async def test_ten_connections_serve_more_askers(database: asyncpg.Pool) -> None:
    answers = await asyncio.gather(*(database.fetchval("SELECT $1::int", n) for n in range(40)))
    assert answers == list(range(40))


async def test_the_bus_answers_and_is_empty(valkey_url: str) -> None:
    from redis.asyncio import from_url

    async with from_url(valkey_url, decode_responses=True) as bus:
        assert await bus.dbsize() == 0
        await bus.set("a", "1")
        assert (await bus.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
