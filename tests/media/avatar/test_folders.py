"""What can be made again never fills a disk, and what was needed lately stays."""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media.avatar.appearance import Appearance, Skin
from media.avatar.folders import STALE_SECONDS, Limit, sweep, trim, used
from media.avatar.layers import RigShelf


def filled(folder: Path, *sizes: int, ending: str = ".x") -> list[Path]:
    """Files of these sizes, the first the oldest."""
    made = []
    for place, size in enumerate(sizes):
        path = folder / f"{place}{ending}"
        path.write_bytes(bytes(size))
        os.utime(path, (1_000 + place, 1_000 + place))
        made.append(path)
    return made


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_least_lately_used_go_beyond_the_count(tmp_path: Path) -> None:
    first, *_ = filled(tmp_path, 10, 10, 10, 10)
    used(first)
    assert trim(tmp_path, ".x", Limit(files=2, size_bytes=1_000)) == 2
    assert left(tmp_path) == {"0.x", "3.x"}


def test_the_least_lately_used_go_beyond_the_size(tmp_path: Path) -> None:
    filled(tmp_path, 400, 30, 30, 30)
    assert trim(tmp_path, ".x", Limit(files=100, size_bytes=100)) == 1
    assert left(tmp_path) == {"1.x", "2.x", "3.x"}


def test_the_latest_stays_whatever_its_size_and_other_files_are_nobodys_business(
    tmp_path: Path,
) -> None:
    filled(tmp_path, 10, 5_000)
    (tmp_path / "other.y").write_bytes(bytes(9_999))
    assert trim(tmp_path, ".x", Limit(files=5, size_bytes=100)) == 1
    assert left(tmp_path) == {"1.x", "other.y"}


def test_a_folder_that_is_not_there_and_a_file_that_is_gone_are_no_faults(tmp_path: Path) -> None:
    used(tmp_path / "gone")
    assert trim(tmp_path / "nowhere", ".x", Limit(files=1, size_bytes=1)) == 0
    assert sweep(tmp_path / "nowhere") == 0


def test_what_a_killed_worker_left_half_made_is_swept_and_what_is_being_made_is_not(
    tmp_path: Path,
) -> None:
    old = tmp_path / "picture-abc"
    old.mkdir()
    (old / "face.npz").write_bytes(b"somebody's face")
    part = tmp_path / "one.part"
    part.write_bytes(b"half")
    for path in (old, part):
        os.utime(path, (1_000, 1_000))
    (tmp_path / "picture-now").mkdir()
    now = (tmp_path / "picture-now").stat().st_mtime + STALE_SECONDS - 60
    assert sweep(tmp_path, now) == 2
    assert left(tmp_path) == {"picture-now"}


def test_kept_rigs_stay_within_their_limit(tmp_path: Path) -> None:
    shelf = RigShelf(tmp_path, Limit(files=2, size_bytes=2**30))
    looks = [Appearance(origin="african", skin=Skin(tone=tone / 10)) for tone in (6, 7, 8)]
    for place, look in enumerate(looks[:2]):
        shelf.get(look, 128)
        os.utime(shelf.path(look, 128), (1_000 + place, 1_000 + place))
    shelf.get(looks[0], 128)  # needed again: now the second is the one that was not needed longest
    shelf.get(looks[2], 128)
    assert [shelf.path(look, 128).exists() for look in looks] == [True, False, True]


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 cut off"])
def test_a_kept_rig_that_broke_is_drawn_again(tmp_path: Path, broken: bytes) -> None:
    shelf, look = RigShelf(tmp_path), Appearance(origin="pacific")
    shelf.path(look, 128).write_bytes(broken)
    assert shelf.get(look, 128).size == 128


def test_a_face_that_a_call_waits_for_is_not_drawn_behind_everything_else(tmp_path: Path) -> None:
    shelf, nice = RigShelf(tmp_path), os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as threads:
        drawing = threads.submit(shelf.get, Appearance(origin="pacific"), 128)
        seen = set()
        while not drawing.done():
            seen |= {niceness for niceness in map(drawing_at, children()) if niceness is not None}
            time.sleep(0.01)
        assert drawing.result().size == 128
    assert seen == {nice}


def children() -> list[int]:
    """Of any of our threads."""
    told = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return [int(pid) for pid in told.split()]


def drawing_at(pid: int) -> int | None:
    """The niceness of a process that draws layers; None if it is another one, or has gone."""
    with contextlib.suppress(OSError):
        if b"media.avatar.layers" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return os.getpriority(os.PRIO_PROCESS, pid)
    return None
