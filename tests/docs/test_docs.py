"""The documentation is true: links lead somewhere, examples load, checked commands run.

A block fenced as "sh checked" is run as it stands, with `kindred` being this checkout's.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from config.environment import is_ours, key_of
from config.keys import kind_of
from config.load import load
from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if path.name not in {"AGENTS.md"}
]
BLOCK = re.compile(r"^```(\w*)(?: (\w+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(language: str, mark: str | None = None) -> list[tuple[str, str]]:
    """(page, text) of every fenced block of a language, perhaps only the marked ones."""
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for found, marked, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == language and (mark is None or marked == mark)
    ]


def dead_links(page: Path, text: str) -> list[str]:
    """Relative links that lead nowhere."""
    targets = [target for target in LINK.findall(text) if "://" not in target]
    return [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text(encoding="utf-8")) == []


def test_a_dead_link_is_found() -> None:
    assert dead_links(ROOT / "x.md", "[a](docs/nowhere.md) [b](https://x.y)") == ["docs/nowhere.md"]


@pytest.fixture
def shell(tmp_path: Path):
    """Run a shell text in an empty folder, with `kindred` on the path."""
    program = tmp_path / "bin" / "kindred"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m server.cli "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "here"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not is_ours(name)}
    environ = {
        **kept,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }

    def run(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e", "-c", text], cwd=folder, env=environ, capture_output=True, text=True
        )

    return run


@pytest.mark.parametrize(("page", "text"), blocks("sh", "checked"))
def test_a_checked_command_works(shell, page: str, text: str) -> None:
    result = shell(text)
    assert result.returncode == 0, f"{page}: {text}\n{result.stdout}{result.stderr}"
    assert result.stdout.strip()


def test_a_broken_command_is_found(shell) -> None:
    assert shell("kindred no-such-command").returncode != 0
    assert shell("KINDRED_PROT=1 kindred settings").returncode != 0


@pytest.mark.parametrize(("page", "text"), blocks("toml"))
def test_an_example_of_settings_loads(
    page: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if tomllib.loads(text).get("preset") == "ours.toml":
        (tmp_path / "ours.toml").write_text('[plans.free]\ntitle = "Free"\n')
    (tmp_path / "kindred.toml").write_text(text)
    assert load(None, {}), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for variable in set(re.findall(r"\bKINDRED_[A-Z0-9_]+[A-Z0-9]\b", text)):
        example = variable in {"KINDRED_A__B__C", "KINDRED_PROT"}
        if is_ours(variable) and not variable.startswith("KINDRED_CHILD") and not example:
            kind_of(Settings, key_of(variable, {}))
