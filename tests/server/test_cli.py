"""The command line teaches, refuses clearly, and takes in commands of other rooms."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from server import cli
from server.cli import main


def run(*arguments: str) -> "click.testing.Result":
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    "command", ["up", "doctor", "migrate", "backup", "restore", "admin", "model", "settings"]
)
def test_every_command_has_help_with_more_than_a_line(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 6


def test_help_names_the_first_command_to_type() -> None:
    assert "Start with `kindred up`" in run("--help").output


def test_an_unknown_key_in_the_file_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "kindred.toml"
    file.write_text('preset = "emotional"\nprot = 9000\n')
    done = run("doctor", "--config", str(file))
    assert done.exit_code == 1
    assert f"{file}" in done.output
    assert "2" in done.output
    assert "port" in done.output


def test_other_rooms_bring_their_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("hello", f"{__name__}:hello", cli.COMMANDS)

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == cli.COMMANDS
        return [entry] if name in (None, "hello") else []

    monkeypatch.setattr(cli, "entry_points", entry_points)
    monkeypatch.setattr(EntryPoint, "load", lambda _: hello)
    assert "hello" in run("--help").output
    assert run("hello").output == "good day\n"
    assert run("goodbye").exit_code == 2


@click.command()
def hello() -> None:
    """A command of another room."""
    click.echo("good day")


def test_importing_the_command_line_is_quick_because_it_imports_no_work() -> None:
    heavy = ("asyncpg", "rich", "redis", "starlette")
    code = f"import sys, server.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd()
    )
    assert done.stdout == "[]\n"
