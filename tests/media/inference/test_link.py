"""Frames of one turn of the loop leave together, in their order, and none after the end."""

import asyncio

import pytest

from media.inference.frames import CloseEar, Frame, FrameCutter, decode_asked
from media.inference.link import Link

pytestmark = pytest.mark.asyncio


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


def linked() -> tuple[Link, Wire]:
    link, wire = Link(lambda _: None, lambda _: None, 1_000), Wire()
    link.connection_made(wire)
    return link, wire


async def test_frames_of_one_turn_are_one_write_in_their_order() -> None:
    link, wire = linked()
    frames: list[Frame] = [CloseEar(number) for number in range(5)]
    for frame in frames:
        link.send(frame)
    assert not wire.writes
    await link.drained()
    assert len(wire.writes) == 1
    assert [decode_asked(one) for one in FrameCutter().feed(wire.writes[0])] == frames
    link.send(frames[0])
    await link.drained()
    assert len(wire.writes) == 2


async def test_nothing_leaves_once_it_was_ended() -> None:
    link, wire = linked()
    link.send(CloseEar(1))
    link.close("enough")
    await asyncio.sleep(0)
    assert not wire.writes


@pytest.mark.looptime
async def test_what_may_wait_leaves_with_what_follows_it_or_when_its_time_has_come() -> None:
    link, wire = linked()
    loop = asyncio.get_running_loop()
    link.send(CloseEar(0), 0.02)  # nothing left for long: it need not wait
    await asyncio.sleep(0.001)
    assert len(wire.writes) == 1
    began = loop.time()
    for number in (1, 2, 3):
        link.send(CloseEar(number), 0.02)
        await asyncio.sleep(0.005)
    assert len(wire.writes) == 1
    await asyncio.sleep(0.005)
    assert (len(wire.writes), round(loop.time() - began, 3)) == (2, 0.02)
    link.send(CloseEar(4), 0.02)
    link.send(CloseEar(5))  # this one cannot wait, and goes behind it
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sent = [decode_asked(one) for data in wire.writes for one in FrameCutter().feed(data)]
    assert sent == [CloseEar(number) for number in range(6)]
    assert len(wire.writes) == 3
    link.send(CloseEar(6), 0.02)
    link.connection_lost(None)
    await asyncio.sleep(0.1)
    assert len(wire.writes) == 3
