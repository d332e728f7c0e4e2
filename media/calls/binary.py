"""Sound as binary frames on a socket: a header of 16 bytes, then PCM16 or one Opus packet.

Pure. Big-endian: kind u8, flags u8, stream u16, seq u32, timestamp_us u64. `seq` counts frames of a
direction; the timestamp is of the frame's first sample, on the sender's own clock.
"""

import struct
from typing import Final

from msgspec import Struct

HEADER: Final = struct.Struct("!BBHIQ")
PCM16: Final = 1
OPUS: Final = 2
KINDS: Final = (PCM16, OPUS)
MOST_BYTES: Final = 32_768
_SEQ: Final = 2**32


class BadFrame(Exception):
    """Bytes that are no frame of sound. `code` names what is wrong, for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SoundFrame(Struct, frozen=True):
    """One frame."""

    kind: int
    flags: int
    stream: int
    seq: int
    timestamp_us: int
    sound: bytes


def pack(frame: SoundFrame) -> bytes:
    """A frame as it travels."""
    head = HEADER.pack(frame.kind, frame.flags, frame.stream, frame.seq % _SEQ, frame.timestamp_us)
    return head + frame.sound


def unpack(data: bytes, *, kind: int, stream: int) -> SoundFrame:
    """What came, if it is of this kind and stream. Raises BadFrame."""
    if len(data) > MOST_BYTES:
        raise BadFrame("frame_too_large", f"A frame of sound has at most {MOST_BYTES} bytes.")
    if len(data) <= HEADER.size:
        raise BadFrame("bad_frame", "A frame of sound has a header of 16 bytes, and sound.")
    found, flags, to, seq, timestamp_us = HEADER.unpack_from(data)
    if found not in KINDS:
        raise BadFrame("unknown_kind", f"There is no kind of frame {found}.")
    if found != kind:
        raise BadFrame("other_codec", "This call was started with another codec.")
    if to != stream:
        raise BadFrame("unknown_stream", f"There is no stream {to} on this socket.")
    sound = data[HEADER.size :]
    if found == PCM16 and len(sound) % 2:
        raise BadFrame("bad_frame", "PCM16 has two bytes a sample.")
    return SoundFrame(found, flags, to, seq, timestamp_us, sound)


class Arrivals:
    """Where each frame of a direction lies on the leg's clock of 16 kHz samples. Pure.

    Frames that were skipped on the way, or a pause in sending, are a jump forward; nothing makes
    the clock go back, and nothing makes it jump further than `most_jump` samples at once.
    """

    def __init__(self, most_jump: int = 16_000 * 60) -> None:
        self.lost = 0  # frames that were numbered and never came
        self.received = 0
        self._next_seq: int | None = None
        self._began_us = 0
        self._next = 0
        self._most_jump = most_jump

    def place(self, frame: SoundFrame, samples: int) -> int:
        """The sample at which this frame's `samples` begin."""
        self.received += 1
        if self._next_seq is None:
            self._began_us = frame.timestamp_us
        else:
            ahead = (frame.seq - self._next_seq) % _SEQ
            if 0 < ahead < _SEQ // 2:
                self.lost += min(ahead, 1_000)
        self._next_seq = (frame.seq + 1) % _SEQ
        told = (frame.timestamp_us - self._began_us) * 16 // 1000
        tolerance = 16 * 40
        if self._next + tolerance < told <= self._next + self._most_jump:
            self._next = told
        at, self._next = self._next, self._next + samples
        return at
