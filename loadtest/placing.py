"""Where known speech was really heard: what was said, laid over what was decoded, piece by piece.

Pure. A leg that ran dry for a moment plays everything after it later, mouth and sound alike: who
took for granted that sound goes on as it began would blame the mouth for it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from loadtest.insync import HERTZ, Floats, Spans, fit_of, loudness, vertex
from media.speech.ports import Viseme

PIECE_SECONDS: Final = 2
AROUND_SECONDS: Final = 2  # of sound compared: the piece, and as much on both sides as this half
MOST_OFF_SECONDS: Final = 0.5
LEAST_FIT: Final = 0.7  # the same sound, through a codec and a bad network


class Said(NamedTuple):
    """One utterance: about when it began to be heard, its sound, its phonemes, and where it ended
    when it was interrupted (in samples)."""

    at_seconds: float
    pcm: bytes
    visemes: Sequence[Viseme]
    until_sample: int | None = None


class Decoded(NamedTuple):
    """All the sound that was decoded, gaps filled with silence, from a moment on."""

    at_seconds: float
    pcm: bytes
    rate: int


def placed(said: Sequence[Said], decoded: Decoded, rate: int = 24_000) -> list[Spans]:
    """The phonemes at the times their sound was heard, and none whose sound was not found."""
    heard = loudness(decoded.pcm, decoded.rate)
    found: list[Spans] = []
    for one in said:
        found += _placed(one, heard, decoded.at_seconds, rate)
    return found


def _placed(one: Said, heard: Floats, heard_at: float, rate: int) -> list[Spans]:
    end = one.until_sample or len(one.pcm) // 2
    told = loudness(one.pcm[: end * 2], rate)
    off, made = one.at_seconds, []
    for begin in range(0, told.size, PIECE_SECONDS * HERTZ):
        until = begin + PIECE_SECONDS * HERTZ
        first = max(0, begin - AROUND_SECONDS * HERTZ // 2)
        part = told[first : until + AROUND_SECONDS * HERTZ // 2]
        better = _laid(part, heard, off - heard_at + first / HERTZ)
        if better is None:
            continue
        off += better
        inside = [
            viseme
            for viseme in one.visemes
            if begin <= viseme.at_sample * HERTZ / rate < until
            and viseme.at_sample + viseme.samples <= end
        ]
        made.append(Spans(off, inside))
    return made


def _laid(part: Floats, heard: Floats, about: float) -> float | None:
    """How much later than thought `part` is heard, in seconds; None: it is not."""
    most = int(MOST_OFF_SECONDS * HERTZ)
    middle = round(about * HERTZ)
    lags = [
        lag
        for lag in range(-most, most + 1)
        if middle + lag >= 0 and middle + lag + part.size <= heard.size
    ]
    if len(lags) < 3 or part.size < HERTZ // 2:
        return None
    fits = np.array([fit_of(part, heard[middle + n : middle + n + part.size]) for n in lags])
    best = int(np.argmax(fits))
    if fits[best] < LEAST_FIT or not 0 < best < fits.size - 1:
        return None
    return (middle + lags[best] + vertex(fits[best - 1 : best + 2])) / HERTZ - about
