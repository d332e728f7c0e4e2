"""The pacing of a socket's leg in virtual time: it rests in silence, and sound leaves at once."""

import asyncio
import struct

import pytest

from media.calls.leg import LegEvent, LegQuality, Played
from realtime.socket_leg import SocketLeg, new_address

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]
FRAME = struct.pack("<480h", *(range(480)))


class Line:
    """A leg at a socket that notes when each frame was written."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.at: list[float] = []
        self.leg = SocketLeg(
            new_address("", "socket"), self._write, codec="pcm16", sample_rate=24_000, stream=1,
            blocked_seconds=3.0, now=self.loop.time,
        )  # fmt: skip
        self.events: list[LegEvent] = []
        self._tasks = [asyncio.create_task(self.leg.run()), asyncio.create_task(self._read())]
        self.leg.begin()

    def _write(self, _: bytes) -> None:
        self.at.append(self.loop.time())

    async def _read(self) -> None:
        async for event in self.leg.events():
            self.events.append(event)

    async def close(self) -> None:
        self.leg.lost("hung_up")
        await asyncio.gather(*self._tasks)


async def test_sound_after_silence_leaves_at_once_and_then_every_20_ms() -> None:
    line = Line()
    for moment in (3.013, 6.707):
        await asyncio.sleep(moment - line.loop.time())
        line.at.clear()
        line.leg.play(0, FRAME * 5)
        await asyncio.sleep(1.0)
        assert [round(at - moment, 3) for at in line.at] == [0.0, 0.02, 0.04, 0.06, 0.08]
    played = [event for event in line.events if isinstance(event, Played)]
    assert played[-1].dry
    assert played[-1].samples == 2 * 5 * 480
    await line.close()


async def test_silence_wakes_nobody_but_the_report_of_its_quality() -> None:
    line, woken = Line(), 0
    pace = line.leg._pace

    def count(*told: object) -> None:
        nonlocal woken
        woken += 1
        pace(*told)  # type: ignore[arg-type]

    line.leg._pace = count  # type: ignore[method-assign]
    await asyncio.sleep(30.0)
    assert woken <= 7
    assert sum(isinstance(event, LegQuality) for event in line.events) >= 5
    await line.close()


async def test_what_was_paused_goes_on_where_it_was_and_what_was_flushed_is_gone() -> None:
    line = Line()
    await asyncio.sleep(1.0)
    line.leg.play(0, FRAME * 20)
    await asyncio.sleep(0.05)
    line.leg.pause()
    await asyncio.sleep(1.0)
    before = len(line.at)
    assert before == 3
    line.leg.resume()
    await asyncio.sleep(0.05)
    assert len(line.at) == before + 3
    line.leg.pause()
    line.leg.flush(1)
    await asyncio.sleep(1.0)
    assert len(line.at) == before + 3
    line.leg.play(1, FRAME)
    await asyncio.sleep(0.1)
    assert len(line.at) == before + 4
    await line.close()


async def test_a_socket_that_is_stuck_is_looked_at_though_nothing_is_said() -> None:
    line = Line()
    await asyncio.sleep(1.0)
    line.leg.stuck()
    await asyncio.sleep(4.0)
    assert [type(event).__name__ for event in line.events].count("Blocked") == 1
    line.leg.writable()
    line.leg.play(0, FRAME)
    await asyncio.sleep(0.1)
    assert len(line.at) == 1
    await line.close()
