"""Waits of many calls that end together."""

import asyncio

import pytest

from rooms.calls import together

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


async def test_waits_that_begin_apart_end_in_one_turn_and_none_too_soon() -> None:
    loop, ends = asyncio.get_running_loop(), list[float]()

    async def one(after: float) -> None:
        await asyncio.sleep(after)
        began = loop.time()
        await together.wait(0.2)
        assert 0.2 - 1e-6 <= loop.time() - began <= 0.2 + together.STEP_SECONDS + 1e-6
        ends.append(round(loop.time(), 6))

    async with asyncio.TaskGroup() as tasks:
        for n in range(40):
            tasks.create_task(one(0.0301 + n * 0.001))
    assert len(ends) == 40
    assert len(set(ends)) <= 2
