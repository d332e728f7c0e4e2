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
