"""Which Python an installation takes: the first that was built with its optimisations.

Without them gateways serve a fifth fewer people (docs/figures.md), and nobody would see why.
"""

import os
import subprocess
from pathlib import Path

FOUND = "/usr/bin/python3"  # is looked for by its place, so a test can hide it only by its answer


def python(folder: Path, name: str, *, fast: bool) -> None:
    """A Python that says only whether it is one to take."""
    made = folder / name
    made.write_text(f"#!/bin/sh\nexit {0 if fast else 1}\n")
    made.chmod(0o755)


def chosen(house, path: Path, **environment: str) -> str:
    ran = subprocess.run(
        ["/bin/sh", "config/install.sh", "which"],
        cwd=house.root,
        env={"PATH": f"{path}:{os.defpath}", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def test_the_first_python_is_taken_where_it_is_fast(house, tmp_path: Path) -> None:
    python(tmp_path, "python3", fast=True)
    assert chosen(house, tmp_path) == "python3"


def test_a_slow_one_is_passed_over_for_a_fast_one_elsewhere(house, tmp_path: Path) -> None:
    python(tmp_path, "python3", fast=False)
    python(tmp_path, "python3.13", fast=True)
    assert chosen(house, tmp_path) in {FOUND, "python3.13"}
