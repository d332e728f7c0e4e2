"""The browser's pure modules, tried without a browser: store, socket, formats; and their types.

Node runs them where there is one; the app itself never needs it.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
APP = HERE.parents[2] / "server" / "web"


@pytest.mark.parametrize("module", ["store", "socket", "format", "calls"])
def test_a_module_keeps_its_promises(module: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here")
    command = [node, "--test", str(HERE / f"{module}.test.mjs")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_types_hold_where_a_compiler_is_at_hand() -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("there is no TypeScript compiler here")
    command = [compiler, "-p", str(APP / "tsconfig.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert result.returncode == 0, result.stdout
