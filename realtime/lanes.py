"""An entry to many sockets at once: one loop, and for each socket no call but the kernel's.

What a delivery costs beside its system call is objects touched and frames entered, so that whoever
keeps up with a room is one slotted object here, and its frame is made and written in the loop.
"""

from collections.abc import Sequence
from os import write
from typing import Final, Protocol

from realtime.told import Told

NOT_NOW: Final = -1
NUMBERS_KEPT: Final = 4_096
NUMBERS: Final = [b"%d" % n for n in range(NUMBERS_KEPT)]  # looked up in half the time


class Direct(Protocol):
    """A socket's way past the outbox: realtime/transports/outgoing.py."""

    clear: int
    lane: "Lane | None"

    def entry(self, seq: int, told: Told) -> None:
        """One entry as a frame, made and written in one go."""

    def rest(self, data: bytes) -> None:
        """What the kernel did not take of a frame."""


class Behind(Protocol):
    """Whose lane it is: realtime/sending.py."""

    def late(self, told: Told) -> None:
        """Its entry has to go the long way."""

    def rest(self, data: bytes) -> None:
        """What the kernel did not take of a frame."""


class Lane:
    """Where one session stands, as far as its next entry can be told from the last.

    `fd` is where that may be written at once, past everything: only while nothing waits for the
    session, its frames are JSON on a plain socket, and no anchor is due within the same log.
    """

    __slots__ = ("fd", "generation", "log", "pos", "sender", "seq")

    def __init__(self, seq: int) -> None:
        self.fd = NOT_NOW
        self.seq = seq
        self.log = ""  # of the last frame; so are the next two
        self.generation = ""
        self.pos = 0
        self.sender: Behind | None = None


def spread(lanes: Sequence[Lane], told: Told) -> list[Lane]:
    """Number an entry for each session and write it; those for whom that cannot be so come back."""
    log, generation, pos = told.log, told.generation, told.pos
    before, made, size, data = pos - 1, -1, 0, b""
    late: list[Lane] = []
    for lane in lanes:
        if (
            lane.pos != before
            or lane.fd < 0
            or lane.log is not log
            or lane.generation is not generation
        ):
            late.append(lane)
            continue
        seq = lane.seq + 1
        if seq != made:
            number = NUMBERS[seq] if seq < NUMBERS_KEPT else b"%d" % seq
            if told.digits != len(number):
                told.begin(len(number))
            data = told.head + number + told.tail
            made, size = seq, len(data)
        lane.pos, lane.seq = pos, seq
        try:
            sent = write(lane.fd, data)
        except OSError:  # full, or gone: the transport finds out and tells
            sent = 0
        if sent != size and lane.sender is not None:
            lane.sender.rest(data[sent:])
    return late
