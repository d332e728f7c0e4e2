"""How loud sound is, in decibels relative to full scale, and how to make it louder or softer.

A full-scale square wave is 0 dB; digital silence is `SILENCE_DB`, never minus infinity.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from media.sound.formats import SAMPLE_BYTES

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

SILENCE_DB: Final = -120.0
_PCM: Final = np.dtype("<i2")
FULL_SCALE: Final = 32_768.0


class NotPcm(ValueError):
    """Bytes that cannot be 16-bit samples: there is half a sample at the end."""


def samples_of(pcm: bytes | bytearray | memoryview) -> Samples:
    """The samples of s16le bytes, without a copy. Raises NotPcm."""
    if len(pcm) % SAMPLE_BYTES:
        raise NotPcm(f"{len(pcm)} bytes are not a whole number of 16-bit samples")
    return np.frombuffer(pcm, _PCM)


def floats_of(pcm: bytes | bytearray | memoryview) -> Floats:
    """The samples as floats in -1..1, as models want them. Raises NotPcm."""
    floats: Floats = samples_of(pcm).astype(np.float32) / np.float32(FULL_SCALE)
    return floats


def pcm_of(floats: npt.NDArray[np.floating]) -> bytes:
    """s16le bytes of floats; what is beyond -1..1 is clipped, what is no number is silence."""
    scaled = np.nan_to_num(np.asarray(floats, dtype=np.float32), nan=0.0) * FULL_SCALE
    return pcm_clipped(scaled)


def pcm_clipped(scaled: npt.NDArray[np.floating]) -> bytes:
    """s16le bytes of numbers that are in the range of samples already, or a little beyond."""
    clipped = np.rint(scaled)
    np.maximum(clipped, -FULL_SCALE, out=clipped)  # np.clip takes three times as long
    np.minimum(clipped, FULL_SCALE - 1, out=clipped)
    return bytes(clipped.astype(_PCM).tobytes())


def level_db(pcm: bytes | bytearray | memoryview) -> float:
    """The root mean square level, `SILENCE_DB` for nothing at all. Raises NotPcm."""
    return level_db_of(samples_of(pcm))


def level_db_of(samples: Samples) -> float:
    """The same of samples."""
    if not samples.size:
        return SILENCE_DB
    return decibels(math.sqrt(power_of(samples)) / FULL_SCALE)


def power_of(samples: Samples) -> float:
    """The mean square of some samples; 0 of none."""
    wide = samples.astype(np.float32)
    return float(wide.dot(wide)) / max(wide.size, 1)


def levels_db(pcm: bytes | bytearray | memoryview, samples: int) -> list[float]:
    """The levels of pieces of so many samples, of which there is a whole number. Raises NotPcm."""
    wide = samples_of(pcm).astype(np.float32).reshape(-1, samples)
    powers = np.einsum("ij,ij->i", wide, wide)
    return [decibels(math.sqrt(power / samples) / FULL_SCALE) for power in powers.tolist()]


def peak_db(pcm: bytes | bytearray | memoryview) -> float:
    """The level of the loudest sample. Raises NotPcm."""
    samples = samples_of(pcm)
    if not samples.size:
        return SILENCE_DB
    return decibels(max(int(samples.max()), -int(samples.min())) / FULL_SCALE)


def decibels(amplitude: float) -> float:
    """An amplitude of 0..1 in decibels."""
    return max(SILENCE_DB, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DB


def amplified(pcm: bytes, gain_db: float) -> bytes:
    """Louder or softer, clipped at full scale. Raises NotPcm."""
    return pcm_of(floats_of(pcm) * np.float32(10 ** (gain_db / 20)))


def faded(pcm: bytes, from_gain: float, to_gain: float) -> bytes:
    """A straight ramp over the whole piece, against clicks where sound stops and goes on."""
    wide = samples_of(pcm).astype(np.float32)
    ramp = np.linspace(from_gain, to_gain, wide.size, dtype=np.float32)
    return pcm_clipped(wide * ramp)


def silence(samples: int) -> bytes:
    """That many samples of nothing."""
    return bytes(SAMPLE_BYTES * max(0, samples))
