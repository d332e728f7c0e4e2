"""Folders of files that can be made again, kept within limits: what was not used longest goes.

Whoever takes a file from such a folder says so (`used`), whoever adds one trims it. Several
processes may do both at once: a file that is gone is drawn again.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

STALE_SECONDS: Final = 900.0  # longer than anything takes to be made


class Limit(Struct, frozen=True):
    """What a folder may hold at most."""

    files: int
    size_bytes: int


RIGS: Final = Limit(files=2_000, size_bytes=2**30)
PORTRAITS: Final = Limit(files=8_000, size_bytes=2**30)
SHEETS: Final = Limit(files=6_000, size_bytes=2**29)


def used(path: Path) -> None:
    """This file was needed now; when it was made stays as it is."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def trim(folder: Path, ending: str, limit: Limit) -> int:
    """Delete the least lately used files with this ending until the rest is within the limit.

    The latest one stays, whatever its size. Returns how many were deleted.
    """
    found = sorted(_files(folder, ending), key=lambda one: -one[0])
    taken = gone = 0
    for place, (_, size, path) in enumerate(found):
        taken += size
        if place and (place >= limit.files or taken > limit.size_bytes):
            path.unlink(missing_ok=True)
            taken -= size
            gone += 1
    return gone


def sweep(folder: Path, now: float | None = None) -> int:
    """Delete what a process left half made when it was killed: parts of files, and the passing
    folders of people's pictures, which must not stay. Returns how many were deleted."""
    before = (time.time() if now is None else now) - STALE_SECONDS
    gone = 0
    for path in [*folder.glob("*.part"), *folder.glob("picture-*")]:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
                gone += 1
    return gone


def _files(folder: Path, ending: str) -> list[tuple[int, int, Path]]:
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(ending):
                with contextlib.suppress(OSError):
                    told = entry.stat()
                    found.append((told.st_atime_ns, told.st_size, Path(entry.path)))
    return found
