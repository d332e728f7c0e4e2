"""Where a long recording is cut so that a recogniser can take it: at its quietest moments.

Pure arithmetic over levels. Every sample is in exactly one span.
"""

from typing import Final

import numpy as np

from media.sound.formats import HEARING_RATE

LEAST_SECONDS: Final = 12
MOST_SECONDS: Final = 26  # a recogniser of this family hears 30 s at a time
_STEP: Final = HEARING_RATE // 20  # 50 ms
_AROUND: Final = 4  # steps that are quiet together


def spans_of(pcm: bytes) -> list[tuple[int, int]]:
    """[begin, end) in samples of each stretch, in order."""
    samples = np.frombuffer(pcm, dtype="<i2")
    total, begin = len(samples), 0
    spans: list[tuple[int, int]] = []
    while total - begin > MOST_SECONDS * HEARING_RATE:
        first = begin + LEAST_SECONDS * HEARING_RATE
        looked = samples[first : begin + MOST_SECONDS * HEARING_RATE].astype(np.float32)
        steps = looked[: len(looked) // _STEP * _STEP].reshape(-1, _STEP)
        loud = np.convolve(np.mean(steps**2, axis=1), np.ones(_AROUND), "valid")
        end = first + (int(np.argmin(loud)) + _AROUND // 2) * _STEP
        spans.append((begin, end))
        begin = end
    if total > begin:
        spans.append((begin, total))
    return spans
