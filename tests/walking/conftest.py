"""The whole house, running, for tests that walk through it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live import Live, running
from tests.walking.test_call_door import Workers


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A running gateway with a scripted model; drains when the test ends."""
    async with running(database_url, valkey_url, tmp_path) as started:
        yield started


@pytest.fixture
async def workers(valkey_url: str, tmp_path: Path) -> AsyncIterator[Workers]:
    """Media workers that the house finds on its board; `add` starts one."""
    made = Workers(valkey_url, tmp_path)
    await made.board.start()
    yield made
    await made.close()
