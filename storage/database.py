"""Opening the database: one pool per process, with the house's codecs and limits.

jsonb travels as Python values through orjson; every statement has a time limit.
"""

from typing import TYPE_CHECKING

import asyncpg
import orjson

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record]

CONNECT_SECONDS = 10.0
# What says that the database is away or in trouble, and that the same may succeed later.
DATABASE_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, killed, starting; a statement out of time
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # deadlock: the same again will do
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection torn in mid-statement
)


class DatabaseUnreachable(Exception):
    """Nothing answers at the database's address, or it refuses us."""


class PooledConnection(asyncpg.Connection):
    """A connection without the reset on every release: a round trip for each statement.

    Nothing in the house changes a session: no LISTEN, no cursors, no SET, and the migrator's
    advisory lock has a connection of its own.
    """

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""


async def prepare_connection(
    connection: "Connection | PoolConnectionProxy[asyncpg.Record]",
) -> None:
    """Teach a fresh connection our jsonb codec."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda value: orjson.loads(value[1:]),
        format="binary",
    )


async def open_pool(
    url: str,
    *,
    size: int = 20,
    least: int = 0,
    statement_timeout_seconds: float = 15.0,
    name: str = "kindred",
) -> "Pool":
    """A pool of at most `size` connections. Raises DatabaseUnreachable."""
    milliseconds = int(statement_timeout_seconds * 1000)
    try:
        return await asyncpg.create_pool(
            url,
            min_size=least,
            max_size=size,
            init=prepare_connection,
            timeout=CONNECT_SECONDS,
            command_timeout=statement_timeout_seconds + 5.0,
            max_inactive_connection_lifetime=300.0,
            connection_class=PooledConnection,
            server_settings={
                "application_name": name,
                "statement_timeout": str(milliseconds),
                "idle_in_transaction_session_timeout": str(max(60_000, milliseconds)),
                "timezone": "UTC",
            },
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise DatabaseUnreachable(f"The database does not answer: {error}") from error


async def connect(url: str) -> "Connection":
    """One connection outside any pool, for migrations, backups and the doctor."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise DatabaseUnreachable(f"The database does not answer: {error}") from error
    await prepare_connection(connection)
    return connection


async def ensure_database(url: str, name: str) -> bool:
    """Create database `name` on the server at `url` if it is missing; whether it was made now."""
    connection = await connect(url)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return False
        await connection.execute(f'CREATE DATABASE "{name}"')
        return True
    finally:
        await connection.close()
