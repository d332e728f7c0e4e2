"""Sound as the end-of-turn network sees it: a log-mel picture of eight seconds.

The same picture Whisper's family looks at: 25 ms windows every 10 ms, 80 bands on the mel scale,
the loudest 8 decades. Written in numpy, so that nothing heavy is imported for it.
"""

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from media.sound.formats import HEARING_RATE
from media.sound.levels import Floats

BANDS: Final = 80
_WINDOW: Final = 400
_HOP: Final = 160
_LEAST_POWER: Final = 1e-10
_DECADES: Final = 8.0
# The mel scale: linear up to 1 kHz (15 mels), then 27 mels for each factor of 6.4.
_HZ_PER_MEL: Final = 200 / 3
_BEND_HZ: Final = 1000.0
_BEND_MEL: Final = 15.0
_LOG_STEP: Final = np.log(6.4) / 27


def mel_picture(sound: Floats) -> Floats:
    """(80, frames) of a piece whose length is a whole number of 10 ms."""
    mirrored = np.pad(sound.astype(np.float32), _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(mirrored, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames[: len(sound) // _HOP] * _hann(), axis=1)
    power = np.abs(spectrum).astype(np.float32) ** 2
    logs = np.log10(np.maximum(_bands() @ power.T, _LEAST_POWER))
    logs = np.maximum(logs, logs.max() - _DECADES)
    picture: Floats = ((logs + 4.0) / 4.0).astype(np.float32)
    return picture


@functools.cache
def _hann() -> Floats:
    turn = 2 * np.pi * np.arange(_WINDOW) / _WINDOW
    window: Floats = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
    return window


@functools.cache
def _bands() -> Floats:
    """Triangles over the spectrum, each of the same area."""
    bins = np.linspace(0, HEARING_RATE / 2, _WINDOW // 2 + 1)
    edges = _hertz(np.linspace(0.0, _mel(HEARING_RATE / 2), BANDS + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (middle - low)
    falling = (high - bins) / (high - middle)
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * 2 / (high - low)
    bands: Floats = triangles.astype(np.float32)
    return bands


def _mel(hertz: float) -> float:
    return _BEND_MEL + float(np.log(hertz / _BEND_HZ)) / float(_LOG_STEP)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BEND_HZ * np.exp(_LOG_STEP * (mels - _BEND_MEL))
    found: npt.NDArray[np.float64] = np.where(mels < _BEND_MEL, mels * _HZ_PER_MEL, above)
    return found
