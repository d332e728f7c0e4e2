"""The media worker as a process: it says where it is; when it is killed, its calls know at once."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from config.media import MediaSettings
from media.calls.holding import dial_leg
from media.calls.leg import Connected, Gone
from media.calls.orders import WorkerOrders
from media.calls.workers import LEASE_SECONDS, NoWorker, Workers, order
from storage.bus.board import ValkeyBoard
from tests.media.calls.clients import Microphone, Person

pytestmark = [pytest.mark.stores, pytest.mark.kill]


class Process:
    """One `python -m media.calls.worker`, until it is killed."""

    def __init__(self, name: str, bus_url: str, folder: Path, media: MediaSettings) -> None:
        self.orders = WorkerOrders(
            name=name,
            media=media,
            bus_url=bus_url,
            socket="" if media.listen else str(folder / f"{name}.sock"),
        )
        self.process: Any = None

    async def start(self) -> "Process":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "media.calls.worker", env={**os.environ, **self._environment()}
        )
        return self

    def _environment(self) -> dict[str, str]:
        return self.orders.to_environment()

    async def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(10):
            return int(await self.process.wait())


@pytest.fixture
async def workers(valkey_url: str) -> AsyncIterator[Workers]:
    made = Workers(ValkeyBoard(valkey_url))
    yield made
    await made.aclose()


@pytest.fixture
async def start(valkey_url: str, tmp_path: Path) -> AsyncIterator[Any]:
    running: list[Process] = []

    async def one(name: str, media: MediaSettings | None = None) -> Process:
        running.append(Process(name, valkey_url, tmp_path, media or MediaSettings()))
        return await running[-1].start()

    yield one
    for process in running:
        await process.end(signal.SIGKILL)


async def up(workers: Workers, *names: str) -> None:
    """Until exactly these are known."""
    async with asyncio.timeout(30):
        while set(await workers.known()) != set(names):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_killed_worker_is_known_at_once_and_forgotten_with_its_lease(
    workers: Workers, start: Any
) -> None:
    one = await start("one")
    await up(workers, "one")
    person = Person(Microphone())
    opened = await workers.open_leg(await person.offer(), "voice", ())
    leg = await dial_leg(opened.address)
    await person.answered(opened.answer)
    async with asyncio.timeout(20):
        events = leg.events()
        async for event in events:
            if isinstance(event, Connected):
                break
        await one.end(signal.SIGKILL)
        killed_at = time.monotonic()
        rest = [event async for event in events]
    assert rest[-1] == Gone(reason="worker_lost")
    assert time.monotonic() - killed_at < 2.0
    with pytest.raises(NoWorker) as nobody:
        await workers.open_leg(await person.offer(), "voice", ())
    assert not nobody.value.full
    async with asyncio.timeout(LEASE_SECONDS + 5):
        await up(workers)
    await person.close()


async def test_calls_go_to_the_least_busy_and_over_tcp(workers: Workers, start: Any) -> None:
    far = MediaSettings(listen="127.0.0.1")
    await start("a", far)
    await start("b", far)
    await up(workers, "a", "b")
    people = [Person(), Person()]
    opened = [await workers.open_leg(await p.offer(), "voice", ()) for p in people]
    assert all(one.address.address.startswith("tcp:127.0.0.1:") for one in opened)
    legs = [await dial_leg(one.address) for one in opened]
    for one, person, leg in zip(opened, people, legs, strict=True):
        await person.answered(one.answer)
        async with asyncio.timeout(20):
            async for event in leg.events():
                if isinstance(event, Connected):
                    break
    notices = await workers.known()
    assert all(0.0 <= notice.busy < 2.0 for notice in notices.values())
    assert order(notices)[0] in ("a", "b")
    for person, leg in zip(people, legs, strict=True):
        await leg.aclose("done")
        await person.close()


async def test_asked_to_end_it_hangs_up_and_leaves_nothing(workers: Workers, start: Any) -> None:
    one = await start("one")
    await up(workers, "one")
    person = Person()
    opened = await workers.open_leg(await person.offer(), "voice", ())
    leg = await dial_leg(opened.address)
    assert await one.end() == 0
    async with asyncio.timeout(10):
        events = [event async for event in leg.events()]
    assert events[-1] == Gone(reason="worker_lost")
    assert not Path(opened.address.address.removeprefix("unix:")).exists()
    await up(workers)
    await person.close()
