"""The rate limiter against a real Valkey: the cell rate algorithm, by the store's own clock."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from storage.limits import SCRIPT, LimitUnknown, RateLimits, gap_microseconds

pytestmark = pytest.mark.stores
KEY = "rate:{somebody}"


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey_url)
    yield client
    await client.aclose()


async def earlier(redis: Redis, milliseconds: float) -> None:
    """As if the last calls had been made so long ago."""
    arrival = int(await redis.get(KEY))
    await redis.set(KEY, arrival - int(milliseconds * 1000), keepttl=True)


async def test_as_many_as_allowed_pass_at_once_and_not_one_more(redis: Redis) -> None:
    limits = RateLimits(redis)
    taken = [await limits.take("somebody", 5, 3_600) for _ in range(7)]
    assert [one.yes for one in taken] == [True] * 5 + [False] * 2
    assert [one.remaining for one in taken] == [4, 3, 2, 1, 0, 0, 0]
    assert [one.wait_ms > 0 for one in taken] == [False] * 5 + [True] * 2
    assert 700_000 < taken[5].wait_ms <= 720_000
    assert 3_590_000 < taken[4].full_ms <= 3_600_000


@pytest.mark.parametrize("seconds", [7, 60, 3_600])
async def test_all_allowed_pass_within_one_tick_of_the_clock_however_it_divides(
    redis: Redis, seconds: int
) -> None:
    for count in range(1, 40):
        name, gap = f"rate:{{{count}}}", gap_microseconds(count, seconds)
        assert isinstance(gap, int)
        assert gap * count <= seconds * 1_000_000
        async with redis.pipeline(transaction=True) as at_once:
            for _ in range(count + 1):
                at_once.eval(SCRIPT, 1, name, gap, count)
            answers = await at_once.execute()
        assert [answer[0] for answer in answers] == [1] * count + [0], count
        assert [answer[1] for answer in answers[:-1]] == list(reversed(range(count)))


async def test_racing_calls_share_one_count(redis: Redis) -> None:
    limits = RateLimits(redis)
    taken = await asyncio.gather(*(limits.take("somebody", 10, 3_600) for _ in range(50)))
    assert sum(one.yes for one in taken) == 10


async def test_what_was_waited_for_passes_and_idle_time_is_not_saved_up(redis: Redis) -> None:
    limits = RateLimits(redis)
    for _ in range(5):
        await limits.take("somebody", 5, 500)
    refused = await limits.take("somebody", 5, 500)
    await earlier(redis, refused.wait_ms)
    assert (await limits.take("somebody", 5, 500)).yes
    assert not (await limits.take("somebody", 5, 500)).yes
    await earlier(redis, 10_000_000)
    assert sum([(await limits.take("somebody", 5, 500)).yes for _ in range(9)]) == 5


async def test_refusals_cost_nothing(redis: Redis) -> None:
    limits = RateLimits(redis)
    await limits.take("somebody", 1, 100)
    first = await limits.take("somebody", 1, 100)
    for _ in range(20):
        last = await limits.take("somebody", 1, 100)
    assert last.wait_ms <= first.wait_ms


async def test_a_key_is_gone_once_it_says_nothing_any_more(redis: Redis) -> None:
    limits = RateLimits(redis)
    await limits.take("somebody", 10, 50)
    assert 5_000 <= await redis.pttl(KEY) <= 6_000


async def test_one_subject_does_not_spend_what_another_has(redis: Redis) -> None:
    limits = RateLimits(redis)
    assert (await limits.take("somebody", 1, 100)).yes
    assert (await limits.take("somebody else", 1, 100)).yes


async def test_what_is_forgotten_was_never_taken(redis: Redis) -> None:
    limits = RateLimits(redis)
    await limits.take("somebody", 1, 100)
    await limits.forget("somebody")
    assert (await limits.take("somebody", 1, 100)).yes


async def test_a_store_that_does_not_answer_is_said_to_be_unknown() -> None:
    away = Redis.from_url("unix:///nowhere/at/all.sock")
    for work in (RateLimits(away).take("somebody", 1, 1), RateLimits(away).forget("somebody")):
        with pytest.raises(LimitUnknown):
            await work
    await away.aclose()


async def test_a_script_the_store_has_forgotten_is_told_again(redis: Redis) -> None:
    limits = RateLimits(redis)
    await limits.take("somebody", 5, 100)
    await redis.script_flush()
    assert (await limits.take("somebody", 5, 100)).remaining == 3
