"""Backup and restore: one file that holds everything worth keeping.

The database is dumped from one snapshot by PostgreSQL's own pg_dump; the data folder's other
files (keys, uploads, unsent mail, settings) lie beside it. What can be made again is left out.
"""

import asyncio
import io
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import msgspec
from click import echo
from msgspec import Struct

from config.settings import Settings
from server.borrowed import borrowed_stores
from server.supervisor.folder import FORMAT, CannotStart, DataFolder, kindred_version
from server.up import DATABASE, Addresses, bring_up_to_date
from storage.database import DatabaseUnreachable, connect, ensure_database
from storage.embedded.child import StoreFailed
from storage.embedded.postgres import package_folder
from storage.migrate import MigrationError, read_migrations

# Made again by `kindred up`, or of use to nobody later: the bus holds half an hour of logs.
LEFT_OUT = frozenset(
    {"postgres", "postgres.part", "valkey", "logs", "lock", "state.json", "VERSION", "models"}
)
_MANIFEST, _DUMP, _FILES = "manifest.json", "database.dump", "files"


_TABLES = """SELECT count(*) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"""


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup says of itself."""

    kindred: str
    format: int
    schema: int
    made_at: str


class BackupError(Exception):
    """The backup cannot be made or used; the message says why."""


def backup_to(settings: Settings, file: Path) -> int:
    """Write a backup. Returns the exit status."""
    return _told(lambda: _backup(settings, file))


def restore_from(settings: Settings, file: Path, *, force: bool) -> int:
    """Fill the data folder (and the database of the settings) from a backup."""
    return _told(lambda: _restore(settings, file, force=force))


def _told(work: Callable[[], str]) -> int:
    """Run `work` and print its sentence, or the one that says what is wrong."""
    try:
        echo(work())
    except (
        BackupError, CannotStart, StoreFailed, DatabaseUnreachable, MigrationError, OSError,
        tarfile.TarError,
    ) as error:  # fmt: skip
        echo(f"That did not work. {error}", err=True)
        return 1
    return 0


def _backup(settings: Settings, file: Path) -> str:
    folder = Path(settings.data).expanduser().absolute()
    part = file.with_name(file.name + ".part")
    with borrowed_stores(settings) as addresses, tempfile.TemporaryDirectory() as work:
        dump = Path(work) / _DUMP
        manifest = Manifest(
            kindred=kindred_version(),
            format=FORMAT,
            schema=asyncio.run(_schema_version(addresses)),
            made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        _run("pg_dump", addresses.database, "--format=custom", "--no-owner", f"--file={dump}")
        try:
            _pack(part, manifest, dump, folder)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    part.replace(file)
    return f"Wrote {file} ({file.stat().st_size / 1e6:.1f} MB). Keep it safe: it holds everything."


def _pack(part: Path, manifest: Manifest, dump: Path, folder: Path) -> None:
    """Write the archive and make sure that it is on the disk."""
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6) as archive:
            text = msgspec.json.encode(manifest)
            head = tarfile.TarInfo(_MANIFEST)
            head.size = len(text)
            archive.addfile(head, io.BytesIO(text))
            archive.add(dump, _DUMP)
            for path in _kept_files(folder):
                archive.add(path, f"{_FILES}/{path.relative_to(folder)}", recursive=False)
        raw.flush()
        os.fsync(raw.fileno())


def _kept_files(folder: Path) -> Iterator[Path]:
    """Folders and regular files below `folder` that cannot be made again."""
    for top in sorted(folder.iterdir()) if folder.exists() else ():
        if top.name in LEFT_OUT:
            continue
        for path in (top, *(sorted(top.rglob("*")) if top.is_dir() else ())):
            if not path.is_symlink() and (path.is_file() or path.is_dir()):
                yield path


def _restore(settings: Settings, file: Path, *, force: bool) -> str:
    folder = DataFolder(Path(settings.data))
    with tarfile.open(file, "r:gz") as archive:
        manifest = _read_manifest(archive)
        if folder.running() is not None:
            raise BackupError(f"Kindred is running on {folder.path}: stop it first.")
        aside = _make_way(folder.path, force=force)
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.claim()
        folder.release()
        with tempfile.TemporaryDirectory() as work:
            dump = Path(work) / _DUMP
            _unpack(archive, folder.path, dump)
            applied = _fill(settings, dump, force=force)
    told = f"Restored {folder.path} from {file} (made {manifest.made_at} by {manifest.kindred})."
    if applied:
        told += f" The schema took {len(applied)} steps to this version."
    return f"{told} What was there before is in {aside}." if aside else told


def _read_manifest(archive: tarfile.TarFile) -> Manifest:
    """The manifest, if this version can use what follows it."""
    head = archive.next()
    source = archive.extractfile(head) if head is not None and head.name == _MANIFEST else None
    if source is None:
        raise BackupError("That file is not a backup made by `kindred backup`.")
    manifest = msgspec.json.decode(source.read(), type=Manifest)
    newest = max((migration.version for migration in read_migrations()), default=0)
    if manifest.format > FORMAT or manifest.schema > newest:
        raise BackupError(
            f"That backup was made by a newer Kindred ({manifest.kindred}): update this one first."
        )
    return manifest


def _make_way(folder: Path, *, force: bool) -> Path | None:
    """Refuse a folder that holds something, or with force put it aside; where it is then."""
    names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if not names - {"kindred.toml", "lock"}:
        return None
    if not force:
        raise BackupError(
            f"{folder} is not empty: choose another with --data, or put it aside with --force."
        )
    aside = folder.with_name(f"{folder.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    folder.rename(aside)
    return aside


def _unpack(archive: tarfile.TarFile, folder: Path, dump: Path) -> None:
    """Regular files and folders only, and only below `folder`."""
    for member in archive:
        path = PurePosixPath(member.name)
        if member.name == _MANIFEST:
            continue
        if member.name == _DUMP:
            target = dump
        elif path.parts[0] == _FILES and ".." not in path.parts and len(path.parts) > 1:
            target = folder.joinpath(*path.parts[1:])
        else:
            raise BackupError(f"That backup holds something unexpected: {member.name}")
        if member.isdir():
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        source = archive.extractfile(member)
        if source is None:
            raise BackupError(f"That backup holds something unexpected: {member.name}")
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)


def _fill(settings: Settings, dump: Path, *, force: bool) -> list[str]:
    """Load the dump into the database of the settings and bring it to this schema."""
    with borrowed_stores(settings) as addresses:
        own = not settings.database.url
        asyncio.run(_empty_database(addresses.database, own=own, force=force))
        clean = ("--clean", "--if-exists") if force and not own else ()
        _run(
            "pg_restore", addresses.database, "--no-owner", "--exit-on-error",
            "--single-transaction", *clean, str(dump),
        )  # fmt: skip
        return asyncio.run(bring_up_to_date(addresses.database, own=own))


async def _empty_database(url: str, *, own: bool, force: bool) -> None:
    """Our own server gets a fresh database; someone else's must be empty already."""
    if own:
        await ensure_database(url.replace(f"/{DATABASE}?", "/postgres?"), DATABASE)
        return
    connection = await connect(url)
    count = await connection.fetchval(_TABLES)
    await connection.close()
    if count and not force:
        raise BackupError("The database at database.url is not empty: --force replaces its tables.")


async def _schema_version(addresses: Addresses) -> int:
    connection = await connect(addresses.database)
    try:
        if not await connection.fetchval("SELECT to_regclass('schema_versions') IS NOT NULL"):
            raise BackupError("The database has no tables yet: there is nothing to back up.")
        version: int = await connection.fetchval("SELECT max(version) FROM schema_versions")
        return version
    finally:
        await connection.close()


def _run(program: str, address: str, *arguments: str) -> None:
    """One of PostgreSQL's own tools, from the wheel. A password travels by environment."""
    url = urlsplit(address)
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/")}
    if url.password:
        environment["PGPASSWORD"] = unquote(url.password)
        host = url.netloc.rsplit("@", 1)[1]
        address = url._replace(netloc=f"{url.username}@{host}").geturl()
    path = package_folder() / "pginstall" / "bin" / program
    argv = [str(path), f"--dbname={address}", *arguments]
    done = subprocess.run(argv, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise BackupError(f"{program} failed: {words[-1] if words else done.returncode}")
