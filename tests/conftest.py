"""Real stores for tests: one PostgreSQL and one Valkey a session, a fresh database a test.

`stores` starts both servers once, `database` clones a migrated template, `valkey_url` is an
emptied bus. No test talks to a stand-in for a store.
"""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from msgspec import Struct

from storage.database import connect, open_pool
from storage.embedded.child import end, spawn, tidy_sockets, wait_ready
from storage.embedded.postgres import Postgres
from storage.embedded.valkey import Valkey
from storage.migrate import migrate

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

_numbers = itertools.count(1)
_TEMPLATE = "template_kindred"
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 1 << 30


class Stores(Struct, frozen=True):
    """The two running servers. `postgres.url(name)` and `valkey.url()` are their addresses."""

    postgres: Postgres
    valkey: Valkey


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory, where there is room: there a database is cloned in 20 ms, not in 100."""
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _MEMORY_BYTES:
        yield tmp_path_factory.mktemp("stores")
        return
    with tempfile.TemporaryDirectory(
        prefix="kindred-stores-", dir=_MEMORY, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def stores(in_memory: Path) -> Iterator[Stores]:
    """Both servers, for the whole test run, without fsync."""
    folder = in_memory
    running = []
    found = Stores(Postgres(folder, connections=120, durable=False), Valkey(folder, durable=False))
    try:
        for server in (found.postgres, found.valkey):
            server.prepare()
            command = server.command()
            child = spawn(command)
            running.append((child, command))
            wait_ready(child, command, server.ready, server.start_seconds)
        with ThreadPoolExecutor(1) as apart:  # some ask for the stores from within a running loop
            apart.submit(asyncio.run, _make_template(found.postgres)).result()
        yield found
    finally:
        for child, command in reversed(running):
            end(child, command.stop, 10.0)
        tidy_sockets(folder)


async def _make_template(postgres: Postgres) -> None:
    """A database with the schema, to be cloned by each test."""
    owner = await connect(postgres.url("postgres"))
    await owner.execute(f"CREATE DATABASE {_TEMPLATE}")
    connection = await connect(postgres.url(_TEMPLATE))
    await migrate(connection)
    await connection.close()
    await owner.close()


@pytest.fixture
async def database_url(stores: Stores) -> AsyncIterator[str]:
    """The address of a fresh, migrated database; dropped afterwards."""
    name = f"test_{next(_numbers)}"
    owner = await connect(stores.postgres.url("postgres"))
    try:
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        yield stores.postgres.url(name)
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await owner.close()


@pytest.fixture
async def database(database_url: str) -> "AsyncIterator[Pool]":
    """A pool of ten on a fresh, migrated database."""
    pool = await open_pool(database_url, size=10, name="test")
    try:
        yield pool
    finally:
        pool.terminate()


@pytest.fixture
async def empty_database_url(stores: Stores) -> AsyncIterator[str]:
    """The address of a database without any table."""
    name = f"empty_{next(_numbers)}"
    owner = await connect(stores.postgres.url("postgres"))
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        yield stores.postgres.url(name)
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await owner.close()


@pytest.fixture
async def valkey_url(stores: Stores) -> str:
    """The address of an emptied bus: unix://... for `redis.asyncio.from_url`."""
    from redis.asyncio import from_url

    async with from_url(stores.valkey.url()) as bus:
        await bus.flushall()
        await bus.function_flush()
    return stores.valkey.url()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side (`-n`), a file's tests stay together, and all that share one browser."""
    for item in items:
        shared = item.get_closest_marker("browser") is not None
        item.add_marker(
            pytest.mark.xdist_group("browser" if shared else item.nodeid.partition("::")[0])
        )
