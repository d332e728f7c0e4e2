"""Migrations go forward once, notice edits, and refuse what a newer version has written."""

import asyncio
from pathlib import Path

import pytest

from storage.database import connect
from storage.migrate import (
    DatabaseTooNew,
    MigrationEdited,
    MigrationInvalid,
    migrate,
    pending,
    read_migrations,
)

pytestmark = pytest.mark.stores
ONE = "-- migrate:up\nCREATE TABLE one (a int);\nINSERT INTO one VALUES (1);\n"
TWO = "-- migrate:up\nALTER TABLE one ADD COLUMN b int DEFAULT 2;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text(ONE)
    return tmp_path


async def test_each_file_is_applied_once_and_in_order(
    empty_database_url: str, folder: Path
) -> None:
    connection = await connect(empty_database_url)
    assert await migrate(connection, folder) == ["0001_one.sql"]
    (folder / "0002_two.sql").write_text(TWO)
    assert [m.name for m in await pending(connection, folder)] == ["0002_two.sql"]
    assert await migrate(connection, folder) == ["0002_two.sql"]
    assert await migrate(connection, folder) == []
    assert tuple(await connection.fetchrow("SELECT a, b FROM one")) == (1, 2)
    await connection.close()


async def test_a_database_from_a_newer_version_is_refused_untouched(
    empty_database_url: str, folder: Path
) -> None:
    connection = await connect(empty_database_url)
    (folder / "0002_two.sql").write_text(TWO)
    await migrate(connection, folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(DatabaseTooNew, match=r"newer Kindred \(it has 0002_two.sql"):
        await migrate(connection, folder)
    await connection.close()


async def test_an_edited_file_is_noticed(empty_database_url: str, folder: Path) -> None:
    connection = await connect(empty_database_url)
    await migrate(connection, folder)
    (folder / "0001_one.sql").write_text(ONE + "-- harmless?\n")
    with pytest.raises(MigrationEdited, match=r"0001_one.sql was edited"):
        await migrate(connection, folder)
    await connection.close()


async def test_a_failing_file_leaves_nothing_behind(empty_database_url: str, folder: Path) -> None:
    connection = await connect(empty_database_url)
    (folder / "0002_bad.sql").write_text("-- migrate:up\nCREATE TABLE two (a int);\nSELEC 1;\n")
    with pytest.raises(MigrationInvalid, match=r"0002_bad.sql failed and was undone"):
        await migrate(connection, folder)
    assert await connection.fetchval("SELECT to_regclass('two')") is None
    assert await connection.fetchval("SELECT max(version) FROM schema_versions") == 1
    await connection.close()


async def test_processes_migrating_at_once_do_it_once(
    empty_database_url: str, folder: Path
) -> None:
    connections = [await connect(empty_database_url) for _ in range(4)]
    answers = await asyncio.gather(*(migrate(connection, folder) for connection in connections))
    assert sorted(map(len, answers)) == [0, 0, 0, 1]
    assert await connections[0].fetchval("SELECT count(*) FROM one") == 1
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [("1_one.sql", ONE), ("0002_x.sql", "CREATE TABLE x ()"), ("0001_other.sql", ONE)],
)
def test_a_misnamed_file_is_said(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(MigrationInvalid):
        read_migrations(folder)


def test_the_house_s_own_files_are_well_formed() -> None:
    assert read_migrations()
