"""Faces drawn before a call: once, behind everything else, and where render workers look."""

import os
from pathlib import Path

import pytest

from media.avatar import layers
from media.avatar.ahead import SIZES, Ahead
from media.avatar.appearance import Appearance, Skin
from media.avatar.folders import Limit
from media.avatar.layers import RigShelf
from media.avatar.rig_file import ENDING, rig_file
from tests.soon import until

pytestmark = pytest.mark.timeout(120)
LOOK = Appearance(origin="pacific")


async def test_a_face_that_is_wanted_lies_ready_at_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = Ahead(tmp_path)
    ahead.want(LOOK)
    ahead.want(LOOK)  # twice is once
    await until(lambda: all((tmp_path / rig_file(LOOK, size)).exists() for size in SIZES), 60)
    await until(lambda: ahead._drawing is None)

    def never(*_: object) -> None:
        raise AssertionError("it is drawn already")

    monkeypatch.setattr(layers, "_draw_in_child", never)
    assert [RigShelf(tmp_path).get(LOOK, size).size for size in SIZES] == list(SIZES)
    drawn = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    ahead.want(LOOK)
    assert ahead._drawing is None, "nothing is left to draw"
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == drawn


async def test_what_is_drawn_ahead_stays_within_the_folders_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.avatar.ahead.RIGS", Limit(files=1, size_bytes=2**30))
    ahead = Ahead(tmp_path)
    ahead.want(LOOK)
    await until(lambda: ahead._drawing is None, 60)
    assert [path.name for path in tmp_path.glob(f"*{ENDING}")] == [rig_file(LOOK, SIZES[-1])]


async def test_where_no_render_worker_keeps_faces_nothing_is_drawn(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path / "faces")
    ahead.want(LOOK)
    assert ahead._drawing is None
    assert list(tmp_path.iterdir()) == []


async def test_of_too_many_the_first_are_left_out_and_closing_ends_the_one_at_work(
    tmp_path: Path,
) -> None:
    ahead = Ahead(tmp_path, waiting=3)
    looks = [Appearance(origin="african", skin=Skin(tone=tone / 10)) for tone in range(4)]
    for look in looks:
        ahead.want(look)
    last = [tmp_path / rig_file(look, size) for look in looks for size in SIZES][-3:]
    assert list(ahead._wanted) == last
    await until(lambda: _children() != set())
    await ahead.aclose()
    assert _children() == set()
    assert list(tmp_path.glob("*.rig.npz")) == []


def _children() -> set[str]:
    """Processes that draw, begun by this one."""
    found = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        for pid in (task / "children").read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"media.avatar.layers" in command:
                found.add(pid)
    return found
