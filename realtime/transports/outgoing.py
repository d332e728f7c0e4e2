"""A peer's way out: WebSocket frames as bytes, handed to the kernel at once where it takes them.

uvloop's own write costs 2 us more than the system call it makes, which is a fifth of a delivery
(docs/why/frames-past-asgi.md). Only where nothing waits in the transport, and never under TLS.
"""

import os
import struct
from asyncio import Transport
from collections.abc import Sequence
from typing import Final

from realtime.told import Told

TEXT: Final = 0x81
BINARY: Final = 0x82
NO_DESCRIPTOR: Final = -1


class Outgoing:
    """Frames to one transport. Writing never waits; what the kernel does not take, uvloop keeps."""

    __slots__ = ("_fd", "_opcode", "_shut", "_transport")

    def __init__(self, transport: Transport, *, text: bool) -> None:
        self._transport = transport
        self._shut = False
        self._opcode = TEXT if text else BINARY
        raw = transport.get_extra_info("socket")
        plain = raw is not None and transport.get_extra_info("sslcontext") is None
        self._fd = raw.fileno() if plain else NO_DESCRIPTOR

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
        head, tail = b'{"seq":%d' % seq, told.tail or told.make_tail()
        length = len(head) + len(tail)
        if length < 126:
            self._put(b"\x81%c%b%b" % (length, head, tail))
        elif length < 65_536:
            self._put(b"\x81~%c%c%b%b" % (length >> 8, length & 255, head, tail))
        else:
            self._put(_header(TEXT, length) + head + tail)

    def shut(self) -> None:
        """A goodbye was said: nothing comes after it."""
        self._shut = True

    def _put(self, data: bytes) -> None:
        transport = self._transport
        if self._shut or transport.is_closing():
            self._fd = NO_DESCRIPTOR  # the number may be another socket's soon
            return
        if self._fd >= 0 and not transport.get_write_buffer_size():
            try:
                sent = os.write(self._fd, data)
            except OSError:  # full, or gone: the transport finds out and tells
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)


def _header(opcode: int, length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", opcode, length)
    if length < 65_536:
        return struct.pack("!BBH", opcode, 126, length)
    return struct.pack("!BBQ", opcode, 127, length)
