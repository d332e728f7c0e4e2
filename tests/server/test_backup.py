"""A backup holds everything worth keeping, and restoring it gives exactly that back."""

import asyncio
import contextlib
import io
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from config.settings import Settings
from server.backup import backup_to, restore_from
from server.borrowed import borrowed_stores
from server.supervisor.folder import DataFolder
from server.up import bring_up_to_date
from storage.database import connect

pytestmark = [pytest.mark.stores, pytest.mark.long]

WORDS = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """The database of a data folder, migrated, for the length of a block."""
    with borrowed_stores(settings) as addresses:
        asyncio.run(bring_up_to_date(addresses.database, own=True))
        yield addresses.database


async def _fetch(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def fetch(url: str, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in asyncio.run(_fetch(url, statement))]


async def _dump(url: str) -> dict[str, list[str]]:
    connection = await connect(url)
    try:
        tables = [row[0] for row in await connection.fetch(WORDS)]
        return {
            table: sorted(
                row[0] for row in await connection.fetch(f'SELECT t::text FROM "{table}" t')
            )
            for table in tables
        }
    finally:
        await connection.close()


@pytest.fixture
def filled(tmp_path: Path) -> Settings:
    """A data folder with rows in the ledger and in the rooms, a key, a mail and a cache."""
    settings = Settings(data=str(tmp_path / "old"))
    folder = DataFolder(Path(settings.data))
    folder.claim()
    folder.release()
    with opened(settings) as url:
        fetch(
            url, "INSERT INTO rooms (home, room, payer) VALUES ('u_1', 'r_1', 'sender') RETURNING 1"
        )
        for number in range(5):
            fetch(
                url,
                "INSERT INTO messages (home, room, message, n, changed, sender_kind, sender, "
                "parts) "
                f"VALUES ('u_1', 'r_1', 'm_{number}', {number}, {number}, 'person', 'u_1', "
                """'[{"text": "नमस्ते 😀"}]') RETURNING 1""",
            )
        fetch(
            url,
            """SELECT grant_credits('u_1', 'UTC', '{"id": "l_1", "kind": "purchased",
            "amount": 5000000, "expires": null, "priority": 1, "promo": false}', 'test', '{}')""",
        )
    for name, text in {
        "keys/sign.pem": "secret", "outbox/1.eml": "mail", "models/cache.gguf": "large",
        "logs/postgres.log": "log",
    }.items():  # fmt: skip
        path = folder.path / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
    return settings


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings, data=str(tmp_path / "new"))


def test_a_restored_folder_holds_every_row_and_file(filled: Settings, tmp_path: Path) -> None:
    with opened(filled) as url:
        before = asyncio.run(_dump(url))
    file = tmp_path / "backup.tar.gz"
    assert backup_to(filled, file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    new = elsewhere(filled, tmp_path)
    assert restore_from(new, file, force=False) == 0
    with opened(new) as url:
        assert asyncio.run(_dump(url)) == before
        assert fetch(url, "SELECT * FROM grant_credits('u_1', 'UTC', '{}', 'test', '{}')") == [
            (False, 5_000_000)
        ], "the ledger's functions came too, and know what was granted"
    assert len(before["messages"]) == 5
    assert len(before["entries"]) == 1
    assert (Path(new.data) / "keys" / "sign.pem").read_text() == "secret"
    assert stat.S_IMODE((Path(new.data) / "keys" / "sign.pem").stat().st_mode) == 0o600
    assert (Path(new.data) / "outbox" / "1.eml").read_text() == "mail"
    assert not (Path(new.data) / "models").exists()


def test_a_folder_with_something_in_it_is_put_aside_only_with_force(
    filled: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.tar.gz"
    assert backup_to(filled, file) == 0
    assert restore_from(filled, file, force=False) == 1
    assert "is not empty" in capsys.readouterr().err
    (Path(filled.data) / "keys" / "sign.pem").write_text("later")
    assert restore_from(filled, file, force=True) == 0
    assert (Path(filled.data) / "keys" / "sign.pem").read_text() == "secret"
    (aside,) = tmp_path.glob("old.before-*")
    assert (aside / "keys" / "sign.pem").read_text() == "later"


def test_a_backup_by_a_newer_version_is_refused(
    filled: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "newer.tar.gz"
    text = b'{"kindred": "9.9.9", "format": 1, "schema": 9999, "made_at": ""}'
    write_archive(file, {"manifest.json": text})
    assert restore_from(elsewhere(filled, tmp_path), file, force=False) == 1
    assert "made by a newer Kindred (9.9.9)" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["files/../../evil", "/etc/evil", "other/thing", "../evil"])
def test_a_backup_cannot_write_outside_the_folder(
    filled: Settings, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evil.tar.gz"
    text = b'{"kindred": "0.1.0", "format": 1, "schema": 1, "made_at": ""}'
    write_archive(file, {"manifest.json": text, name: b"evil"})
    assert restore_from(elsewhere(filled, tmp_path), file, force=False) == 1
    assert "something unexpected" in capsys.readouterr().err
    assert list(tmp_path.rglob("evil")) == []


def test_a_file_that_is_no_backup_is_said(
    filled: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("dear")
    assert restore_from(elsewhere(filled, tmp_path), file, force=False) == 1
    assert "did not work" in capsys.readouterr().err


def test_nothing_to_back_up_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data=str(tmp_path / "none"))
    assert backup_to(settings, tmp_path / "backup.tar.gz") == 1
    assert "run `kindred up`" in capsys.readouterr().err
    assert not (tmp_path / "backup.tar.gz").exists()


def write_archive(file: Path, entries: dict[str, bytes]) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in entries.items():
            head = tarfile.TarInfo(name)
            head.size = len(content)
            archive.addfile(head, io.BytesIO(content))
