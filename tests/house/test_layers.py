"""The one-way order of the house: config <- storage <- media <- rooms <- realtime <- server."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = (
    "import sys; from importlinter.cli import lint_imports; "
    "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True, no_logo=True))"
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a folder with the contract written there."""
    return subprocess.run([sys.executable, "-c", CHECK], cwd=folder, capture_output=True, text=True)


def test_no_room_imports_a_higher_one(house) -> None:
    result = lint(house.root)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_order_names_every_room(house) -> None:
    text = (house.root / "pyproject.toml").read_text()
    for room in ("config", "storage", "media", "rooms", "realtime", "server", "loadtest"):
        assert text.count(f'"{room}"') >= 3


def test_an_import_upwards_is_found(house, tmp_path: Path) -> None:
    project = (house.root / "pyproject.toml").read_text()
    start = project.index("[tool.importlinter]")
    (tmp_path / "pyproject.toml").write_text(project[start:])
    for room in ("config", "storage", "media", "rooms", "realtime", "server", "loadtest"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("")
    assert lint(tmp_path).returncode == 0
    (tmp_path / "config" / "fault.py").write_text("import server\n")
    result = lint(tmp_path)
    assert result.returncode != 0
    assert "config.fault -> server" in result.stdout


@pytest.mark.parametrize("word", ["tests"])
def test_no_product_code_imports_the_tests(house, word: str) -> None:
    for source in house.product:
        for line in source.text.splitlines():
            assert not line.lstrip().startswith((f"import {word}", f"from {word}")), source.path
