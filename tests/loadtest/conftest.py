"""The whole house, running, for the load tester to load; people may talk as fast as they can."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live import Live, running


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A running gateway with a scripted model; drains when the test ends."""
    limits = {"KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "0"}
    async with running(database_url, valkey_url, tmp_path, **limits) as started:
        yield started
