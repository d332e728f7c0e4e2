"""What the tests of the render worker share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose name leaves room for a socket's: those hold 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="kf"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
