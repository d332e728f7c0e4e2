"""The house's own files, read once, for the tests that keep it in order.

Every rule is a function from a file to complaints, tried on the house and on a planted fault.
"""

import ast
import subprocess
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "storage", "media", "rooms", "realtime", "server", "loadtest")


class Source:
    """One file of the house."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def tree(self) -> ast.Module:
        """The file as Python."""
        return ast.parse(self.text)

    @property
    def is_test(self) -> bool:
        """Whether the file lies under tests/."""
        return self.path.startswith("tests/")


class House:
    """All files that git tracks or would track."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = [path for path in _paths(root) if (root / path).is_file()]

    @cached_property
    def texts(self) -> list[Source]:
        """Every file that is text."""
        found = []
        for path in self.paths:
            try:
                found.append(Source(path, (self.root / path).read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                continue
        return found

    @cached_property
    def python(self) -> list[Source]:
        """Every Python file, tests included."""
        return [source for source in self.texts if source.path.endswith(".py")]

    @cached_property
    def product(self) -> list[Source]:
        """Every Python file of the seven rooms."""
        return [one for one in self.python if one.path.split("/")[0] in PACKAGES]


def _paths(root: Path) -> list[str]:
    """What git knows; a copy without git is walked instead."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
        return sorted(set(listed.stdout.decode().split("\0")) - {""})
    except (OSError, subprocess.CalledProcessError):
        hidden = {".venv", ".git", "__pycache__", ".kindred", "build"}
        files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return sorted(str(path) for path in files if not hidden & set(path.parts))


@pytest.fixture(scope="session")
def house() -> House:
    """The house as it stands."""
    return House(ROOT)


@pytest.fixture
def plant():
    """Make a file up, to show that a rule would find a fault in it."""
    return Source
