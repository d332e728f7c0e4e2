"""The small house, for tests of accounts and of the REST layer."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.server.small import Small, small_house

GENEROUS = {
    "KINDRED_API__REQUESTS": "100000",
    "KINDRED_API__SIGN_IN__REQUESTS": "100000",
    "KINDRED_API__REGISTER__REQUESTS": "100000",
    "KINDRED_API__MAIL__REQUESTS": "100000",
    "KINDRED_API__EXPORT__REQUESTS": "100000",
    "KINDRED_ACCOUNTS__SIGN_IN_ATTEMPTS": "1000",
}


@pytest.fixture
async def small(database: asyncpg.Pool, valkey_url: str, tmp_path: Path) -> AsyncIterator[Small]:
    """Accounts over REST on real stores, with rates that no test meets by accident."""
    async with small_house(database, valkey_url, tmp_path, **GENEROUS) as house:
        yield house
