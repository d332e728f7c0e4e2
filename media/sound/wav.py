"""Wave files, read with limits and written: what files, voice notes and remote providers speak.

The reader takes what strangers send: every length in it is checked against what is there.
"""

import struct
from typing import Final

import numpy as np
from msgspec import Struct

from media.sound.formats import SAMPLE_BYTES
from media.sound.levels import pcm_of, samples_of
from media.sound.resampling import WrongRate, mixed_down, resampled

MOST_SECONDS: Final = 600.0
_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_HEADER_BYTES: Final = 44
_UNKNOWN_SIZE: Final = 0xFFFF_FFFF  # what a writer that cannot seek leaves there
_MOST_CHUNKS: Final = 64
_MOST_CHANNELS: Final = 8


class NotWav(ValueError):
    """Bytes that are no wave file we can read; the message says why, without quoting them."""


class Sound(Struct, frozen=True, kw_only=True):
    """s16le mono samples and their rate."""

    pcm: bytes
    rate_hz: int

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / SAMPLE_BYTES / self.rate_hz

    def at(self, rate_hz: int) -> bytes:
        """Its samples at another rate."""
        return resampled(self.pcm, self.rate_hz, rate_hz)


class _Format(Struct, frozen=True):
    kind: int
    channels: int
    rate_hz: int
    bits: int


def wav_of(pcm: bytes, rate_hz: int) -> bytes:
    """A wave file of s16le mono samples. Raises NotPcm."""
    samples_of(pcm)
    return wav_header(len(pcm), rate_hz) + pcm


def wav_header(pcm_bytes: int | None, rate_hz: int) -> bytes:
    """The 44 bytes before the samples; None is a stream whose end is not known yet."""
    size = _UNKNOWN_SIZE if pcm_bytes is None else pcm_bytes
    whole = _UNKNOWN_SIZE if pcm_bytes is None else pcm_bytes + _HEADER_BYTES - 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", whole, b"WAVE", b"fmt ", 16, _PCM, 1, rate_hz, rate_hz * SAMPLE_BYTES,
        SAMPLE_BYTES, 16, b"data", size,
    )  # fmt: skip


def read_wav(data: bytes, most_seconds: float = MOST_SECONDS) -> Sound:
    """The sound in a wave file, as one channel. Raises NotWav, also where it is too long."""
    found, at, size = _chunks(data)
    frame_bytes = found.channels * found.bits // 8
    whole = size - size % frame_bytes
    if whole // frame_bytes > most_seconds * found.rate_hz:
        raise NotWav(f"it is longer than {most_seconds:g} s")
    raw = data[at : at + whole]
    try:
        pcm = mixed_down(_as_pcm(raw, found), found.channels)
        resampled(b"", found.rate_hz, found.rate_hz)
    except WrongRate as error:
        raise NotWav(str(error)) from None
    return Sound(pcm=pcm, rate_hz=found.rate_hz)


def _chunks(data: bytes) -> tuple[_Format, int, int]:
    """The format, and where the samples are."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise NotWav("it does not begin as a wave file does")
    at = 12
    found: _Format | None = None
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            raise NotWav("it has no samples")
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        there = len(data) - at
        if name == b"data":
            if found is None:
                raise NotWav("its samples come before their format")
            return found, at, min(size, there)
        if size > there:
            raise NotWav("it is cut off")
        if name == b"fmt ":
            found = _format(data[at : at + size])
        at += size + size % 2
    raise NotWav("it has too many parts")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise NotWav("its format is cut off")
    kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:
        (kind,) = struct.unpack_from("<H", chunk, 24)
    if (kind, bits) not in ((_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32)):
        raise NotWav(f"its format {kind} with {bits} bits is not read here")
    if not 1 <= channels <= _MOST_CHANNELS:
        raise NotWav(f"it has {channels} channels")
    return _Format(kind, channels, rate_hz, bits)


def _as_pcm(raw: bytes, found: _Format) -> bytes:
    """Interleaved samples of any width as 16 bit."""
    if found.kind == _FLOAT:
        return pcm_of(np.frombuffer(raw, dtype="<f4"))
    if found.bits == 16:
        return raw
    if found.bits == 8:
        wide = (np.frombuffer(raw, dtype=np.uint8).astype(np.int16) - 128) << 8
        return bytes(wide.astype("<i2").tobytes())
    # 24 and 32 bit: the two bytes that weigh most.
    width = found.bits // 8
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)[:, -2:].tobytes()
