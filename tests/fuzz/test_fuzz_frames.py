"""A short run of the fuzzer, so that it stays able to run; `make fuzz` runs it long."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long


def test_the_fuzzer_runs_and_finds_nothing(repository: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            str(repository / "tests/fuzz/fuzz_frames.py"),
            "-max_total_time=10",
            "-max_len=4096",
            f"-artifact_prefix={tmp_path}/",
        ],
        cwd=repository,
        env={"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert ran.returncode == 0, ran.stderr[-3_000:]
    assert "Done" in ran.stderr
