"""A peer's way out: WebSocket frames as bytes, handed to the kernel at once where it takes them.

uvloop's own write costs 2 us more than the system call it makes, which is a fifth of a delivery
(docs/why/frames-past-asgi.md). Only where nothing waits in the transport, and never under TLS.
"""

import struct
from asyncio import Transport
from collections.abc import Sequence
from os import write
from typing import Final

from realtime.lanes import NOT_NOW, NUMBERS, NUMBERS_KEPT, Lane
from realtime.told import Told

TEXT: Final = 0x81
BINARY: Final = 0x82
NO_DESCRIPTOR: Final = -1


class Outgoing:
    """Frames to one transport. Writing never waits; what the kernel does not take, uvloop keeps.

    `doubt` it when somebody else wrote to the transport: something may wait there since. `lane` is
    the session whose entries may be written past this too (realtime/lanes.py), while it is clear.
    """

    __slots__ = ("_fd", "_opcode", "_shut", "_transport", "clear", "lane")

    def __init__(self, transport: Transport, *, text: bool) -> None:
        self._transport = transport
        self._shut = False
        self._opcode = TEXT if text else BINARY
        raw = transport.get_extra_info("socket")
        plain = raw is not None and transport.get_extra_info("sslcontext") is None
        self._fd = raw.fileno() if plain else NO_DESCRIPTOR
        self.clear = NO_DESCRIPTOR  # the same, while nothing waits in the transport
        self.lane: Lane | None = None

    def frames(self, payloads: Sequence[bytes]) -> None:
        """Payloads as frames, in one write."""
        if len(payloads) == 1:
            payload = payloads[0]
            self._put(_header(self._opcode, len(payload)) + payload)
            return
        parts: list[bytes] = []
        for payload in payloads:
            parts += (_header(self._opcode, len(payload)), payload)
        self._put(b"".join(parts))

    def binary(self, payload: bytes) -> None:
        """A payload as a binary frame."""
        self._put(_header(BINARY, len(payload)) + payload)

    def entry(self, seq: int, told: Told) -> None:
        """One entry of a log as a JSON frame, made and written in one go."""
        number = NUMBERS[seq] if seq < NUMBERS_KEPT else b"%d" % seq
        if told.digits != len(number):
            told.begin(len(number))
        data = told.head + number + told.tail
        if self.clear < 0:
            self._put(data)
            return
        try:
            sent = write(self.clear, data)
        except OSError:  # full, or gone: the transport finds out and tells
            sent = 0
        if sent != len(data):
            self.rest(data[sent:])

    def rest(self, data: bytes) -> None:
        """What the kernel did not take of a frame."""
        self.doubt()
        self._transport.write(data)

    def doubt(self) -> None:
        """Somebody wrote past us: look before the next frame whether it has left."""
        self.clear = NO_DESCRIPTOR
        if self.lane is not None:
            self.lane.fd = NOT_NOW

    def shut(self) -> None:
        """A goodbye was said, or nobody is there: nothing comes after it.

        The number may be another socket's soon, so whoever closes the transport says so first.
        """
        self._shut = True
        self._fd = NO_DESCRIPTOR
        self.doubt()

    def _put(self, data: bytes) -> None:
        transport = self._transport
        if self._shut or transport.is_closing():
            self._fd = NO_DESCRIPTOR
            self.doubt()
            return
        if self._fd >= 0 and not transport.get_write_buffer_size():
            self.clear = self._fd
            try:
                sent = write(self._fd, data)
            except OSError:
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self.rest(data)


def _header(opcode: int, length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", opcode, length)
    if length < 65_536:
        return struct.pack("!BBH", opcode, 126, length)
    return struct.pack("!BBQ", opcode, 127, length)
