"""Opus by libopus itself, mono and at the rates of the house: encoded once, concealed when lost.

PyAV brings the library but shows neither concealment, forward error correction nor decoding at
16 kHz; aiortc's codec resamples to 48 kHz stereo and back. This is a tenth of that work.
"""

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path
from typing import Final

from media.sound.formats import (
    HEARING_FRAME_SAMPLES,
    HEARING_RATE,
    PLAYOUT_FRAME_SAMPLES,
    PLAYOUT_RATE,
    SAMPLE_BYTES,
)

# 20 ms of mono silence (the full band mode, for any decoder).
SILENCE: Final = b"\xf8\xff\xfe"
_APPLICATION_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_SET_DTX: Final = 4016
_SET_SIGNAL: Final = 4024
_SIGNAL_VOICE: Final = 3001
_MOST_PACKET_BYTES: Final = 1275
_MOST_FRAME_MS: Final = 120


class NoOpus(Exception):
    """libopus is neither in PyAV's package nor on this machine."""


class BadPacket(Exception):
    """What arrived is no Opus packet."""


@cache
def _library() -> ctypes.CDLL:
    """The copy PyAV links, so that there is one in the process; else the system's."""
    import av

    beside = Path(av.__file__).parent
    bundled = [
        *beside.parent.glob("av.libs/libopus*"),
        *beside.glob(".dylibs/libopus*"),
    ]
    for name in (*map(str, bundled), ctypes.util.find_library("opus") or ""):
        if name:
            return _declared(ctypes.CDLL(name))
    raise NoOpus("libopus was not found: install PyAV from its wheel, or libopus0")


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    number, address = ctypes.c_int32, ctypes.c_void_p
    for make in (library.opus_encoder_create, library.opus_decoder_create):
        make.restype = address
    library.opus_encoder_create.argtypes = [number, number, number, address]
    library.opus_decoder_create.argtypes = [number, number, address]
    library.opus_encoder_destroy.argtypes = [address]
    library.opus_decoder_destroy.argtypes = [address]
    library.opus_encode.argtypes = [address, ctypes.c_char_p, number, ctypes.c_char_p, number]
    library.opus_decode.argtypes = [
        address, ctypes.c_char_p, number, ctypes.c_char_p, number, number,
    ]  # fmt: skip
    return library


class Encoder:
    """24 kHz in frames of 20 ms. Not for two threads at once."""

    channels = 1

    def __init__(self, *, bits_per_second: int = 28_000, complexity: int = 5) -> None:
        self._library = _library()
        error = ctypes.c_int()
        self._state = self._library.opus_encoder_create(
            PLAYOUT_RATE, self.channels, _APPLICATION_VOIP, ctypes.byref(error)
        )
        if error.value or not self._state:
            raise NoOpus(f"libopus makes no encoder: {error.value}")
        self._buffer = ctypes.create_string_buffer(_MOST_PACKET_BYTES)
        self._set(_SET_BITRATE, bits_per_second)
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        self._set(_SET_INBAND_FEC, 1)
        self.expect_loss(0)

    def _set(self, what: int, value: int) -> None:
        # A variadic function: its fixed arguments are typed here, the rest as C would.
        self._library.opus_encoder_ctl(
            ctypes.c_void_p(self._state), ctypes.c_int(what), ctypes.c_int32(value)
        )

    def expect_loss(self, percent: int) -> None:
        """How many packets in a hundred are lost: so much is repeated in the next one."""
        self._set(_SET_PACKET_LOSS_PERC, max(0, min(percent, 30)))

    def encode(self, pcm: bytes) -> bytes:
        """One packet of one frame."""
        assert len(pcm) == PLAYOUT_FRAME_SAMPLES * SAMPLE_BYTES * self.channels
        size = self._library.opus_encode(
            self._state, pcm, PLAYOUT_FRAME_SAMPLES, self._buffer, _MOST_PACKET_BYTES
        )
        if size < 0:
            raise BadPacket(f"libopus does not encode: {size}")
        return ctypes.string_at(self._buffer, size)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)
            self._state = None


class StereoEncoder(Encoder):
    """The same of two interleaved channels, for files: silence takes no room."""

    channels = 2

    def __init__(self, *, bits_per_second: int) -> None:
        super().__init__(bits_per_second=bits_per_second)
        self._set(_SET_INBAND_FEC, 0)
        self._set(_SET_DTX, 1)


class Decoder:
    """To 16 kHz mono. Not for two threads at once."""

    def __init__(self) -> None:
        self._library = _library()
        error = ctypes.c_int()
        self._state = self._library.opus_decoder_create(HEARING_RATE, 1, ctypes.byref(error))
        if error.value or not self._state:
            raise NoOpus(f"libopus makes no decoder: {error.value}")
        self._most = HEARING_RATE * _MOST_FRAME_MS // 1000
        self._buffer = ctypes.create_string_buffer(self._most * SAMPLE_BYTES)

    def decode(self, packet: bytes) -> bytes:
        """The sound of a packet. Raises BadPacket."""
        return self._decode(packet, self._most, repair=False)

    def conceal(self) -> bytes:
        """20 ms made up for what was lost: fading from what was last heard."""
        return self._decode(None, HEARING_FRAME_SAMPLES, repair=False)

    def repair(self, next_packet: bytes) -> bytes:
        """The 20 ms before `next_packet`, from what it repeats of them, else concealed."""
        try:
            return self._decode(next_packet, HEARING_FRAME_SAMPLES, repair=True)
        except BadPacket:
            return self.conceal()

    def _decode(self, packet: bytes | None, most: int, *, repair: bool) -> bytes:
        samples = self._library.opus_decode(
            self._state, packet, len(packet or b""), self._buffer, most, int(repair)
        )
        if samples < 0:
            raise BadPacket(f"no Opus packet: {samples}")
        return ctypes.string_at(self._buffer, samples * SAMPLE_BYTES)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)
            self._state = None


def ticks_in(packet: bytes) -> int:
    """How long a packet sounds, at 48 kHz, from its first byte (RFC 6716, 3.1); 0 for none."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    return min(frame * count, 5760)
