"""A gap read while its log begins anew: the head and the entries are two questions to the bus."""

import asyncio

from realtime.tails import Tails
from realtime.told import Told
from storage.bus.memory import MemoryBus, Store
from storage.bus.ports import Head, Wanted


class BeginsBetween(MemoryBus):
    """Right after a head is told for the first time, another node appends to the log."""

    writer: MemoryBus | None = None

    async def head(self, log: str) -> Head:
        told = await super().head(log)
        writer, self.writer = self.writer, None
        if writer is not None:
            await writer.append(log, 1, [Wanted(0, "", "", b"first")], {})
        return told


async def test_a_log_begun_while_its_gap_is_read_is_shown_once() -> None:
    store, shown, news = Store(), list[bytes](), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    writer, reader = MemoryBus(store), BeginsBetween(store)
    loop = asyncio.get_running_loop()
    tails = Tails(reader, lambda work: tasks.append(loop.create_task(work)), loop.time)

    def show(told: Told) -> None:
        shown.append(told.event)
        news.set()

    await writer.start("gw-1", *[lambda *_: None] * 3)
    await reader.start("gw-2", tails.deliver, tails.hear, lambda: None)
    await tails.follow(["r_1"], show, lambda _: None)
    reader.writer = writer
    tails.reconnected()
    await news.wait()
    await asyncio.gather(*tasks)
    await writer.append("r_1", 1, [Wanted(0, "", "", b"second")], {})
    news.clear()
    await news.wait()
    assert shown == [b"first", b"second"]
