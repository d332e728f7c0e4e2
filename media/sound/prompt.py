"""Resampling for live sound: what goes in comes out at once, half a millisecond later.

soxr works in blocks and holds live sound back by up to 58 ms. One matrix product per piece of a
windowed sinc does not: for 20 ms from 48 to 16 kHz it takes about twice as long as soxr does.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from media.sound.formats import SAMPLE_BYTES
from media.sound.levels import pcm_clipped, samples_of
from media.sound.resampling import WrongRate

_ZERO_CROSSINGS: Final = 10
_KAISER_BETA: Final = 7.5
_ROLL_OFF: Final = 0.92
_MOST_PHASES: Final = 480
_BLOCK: Final = 16  # samples that go in at once, about: rows neither thin nor wasted

_matrices: dict[tuple[int, int], npt.NDArray[np.float32]] = {}


class PromptResampler:
    """One live stream; the ratio of the rates must be a simple one. Raises WrongRate."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = math.gcd(from_hz, to_hz) if from_hz > 0 and to_hz > 0 else 0
        if not common or max(from_hz, to_hz) // common > _MOST_PHASES:
            raise WrongRate(f"{from_hz} to {to_hz} Hz is no simple ratio")
        self.from_hz = from_hz
        self.to_hz = to_hz
        times = max(1, _BLOCK * common // from_hz)
        self._in = from_hz // common * times
        self._out = to_hz // common * times
        self._weights = _matrix(self._in, self._out)
        self.delay_samples = _half_width(self._in, self._out)
        self._held: npt.NDArray[np.float32]
        self.clear()

    def clear(self) -> None:
        """Begin anew, as after silence."""
        self._held = np.zeros(2 * self.delay_samples, dtype=np.float32)

    def ready(self, samples: int) -> int:
        """How many come out once so many more are in."""
        if self._in == self._out:
            return samples
        return (self._held.size + samples - 2 * self.delay_samples) // self._in * self._out

    def push(self, pcm: bytes) -> bytes:
        """What this piece makes, at once. Raises NotPcm."""
        if self._in == self._out and not len(pcm) % SAMPLE_BYTES:
            return pcm
        samples = samples_of(pcm)
        heard = np.concatenate((self._held, samples), dtype=np.float32)
        steps = (heard.size - 2 * self.delay_samples) // self._in
        self._held = heard[steps * self._in :].copy()
        if not steps:
            return b""
        shape = (steps, self._weights.shape[0])
        # as_strided says the same in ten times as long.
        windows = np.ndarray(shape, np.float32, heard, 0, (4 * self._in, 4))
        return pcm_clipped(windows @ self._weights)

    def delay_seconds(self) -> float:
        """By how much the sound comes later than it went in."""
        return self.delay_samples / self.from_hz


def _half_width(step_in: int, step_out: int) -> int:
    """Samples on each side of the middle of the filter."""
    return math.ceil(_ZERO_CROSSINGS * max(1.0, step_in / step_out))


def _matrix(step_in: int, step_out: int) -> npt.NDArray[np.float32]:
    """What each sample of a window weighs in each of the samples made from it."""
    found = _matrices.get((step_in, step_out))
    if found is not None:
        return found
    half = _half_width(step_in, step_out)
    cutoff = min(1.0, step_out / step_in) * _ROLL_OFF
    places = np.arange(2 * half + step_in, dtype=np.float64)[:, None] - half
    middles = np.arange(step_out, dtype=np.float64)[None, :] * step_in / step_out
    distance = places - middles
    inside = np.clip(1 - (distance / half) ** 2, 0, None)
    window = np.where(np.abs(distance) < half, np.i0(_KAISER_BETA * np.sqrt(inside)), 0.0)
    weights = np.sinc(cutoff * distance) * window
    weights /= weights.sum(axis=0, keepdims=True)
    made: npt.NDArray[np.float32] = weights.astype(np.float32)
    _matrices[(step_in, step_out)] = made
    return made
