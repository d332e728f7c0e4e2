"""What the pen says is logged is exactly what the log took, however it ends."""

import asyncio
from collections.abc import Sequence

import pytest

from rooms.events import ReplyDelta, RoomEvent
from rooms.pen import WAITING_CHARACTERS_MAX, Pen
from rooms.ports import Telling, Unfinished


class SlowLog:
    """A log whose appends take `seconds`."""

    room = "r_1"
    fence = 1

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.deltas: list[ReplyDelta] = []
        self.in_flight = 0

    async def append(self, tellings: Sequence[Telling]) -> None:
        self.in_flight += 1
        assert self.in_flight == 1, "one append in flight at most"
        await asyncio.sleep(self.seconds)
        self.in_flight -= 1
        for telling in tellings:
            assert isinstance(telling.event, ReplyDelta)
            self.deltas.append(telling.event)

    async def unfinished(self) -> list[Unfinished]:
        return []

    def mention(self, event: RoomEvent) -> None: ...


def pen_on(log: SlowLog) -> Pen:
    return Pen(log, "m_1", "u_1", "h_1", gap_seconds=0.04, inspect=lambda text: None)


@pytest.mark.looptime
async def test_the_first_word_is_logged_at_once_and_the_rest_in_lines() -> None:
    log = SlowLog()
    pen = pen_on(log)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pen.run())
        for i in range(100):
            await pen.write("word ", i)
            assert log.deltas[0].text == "word "
            await asyncio.sleep(0.01)
        await pen.close(drop=False)
        running.cancel()
    assert "".join(delta.text for delta in log.deltas) == "word " * 100 == pen.logged
    assert 15 < len(log.deltas) < 35
    assert [d.offset for d in log.deltas] == [
        sum(len(x.text) for x in log.deltas[:i]) for i in range(len(log.deltas))
    ]


@pytest.mark.looptime
async def test_a_cancelled_writer_counts_the_append_that_was_in_flight() -> None:
    log = SlowLog(seconds=1.0)
    pen = pen_on(log)
    writing = asyncio.create_task(pen.write("hello", 7))
    await asyncio.sleep(0.5)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await pen.close(drop=True)
    assert (pen.logged, pen.logged_microcredits) == ("hello", 7)


@pytest.mark.looptime
async def test_a_writer_ahead_of_the_log_waits_and_nothing_is_lost() -> None:
    log = SlowLog(seconds=5.0)
    pen = pen_on(log)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pen.run())
        for _ in range(20):
            await pen.write("x" * 1000, 1)
            assert pen._waiting_characters <= WAITING_CHARACTERS_MAX + 1000
        await pen.close(drop=False)
        running.cancel()
    assert pen.logged_characters == 20_000


@pytest.mark.looptime
async def test_refused_words_are_never_logged() -> None:
    log = SlowLog()

    def inspect(text: str) -> None:
        if "bad" in text:
            raise PermissionError

    pen = Pen(log, "m_1", "u_1", "h_1", gap_seconds=0.04, inspect=inspect)
    await pen.write("this is b", 1)
    await pen.write("ad indeed", 2)
    with pytest.raises(PermissionError):
        await pen.close(drop=False)
    assert pen.logged == "this is b"
