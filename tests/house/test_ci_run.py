"""`.ci/run` runs every step, tells pytest's closing lines, and fails when a step does.

The steps themselves are stood in for by a `make` that only says what it was asked for.
"""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def checkout(house, tmp_path: Path):
    """A folder with the script and a make of our own; returns a way to run it."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_long.py").write_text("pytestmark = pytest.mark.soak\n")
    shutil.copy(house.root / ".ci/run", tmp_path / ".ci/run")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "chromium", "node", "npm"):
        (programs / name).write_text(
            '#!/bin/sh\necho "asked for $*"\necho "3 passed in 0.1s"\n'
            'if [ "$*" = "$FLAKY" ]; then for n in $SEVERAL; do echo "FAILED tests/x.py::test_$n"; '
            'done; exit 1; fi\n[ "$1" != "$BROKEN" ]\n'
        )
        (programs / name).chmod(0o755)

    def run(
        broken: str = "", *, flaky: str = "", several: str = "1"
    ) -> subprocess.CompletedProcess[str]:
        path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
        environ = {"PATH": path, "BROKEN": broken, "HOME": str(tmp_path)}
        environ |= {"FLAKY": flaky, "SEVERAL": several}
        return subprocess.run(
            ["bash", str(tmp_path / ".ci/run")], env=environ, capture_output=True, text=True
        )

    return run


def test_every_step_runs_and_its_closing_line_is_told(checkout) -> None:
    result = checkout()
    assert result.returncode == 0, result.stdout + result.stderr
    soak = "soak TESTS=tests/realtime tests/storage"  # the hour-long ones are for whoever asks
    for asked in ("install-dev", "lint", "test", "test-long", soak):
        assert f"asked for {asked}\n" in result.stdout
    assert result.stdout.count("3 passed in 0.1s") >= 6
    assert "All is well." in result.stdout


@pytest.mark.parametrize("broken", ["install-dev", "lint", "test", "test-long", "soak"])
def test_a_failing_step_fails_the_whole(checkout, broken: str) -> None:
    result = checkout(broken)
    assert result.returncode == 1
    assert "FAILED: " in result.stdout
    assert ("asked for test\n" in result.stdout) == (broken != "install-dev")


@pytest.mark.parametrize("step", ["test", "test-long"])
def test_a_few_that_failed_are_run_once_more_and_named_whatever_comes_of_it(
    checkout, step: str
) -> None:
    result = checkout(flaky=step)
    assert "asked for test TESTS=--last-failed" in result.stdout
    assert result.stdout.rstrip().endswith("All is well.")
    assert "FAILED tests/x.py::test_1" in result.stdout.partition("each is worth a look")[2]


def test_many_that_failed_are_not_run_again(checkout) -> None:
    result = checkout(flaky="test", several="1 2 3 4 5 6 7")
    assert "--last-failed" not in result.stdout
    assert result.returncode == 1


def test_the_script_calls_the_command_the_readme_names(house) -> None:
    script = (house.root / ".ci/run").read_text()
    assert "make test |" in script
    assert "make test-long" in script
    assert "make lint" in script
