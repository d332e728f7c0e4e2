"""What was cut off a tape, as pages of an Ogg file: Opus, the person left and the companion right.

All of it blocks: call it in a thread. One recording has one packer, used by one thread at a time.
"""

from typing import Final

import numpy as np

from media.calls.opus import BadPacket, NoOpus, StereoEncoder
from media.recording.ogg import OggWriter
from media.recording.tape import Cut
from media.sound.formats import HEARING_RATE, PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE, SAMPLE_BYTES
from media.sound.levels import samples_of
from media.sound.resampling import Resampler

__all__ = ["NoOpus", "Packed", "Packer"]
REMARKS: Final = (
    "DESCRIPTION=Left: the person. Right: an AI companion, whose voice was made by a machine.",
    "ENCODER=Kindred",
)
_FRAME_BYTES: Final = PLAYOUT_FRAME_SAMPLES * SAMPLE_BYTES


class Packed:
    """Pages, and how loud each second of them is, 0..100."""

    __slots__ = ("data", "ms", "waveform")

    def __init__(self, data: bytes, ms: int, waveform: list[int]) -> None:
        self.data = data
        self.ms = ms
        self.waveform = waveform


class Packer:
    """See the module. Raises NoOpus where libopus is not there."""

    def __init__(self, serial: int, bits_per_second: int) -> None:
        self._encoder = StereoEncoder(bits_per_second=bits_per_second)
        self._ogg = OggWriter(serial)
        self._resampler = Resampler(HEARING_RATE, PLAYOUT_RATE)
        self._left = bytearray()
        self._begun = False

    def pack(self, cut: Cut) -> Packed:
        """The pages of this cut; the first has the file's beginning before them.

        Raises ValueError where libopus does not take it.
        """
        self._left += self._resampler.push(cut.person)
        wanted = len(cut.companion)
        left = bytes(self._left[:wanted]).ljust(wanted, b"\0")
        del self._left[:wanted]
        both = np.empty(wanted // SAMPLE_BYTES * 2, dtype="<i2")
        both[0::2], both[1::2] = samples_of(left), samples_of(cut.companion)
        raw, step = both.tobytes(), _FRAME_BYTES * 2
        try:
            packets = [self._encoder.encode(raw[at : at + step]) for at in range(0, len(raw), step)]
        except BadPacket as error:
            raise ValueError(str(error)) from error
        beginning = b"" if self._begun else self._ogg.beginning(2, PLAYOUT_RATE, REMARKS)
        self._begun = True
        return Packed(beginning + self._ogg.pages(packets), cut.ms, _bars(both))


def _bars(both: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> list[int]:
    """The peak of each second of either side, on a scale of 40 dB."""
    second = PLAYOUT_RATE * 2
    peaks = [
        int(np.abs(both[at : at + second].astype(np.int32)).max())
        for at in range(0, len(both), second)
    ]
    levels = 20 * np.log10(np.maximum(np.array(peaks, dtype=np.float64), 1.0) / 32_767)
    return [int(bar) for bar in np.clip((levels + 40) / 40 * 100, 0, 100).round()]
