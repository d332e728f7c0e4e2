"""The pacing of a socket's leg in virtual time: it rests in silence, and sound leaves at once."""

import asyncio
import struct

import pytest

from media.calls.leg import LegEvent, LegQuality, Played
from realtime.pacing import LEGS_A_TICK, Pacer
from realtime.socket_leg import SocketLeg, new_address

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]
FRAME = struct.pack("<480h", *(range(480)))


class Line:
    """A leg at a socket that notes when each frame was written."""

    def __init__(self, pacer: Pacer | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.at: list[float] = []
        self.leg = SocketLeg(
            new_address("", "socket"), self._write, codec="pcm16", sample_rate=24_000, stream=1,
            blocked_seconds=3.0, pacer=pacer or Pacer(),
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


async def test_silence_is_in_no_tick_and_is_told_of_its_quality() -> None:
    pacer = Pacer()
    line = Line(pacer)
    line.leg.play(0, FRAME * 5)
    await asyncio.sleep(0.05)
    assert pacer.ticking == 1
    await asyncio.sleep(1.0)
    assert pacer.ticking == 0
    await asyncio.sleep(30.0)
    assert sum(isinstance(event, LegQuality) for event in line.events) >= 5
    await line.close()


async def test_legs_that_sound_share_ticks_and_each_has_its_own_rate() -> None:
    pacer = Pacer()
    lines = [Line(pacer) for _ in range(LEGS_A_TICK + 8)]
    began = lines[0].loop.time()
    for n, line in enumerate(lines):
        await asyncio.sleep(0.003)
        line.leg.play(0, FRAME * (50 + n))
    assert pacer.ticking == 2
    await asyncio.sleep(3.0)
    for n, line in enumerate(lines):
        assert len(line.at) == 50 + n
        assert line.at[0] == pytest.approx(began + 0.003 * (n + 1), abs=1e-6)
        gaps = [round(b - a, 6) for a, b in zip(line.at[1:], line.at[2:], strict=False)]
        assert set(gaps) == {0.02}
    moments = {round(at, 6) for line in lines for at in line.at[1:]}
    assert len(moments) < 2 * 110
    assert pacer.ticking == 0
    for line in lines:
        await line.close()


async def test_a_leg_that_ends_while_it_sounds_leaves_the_others_their_tick() -> None:
    pacer = Pacer()
    lines = [Line(pacer) for _ in range(3)]
    for line in lines:
        line.leg.play(0, FRAME * 50)
    await asyncio.sleep(0.1)
    await lines[0].close()
    sent = len(lines[0].at)
    await asyncio.sleep(2.0)
    assert [len(line.at) for line in lines] == [sent, 50, 50]
    for line in lines[1:]:
        await line.close()
    assert pacer.ticking == 0


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
