"""Bringing a database to the schema this code expects: numbered SQL files, forward only.

What was applied is recorded with its checksum, so an edited file and a database from a
newer version are both noticed before anything is touched.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import asyncpg

FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_MARK = "-- migrate:up"
_LOCK = 0x6B_69_6E_64  # "kind": one migrator at a time, whoever starts it

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_versions (
    version     integer     PRIMARY KEY,
    name        text        NOT NULL,
    sha256      text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)"""
_APPLIED = "SELECT version, name, sha256 FROM schema_versions ORDER BY version"
_EXISTS = "SELECT to_regclass('schema_versions') IS NOT NULL"
_RECORD = "INSERT INTO schema_versions (version, name, sha256) VALUES ($1, $2, $3)"


class MigrationError(Exception):
    """The schema cannot be brought to where this code needs it; the message says what to do."""


class DatabaseTooNew(MigrationError):
    """A later version of Kindred has changed this database."""


class MigrationEdited(MigrationError):
    """A file that was already applied has changed since."""


class MigrationInvalid(MigrationError):
    """A migration file's name or first line is not as it must be, or its SQL fails."""


class Migration(Struct, frozen=True):
    """One file: its number, its name, and its SQL."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


class Applied(Struct, frozen=True):
    """One row of what a database has been through."""

    version: int
    name: str
    sha256: str


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """All files in order. Raises MigrationInvalid."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        text = path.read_text(encoding="utf-8")
        if match is None or not text.startswith(_MARK):
            raise MigrationInvalid(
                f"{path.name}: name it 0001_what.sql and begin it with {_MARK!r}."
            )
        version = int(match[1])
        if version in found:
            raise MigrationInvalid(f"{path.name} and {found[version].name} have the same number.")
        found[version] = Migration(version, path.name, text)
    return list(found.values())


def plan(known: Sequence[Migration], applied: Mapping[int, Applied]) -> list[Migration]:
    """What is still to be applied, or why nothing may be. Pure."""
    newest = max((migration.version for migration in known), default=0)
    beyond = [row.name for version, row in sorted(applied.items()) if version > newest]
    if beyond:
        raise DatabaseTooNew(
            f"This database was last used by a newer Kindred (it has {beyond[-1]}, this one ends "
            f"at {newest:04d}): update Kindred, or restore a backup made with this version."
        )
    for migration in known:
        row = applied.get(migration.version)
        if row is not None and row.sha256 != migration.sha256:
            raise MigrationEdited(
                f"{migration.name} was edited after it was applied: put it back, "
                "and write the change as a new file."
            )
    return [migration for migration in known if migration.version not in applied]


async def pending(
    connection: "asyncpg.Connection[asyncpg.Record]", folder: Path = FOLDER
) -> list[Migration]:
    """What `migrate` would apply now; changes nothing."""
    return plan(read_migrations(folder), await _applied(connection))


async def migrate(
    connection: "asyncpg.Connection[asyncpg.Record]", folder: Path = FOLDER
) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; the names applied.

    Several processes may call this at once: they queue on an advisory lock.
    """
    known = read_migrations(folder)
    await connection.execute("SELECT set_config('statement_timeout', '0', false)")
    await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
    try:
        todo = plan(known, await _applied(connection))
        if todo:
            await connection.execute(_TABLE)
        for migration in todo:
            await _apply(connection, migration)
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({_LOCK})")
        await connection.reload_schema_state()
    return [migration.name for migration in todo]


async def _applied(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[int, Applied]:
    if not await connection.fetchval(_EXISTS):
        return {}
    rows = [Applied(*row) for row in await connection.fetch(_APPLIED)]
    return {row.version: row for row in rows}


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    from asyncpg import PostgresError

    try:
        async with connection.transaction():
            await connection.execute(migration.text)
            await connection.execute(_RECORD, migration.version, migration.name, migration.sha256)
    except PostgresError as error:
        raise MigrationInvalid(f"{migration.name} failed and was undone: {error}") from error
