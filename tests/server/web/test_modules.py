"""The browser's pure modules, tried without a browser: store, socket, formats; and their types.

Node runs them where there is one; the app itself never needs it.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from media.avatar.appearance import Appearance
from media.avatar.motion.shapes import AIMS, OCULUS, REACH_AFTER, REACH_BEFORE, WEIGHTS
from media.avatar.still import draw

HERE = Path(__file__).parent
APP = HERE.parents[2] / "server" / "web"


@pytest.mark.parametrize("module", ["store", "socket", "format", "calls", "faces", "figure"])
def test_a_module_keeps_its_promises(module: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here")
    command = [node, "--test", str(HERE / f"{module}.test.mjs")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert result.returncode == 0, result.stdout + result.stderr


def table(name: str, text: str) -> list[list[float]]:
    """A table of numbers as the browser's module writes it."""
    body = text.split(f"export const {name} = ", 1)[1].split("];\n", 1)[0] + "]"
    found: list[list[float]] = json.loads(re.sub(r",\s*]", "]", body))
    return found


def test_the_browser_blends_mouths_by_the_same_tables_as_the_server() -> None:
    text = (APP / "app/faces/lips.js").read_text()
    assert table("AIM", text) == AIMS.tolist()
    assert table("WEIGHT", text) == WEIGHTS.tolist()
    named = re.search(r"const SHAPES = (\[.*?\]);", text)
    assert named is not None
    assert json.loads(named.group(1)) == list(OCULUS)
    reach = [json.loads(one) for one in re.findall(r"const (?:BEFORE|AFTER) = (\[.*?\]);", text)]
    assert reach == [REACH_BEFORE.tolist(), REACH_AFTER.tolist()]


def test_a_face_made_up_in_the_browser_is_one_the_server_draws() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here")
    script = (
        f"import {{ ORIGINS, someone }} from {str(APP / 'app/screens/create_looks.js')!r};"
        "const all = ORIGINS.flatMap(([origin]) => ['woman', 'man', 'non-binary'].flatMap("
        "(gender) => [18, 33, 51, 78].map((age) => someone({ origin, gender, age, hue: 7 }))));"
        "console.log(JSON.stringify(all));"
    )
    told = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, timeout=50, check=True
    ).stdout
    looks = msgspec.json.decode(told, type=list[Appearance])
    assert len(looks) == 96
    for look in looks[::7]:
        assert draw(look).svg.startswith("<svg")


def test_the_types_hold_where_a_compiler_is_at_hand() -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("there is no TypeScript compiler here")
    command = [compiler, "-p", str(APP / "tsconfig.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert result.returncode == 0, result.stdout
