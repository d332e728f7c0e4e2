"""The data folder: everything that outlives a run, under one lock and one format number.

It refuses, in a sentence, a folder from a newer version, one in use, and one that cannot
be written; an older one is brought up to date step by step.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from msgspec import Struct

FORMAT = 1
Steps = Mapping[int, Callable[[Path], None]]
_LEAST_FREE_BYTES = 64_000_000


class CannotStart(Exception):
    """Something outside must change first; the message is a sentence that says what."""


class State(Struct, frozen=True, kw_only=True):
    """What a running supervisor tells other commands: where its parts are."""

    pid: int
    database_url: str
    bus_url: str
    web_url: str = ""
    model_url: str = ""
    model_key: str = ""
    inference_addresses: list[str] = []
    inference_key: str = ""
    renewals: int = 0
    refused: str = ""


def kindred_version() -> str:
    """The version of the installed package, or of the sources it runs from."""
    try:
        return version("kindred")
    except PackageNotFoundError:
        return "0.1.0"


class DataFolder:
    """One data folder, ours alone between `claim` and `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None

    def claim(self, format_: int = FORMAT, steps: Steps | None = None) -> None:
        """Make it if missing, lock it, bring its format up to date. Raises CannotStart."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_foreign()
            self._take_lock()
            self._update(format_, steps or {})
            self._refuse_full()
        except OSError as error:
            raise CannotStart(_say(self.path, error)) from error

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                (self.path / "state.json").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def tell(self, state: State) -> None:
        """Leave word for other commands; only we may read it, for it holds a key."""
        target = self.path / "state.json"
        part = target.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(state))
        part.replace(target)

    def running(self) -> State | None:
        """What the supervisor that holds this folder has told, if one does."""
        if not self._is_locked():
            return None
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self.path / "state.json").read_bytes(), type=State)
        return None

    def _is_locked(self) -> bool:
        try:
            fd = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _refuse_foreign(self) -> None:
        known = {"VERSION", "lock", "postgres", "postgres.part", "valkey", "logs"}
        names = {entry.name for entry in self.path.iterdir()} - {"kindred.toml"}
        if names and not names & known:
            raise CannotStart(
                f"{self.path} has other things in it: choose an empty folder with --data."
            )

    def _take_lock(self) -> None:
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise CannotStart(
                f"{self.path} is in use by another Kindred (process {owner}): stop that one, "
                "or choose another folder with --data."
            ) from error
        os.truncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._lock = fd

    def _update(self, format_: int, steps: Steps) -> None:
        """Refuse a newer format; take an older one through its steps, one at a time."""
        found, by = self.read_version()
        if found > format_:
            raise CannotStart(
                f"{self.path} was written by a newer Kindred ({by}, format {found}; this one knows "
                f"{format_}): update Kindred, or choose another folder with --data."
            )
        for number in range(found, format_):
            if number in steps:
                steps[number](self.path)
            self._write_version(number + 1)
        self._write_version(format_)

    def read_version(self) -> tuple[int, str]:
        """The folder's format and who wrote it; format 0 is a folder without a VERSION."""
        try:
            lines = (self.path / "VERSION").read_text().split()
        except FileNotFoundError:
            return 0, "unknown"
        try:
            return int(lines[0]), lines[1]
        except (ValueError, IndexError) as error:
            raise CannotStart(
                f"{self.path / 'VERSION'} is damaged: restore it from a backup, or write "
                f'"{FORMAT} {kindred_version()}" into it if you know this version wrote the folder.'
            ) from error

    def _write_version(self, format_: int) -> None:
        text = f"{format_} {kindred_version()}\n"
        target = self.path / "VERSION"
        if target.exists() and target.read_text() == text:
            return
        part = target.with_suffix(".part")
        part.write_text(text)
        part.replace(target)

    def _refuse_full(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < _LEAST_FREE_BYTES:
            raise OSError(errno.ENOSPC, "less than 64 MB free")


def _say(path: Path, error: OSError) -> str:
    """An operating system's refusal as a sentence with a way out."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk that holds {path} is full: make room, then start again."
        case errno.EROFS:
            return f"{path} is on a read-only disk: choose another folder with --data."
        case errno.EACCES | errno.EPERM:
            return f"You may not write to {path}: change its owner, or choose another with --data."
        case errno.ENOTDIR | errno.EEXIST:
            return f"{path} is not a folder: choose another with --data."
        case _:
            return f"{path} cannot be used ({error.strerror}): choose another folder with --data."
