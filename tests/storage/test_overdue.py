"""Waits that last too long end, each at its own time, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from storage.overdue import Overdue

pytestmark = pytest.mark.looptime


async def forever() -> None:
    await asyncio.Event().wait()


async def test_what_comes_in_time_is_given() -> None:
    assert await Overdue(1.0).wait(asyncio.sleep(0.9, "here")) == "here"


async def test_each_of_many_waits_ends_at_its_own_time() -> None:
    loop, overdue = asyncio.get_running_loop(), Overdue(1.0)
    ended: list[float] = []

    async def one(begins: float) -> None:
        await asyncio.sleep(begins)
        with pytest.raises(TimeoutError):
            await overdue.wait(forever())
        ended.append(round(loop.time() - began, 6))

    began = loop.time()
    await asyncio.gather(one(0.0), one(0.3), one(2.5))
    assert ended == [1.0, 1.3, 3.5]


async def test_many_short_waits_need_one_timer() -> None:
    loop, overdue = asyncio.get_running_loop(), Overdue(1.0)
    set_timers, call_later = [], loop.call_later

    def counting(delay: float, *rest: object) -> asyncio.TimerHandle:
        set_timers.append(delay)
        return call_later(delay, *rest)  # type: ignore[arg-type]

    loop.call_later = counting  # type: ignore[method-assign, assignment]
    ready = asyncio.Event()
    ready.set()
    for _ in range(1_000):
        await overdue.wait(ready.wait())
    assert set_timers == [1.0]


async def test_a_cancellation_from_outside_stays_one() -> None:
    overdue = Overdue(1.0)
    task = asyncio.create_task(overdue.wait(forever()))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_with_the_end_of_patience_is_not_swallowed() -> None:
    overdue = Overdue(1.0)
    task = asyncio.create_task(overdue.wait(forever()))
    asyncio.get_running_loop().call_later(1.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_whoever_gave_up_can_wait_again() -> None:
    overdue = Overdue(1.0)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await overdue.wait(forever())
    assert await overdue.wait(asyncio.sleep(0.5, "here")) == "here"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_generator_that_is_given_up_on_is_closed() -> None:
    closed = []

    async def words() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.append(True)

    with pytest.raises(TimeoutError):
        await Overdue(1.0).wait(anext(words()))
    assert closed == [True]
