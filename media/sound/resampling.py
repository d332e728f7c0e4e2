"""Sound at one rate made into sound at another: whole pieces, and streams without seams.

A stream keeps its filter between pieces, so that cutting it up changes nothing but the delay.
"""

from typing import Final

import numpy as np
import soxr

from media.sound.formats import SAMPLE_BYTES
from media.sound.levels import samples_of

_QUALITY: Final = "HQ"
_LEAST_HZ: Final = 4_000
_MOST_HZ: Final = 192_000
_MOST_CHANNELS: Final = 8


class WrongRate(ValueError):
    """A rate that no sound of ours has."""


def resampled(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """A whole piece at another rate. Raises NotPcm and WrongRate."""
    _check(from_hz, to_hz)
    if from_hz == to_hz or not pcm:
        return pcm
    return bytes(soxr.resample(samples_of(pcm), from_hz, to_hz, quality=_QUALITY).tobytes())


def mixed_down(pcm: bytes, channels: int) -> bytes:
    """Interleaved channels as one, by their mean; an unfinished last frame is dropped."""
    if channels == 1:
        return pcm
    if not 1 < channels <= _MOST_CHANNELS:
        raise WrongRate(f"{channels} channels; 1 to {_MOST_CHANNELS} are possible")
    whole = len(pcm) - len(pcm) % (SAMPLE_BYTES * channels)
    frames = samples_of(pcm[:whole]).reshape(-1, channels).astype(np.int32)
    return bytes((frames.sum(axis=1) // channels).astype("<i2").tobytes())


class Resampler:
    """One stream. Not for two threads at once; costs a few kB, and nothing while it rests.

    For what nobody waits for: it holds 20 ms and more back (media/sound/prompt.py does not).
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        _check(from_hz, to_hz)
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality=_QUALITY)
        )

    def push(self, pcm: bytes) -> bytes:
        """What is ready once this piece is in; may be empty. Raises NotPcm."""
        return self._through(pcm, last=False)

    def finish(self) -> bytes:
        """What the filter still holds; the stream then begins anew."""
        rest = self._through(b"", last=True)
        if self._stream is not None:
            self._stream.clear()
        return rest

    def _through(self, pcm: bytes, *, last: bool) -> bytes:
        samples = samples_of(pcm)
        if self._stream is None:
            return bytes(pcm)
        return bytes(self._stream.resample_chunk(samples, last=last).tobytes())


def _check(*rates: int) -> None:
    for rate in rates:
        if not _LEAST_HZ <= rate <= _MOST_HZ:
            raise WrongRate(f"{rate} Hz is not between {_LEAST_HZ} and {_MOST_HZ}")
