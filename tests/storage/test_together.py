"""Those who ask together are one statement, and nobody gets an answer read before they asked."""

import asyncio
from collections.abc import Sequence

import pytest

from storage.together import Together


class Slow:
    """A store that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.gates: list[asyncio.Event] = []
        self.value = 0
        self._begun = asyncio.Event()

    async def read(self, asked: Sequence[int]) -> dict[int, int]:
        gate = asyncio.Event()
        self.asked.append(asked)
        self.gates.append(gate)
        self._begun.set()
        value = self.value
        await gate.wait()
        if -1 in asked:
            raise OSError("away")
        return {one: value for one in asked if one < 100}

    async def under_way(self, count: int) -> None:
        """Wait until so many statements have begun."""
        async with asyncio.timeout(5):
            while len(self.gates) < count:
                self._begun.clear()
                await self._begun.wait()


@pytest.fixture
def slow() -> Slow:
    return Slow()


def asking(together: Together[int, int], *asked: int) -> list["asyncio.Task[int | None]"]:
    return [asyncio.ensure_future(together.find(one)) for one in asked]


async def test_those_who_ask_at_once_are_one_statement_and_each_gets_their_own(slow: Slow) -> None:
    found = asking(Together(slow.read), 1, 2, 2, 100)
    await slow.under_way(1)
    slow.gates[0].set()
    assert await asyncio.gather(*found) == [0, 0, 0, None]
    assert slow.asked == [(1, 2, 100)]


async def test_whoever_asks_while_others_are_read_gets_what_was_read_after(slow: Slow) -> None:
    together = Together(slow.read, lanes=1)
    first = asking(together, 1)
    await slow.under_way(1)
    late = asking(together, 1, 2)
    await asyncio.sleep(0)
    slow.value = 7  # changed before the second asked
    slow.gates[0].set()
    await slow.under_way(2)
    slow.gates[1].set()
    assert await asyncio.gather(*first, *late) == [0, 7, 7]
    assert slow.asked == [(1,), (1, 2)]


async def test_a_statement_is_for_so_many_and_so_many_are_under_way(slow: Slow) -> None:
    found = asking(Together(slow.read, at_once=2, lanes=2), 1, 2, 3, 4, 5)
    await slow.under_way(2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert slow.asked == [(1, 2), (3, 4)]
    slow.gates[0].set()
    await slow.under_way(3)
    for gate in slow.gates:
        gate.set()
    assert await asyncio.gather(*found) == [0] * 5


async def test_an_error_reaches_all_who_asked_and_nobody_who_asks_later(slow: Slow) -> None:
    together = Together(slow.read)
    failing = asking(together, -1, 2)
    await slow.under_way(1)
    slow.gates[0].set()
    assert [type(one) for one in await asyncio.gather(*failing, return_exceptions=True)] == [
        OSError,
        OSError,
    ]
    later = asking(together, 2)
    await slow.under_way(2)
    slow.gates[1].set()
    assert await later[0] == 0


async def test_one_who_gives_up_costs_the_others_nothing(slow: Slow) -> None:
    leaving, staying = asking(Together(slow.read), 1, 2)
    await slow.under_way(1)
    leaving.cancel()
    slow.gates[0].set()
    assert await staying == 0
    assert leaving.cancelled()


@pytest.mark.looptime
async def test_a_few_do_not_wait_and_a_crowd_fills_its_statements(slow: Slow) -> None:
    together = Together(slow.read, each_seconds=0.002)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    for gate in range(3):
        (found,) = asking(together, gate)
        await slow.under_way(gate + 1)
        slow.gates[gate].set()
        await found
        await asyncio.sleep(0.002)
    assert loop.time() - began_at == pytest.approx(0.006)  # nobody was kept waiting
    crowd = asking(together, *range(10, 18))
    await slow.under_way(4)
    late = []
    for one in range(20, 24):
        late += asking(together, one)
        await asyncio.sleep(0.003)
    await slow.under_way(5)
    for gate_ in slow.gates[3:]:
        gate_.set()
    await asyncio.gather(*crowd, *late)
    assert slow.asked[3:] == [tuple(range(10, 18)), (20, 21, 22, 23)]
    assert loop.time() - began_at <= 0.006 + 0.002 * 8 + 0.001
