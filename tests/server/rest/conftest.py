"""The whole house, running, with rates that no test of the REST layer meets by accident."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live import Live, running


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A running gateway that counts requests, but never refuses one."""
    async with running(
        database_url, valkey_url, tmp_path, KINDRED_API__REQUESTS="1000000"
    ) as started:
        yield started
