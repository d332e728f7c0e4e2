"""The data folder: private, ours alone, and refused in a sentence when it cannot be used."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.supervisor.folder import FORMAT, CannotStart, DataFolder, State

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


def test_a_new_folder_is_private_and_knows_its_format(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "data")
    folder.claim()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.read_version()[0] == FORMAT
    folder.release()


def test_a_folder_in_use_is_refused_by_name_of_the_process(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.claim()
    with pytest.raises(CannotStart, match=rf"in use by another Kindred \(process {os.getpid()}\)"):
        second.claim()
    first.release()
    second.claim()
    second.release()


def test_a_newer_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("99 9.9.9\n")
    with pytest.raises(CannotStart, match=r"newer Kindred \(9.9.9, format 99"):
        DataFolder(tmp_path).claim()
    assert (tmp_path / "VERSION").read_text() == "99 9.9.9\n"


def test_an_older_folder_takes_each_step_once(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("1 0.0.1\n")
    taken: list[int] = []
    steps = {number: lambda _, number=number: taken.append(number) for number in (0, 1, 2)}
    for _ in range(2):
        folder = DataFolder(tmp_path)
        folder.claim(3, steps)
        folder.release()
    assert taken == [1, 2]


def test_a_step_that_fails_is_taken_again_next_time(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("1 0.0.1\n")

    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    folder = DataFolder(tmp_path)
    with pytest.raises(CannotStart, match="is full: make room"):
        folder.claim(2, {1: fail})
    assert folder.read_version() == (1, "0.0.1")
    folder.release()


def test_a_folder_with_other_things_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(CannotStart, match="choose an empty folder"):
        DataFolder(tmp_path).claim()


def test_settings_may_lie_in_it_beforehand(tmp_path: Path) -> None:
    (tmp_path / "kindred.toml").write_text("")
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.release()


def test_a_damaged_version_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("?")
    with pytest.raises(CannotStart, match="is damaged"):
        DataFolder(tmp_path).claim()


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(CannotStart, match="is not a folder"):
        DataFolder(tmp_path / "data").claim()


def test_other_commands_see_it_run_only_while_it_does(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.tell(State(pid=1, database_url="d", bus_url="b", model_key="k"))
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
    seen = DataFolder(tmp_path).running()
    assert seen is not None
    assert seen.database_url == "d"
    folder.release()
    assert DataFolder(tmp_path).running() is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False)
    if done.returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@needs_root
def test_a_full_disk_is_said_before_anything_starts(small_disk: Path) -> None:
    with pytest.raises(CannotStart, match="is full: make room"):
        DataFolder(small_disk / "data").claim()


@needs_root
def test_a_read_only_disk_is_said(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(CannotStart, match="read-only disk"):
        DataFolder(small_disk / "data").claim()
