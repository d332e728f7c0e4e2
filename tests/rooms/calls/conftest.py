"""The house that conversations are held over: its gates are open and its model speaks fast.

What is scripted of a call stands in tests/rooms/calls/talking.py.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live import Live, running


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    unhurried = {"KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "0"}
    async with running(database_url, valkey_url, tmp_path, **unhurried) as started:
        started.script.gap_seconds = 0.001
        yield started
