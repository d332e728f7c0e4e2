"""Opus packets in an Ogg file that grows: every page stands by itself, so a cut file plays.

RFC 3533 and RFC 7845, as much of them as a recording needs. Pure.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

CONTENT_TYPE: Final = "audio/ogg"
TICKS_PER_FRAME: Final = 960  # 20 ms at 48 kHz, which Ogg counts in
PRE_SKIP: Final = 312  # what the encoder looks ahead
_CAPTURE: Final = b"OggS"
_HEAD: Final = struct.Struct("<4sBBqIIIB")
_FIRST: Final = 2
_LAST: Final = 4
_CRC_AT: Final = 22
_SEGMENTS_MOST: Final = 255


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
        found.append(crc & 0xFFFFFFFF)
    return tuple(found)


_CRC: Final = _table()


class NotOgg(ValueError):
    """Bytes that are no run of whole pages."""


class OggWriter:
    """The pages of one recording, in order."""

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._pages = 0
        self._frames = 0

    def beginning(self, channels: int, rate: int, remarks: Sequence[str]) -> bytes:
        """The two pages every such file begins with."""
        head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, PRE_SKIP, rate, 0, 0)
        tags = [b"OpusTags", _counted("Kindred"), struct.pack("<I", len(remarks))]
        tags += [_counted(remark) for remark in remarks]
        return self._page([head], 0, _FIRST) + self._page([b"".join(tags)], 0, 0)

    def pages(self, packets: Sequence[bytes]) -> bytes:
        """Whole pages of these packets of 20 ms."""
        written, held, segments = [], list[bytes](), 0
        for packet in packets:
            needed = len(packet) // 255 + 1
            if segments + needed > _SEGMENTS_MOST:
                written.append(self._sound(held))
                held, segments = [], 0
            held.append(packet)
            segments += needed
        if held:
            written.append(self._sound(held))
        return b"".join(written)

    def _sound(self, packets: list[bytes]) -> bytes:
        self._frames += len(packets)
        return self._page(packets, self._frames * TICKS_PER_FRAME + PRE_SKIP, 0)

    def _page(self, packets: list[bytes], position: int, flags: int) -> bytes:
        lacing = b"".join(b"\xff" * (len(one) // 255) + bytes([len(one) % 255]) for one in packets)
        head = _HEAD.pack(_CAPTURE, 0, flags, position, self._serial, self._pages, 0, len(lacing))
        self._pages += 1
        return _summed(head + lacing + b"".join(packets))


def closed(data: bytes) -> bytes:
    """The file with its last page marked as the last. Raises NotOgg."""
    starts = list(_starts(data))
    if not starts:
        raise NotOgg("there is no page")
    last = bytearray(data[starts[-1] :])
    last[5] |= _LAST
    return data[: starts[-1]] + _summed(bytes(last))


def _starts(data: bytes) -> Iterator[int]:
    """Where each page begins. Raises NotOgg."""
    at = 0
    while at < len(data):
        if data[at : at + 4] != _CAPTURE or at + _HEAD.size > len(data):
            raise NotOgg(f"no page begins at {at}")
        segments = data[at + _HEAD.size - 1]
        body = at + _HEAD.size + segments
        end = body + sum(data[at + _HEAD.size : body])
        if end > len(data):
            raise NotOgg("the last page is cut off")
        yield at
        at = end


def _summed(page: bytes) -> bytes:
    bare = page[:_CRC_AT] + b"\0\0\0\0" + page[_CRC_AT + 4 :]
    crc = 0
    for byte in bare:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return bare[:_CRC_AT] + struct.pack("<I", crc) + bare[_CRC_AT + 4 :]


def _counted(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw
