"""The rates of the settings, counted by a real Valkey."""

from types import SimpleNamespace

import pytest
from redis.asyncio import Redis

from config.load import load
from rooms.errors import TooMany
from server.rest.limits import RequestLimits
from storage.limits import RateLimits

pytestmark = pytest.mark.stores


@pytest.fixture
async def redis(valkey_url: str):
    client = Redis.from_url(valkey_url)
    yield client
    await client.aclose()


def call(address: str = "1.2.3.4"):
    """A request by somebody who is not signed in."""
    return SimpleNamespace(
        caller=None, address=address, request=SimpleNamespace(state=SimpleNamespace())
    )


def op(path: str, limited: str | None = None):
    """A route."""
    return SimpleNamespace(method="GET", path=path, limited=limited)


async def admitted(limits: RequestLimits, path: str, limited: str | None = None) -> int:
    """How many calls in a row pass."""
    count = 0
    try:
        while count < 1_000:
            await limits.admit(call(), op(path, limited))
            count += 1
    except TooMany:
        return count
    return count


async def test_virtual_takes_a_hundred_an_hour_at_each_endpoint(
    redis, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limits = RequestLimits(RateLimits(redis), load(None, {"KINDRED_PRESET": "virtual"}).api)
    assert await admitted(limits, "/api/v1/companions") == 100
    assert await admitted(limits, "/api/v1/rooms") == 100


async def test_what_is_dear_has_a_rate_of_its_own(redis, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, {"KINDRED_API__SIGN_IN__REQUESTS": "7", "KINDRED_API__REQUESTS": "9"})
    limits = RequestLimits(RateLimits(redis), settings.api)
    assert await admitted(limits, "/api/v1/users/login", "sign-in") == 7
    assert await admitted(limits, "/api/v1/users/password", "sign-in") == 0
    assert 9 <= await admitted(limits, "/api/v1/companions") <= 10
    assert await admitted(limits, "/api/v1/rooms") <= 1
