"""`kindred settings` says what is in force and why, and keeps secrets to itself."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.cli import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **environ: str) -> Result:
    """One call of the command."""
    return CliRunner().invoke(main, ["settings", *arguments], env=environ)


def test_each_setting_is_shown_with_what_set_it() -> None:
    Path("kindred.toml").write_text("[server]\ngateways = 2\n")
    shown = run("server", KINDRED_SERVER__HOST="0.0.0.0").output
    assert "environment variable KINDRED_SERVER__HOST" in shown
    assert "kindred.toml line 2" in shown
    assert "server.drain_seconds" in shown
    assert "plans" not in shown


def test_changed_leaves_the_defaults_out() -> None:
    shown = run("--changed", "server", KINDRED_SERVER__HOST="0.0.0.0").output
    assert "server.host" in shown
    assert "server.drain_seconds" not in shown


def test_secrets_are_masked() -> None:
    shown = run(KINDRED_DATABASE__URL="postgresql://me:hunter2@db/x").output
    assert "postgresql://me:***@db/x" in shown
    assert "hunter2" not in shown


def test_a_mistake_ends_it_with_status_1() -> None:
    result = run(KINDRED_PROT="1")
    assert result.exit_code == 1
    assert 'did you mean "KINDRED_PORT"?' in result.output


def test_a_prefix_that_fits_nothing_says_so() -> None:
    result = run("servre")
    assert result.exit_code == 1
    assert "No setting begins with" in result.output
