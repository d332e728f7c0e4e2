"""The whole house behind the socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live import Live, running


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A running gateway with tight limits, so that they can be met."""
    limits = {
        "KINDRED_SOCKETS__AUTH_SECONDS": "2",
        "KINDRED_SOCKETS__SOCKETS_PER_PERSON": "3",
        "KINDRED_SOCKETS__COMMANDS_PER_SECOND": "20",
        "KINDRED_SOCKETS__COMMANDS_BURST": "20",
    }
    async with running(database_url, valkey_url, tmp_path, **limits) as started:
        yield started
