"""The mouth: visemes blended by dominance, carried by springs, closed for certain on p, b and m.

A viseme pulls the mouth before and after it sounds, and some insist more than others (a u on its
rounding, a p on its closure). Springs lag, so what they aim at is looked up that much ahead.
"""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from typing import Final, NamedTuple

import numpy as np

from media.avatar.motion.aims import MOUTH
from media.avatar.motion.loudness import HOP_SAMPLES, Envelope
from media.avatar.motion.shapes import (
    AIMS,
    OCULUS,
    REACH_AFTER,
    REACH_BEFORE,
    SHUT,
    WEIGHTS,
    Floats,
    number_of,
)
from media.avatar.motion.springs import Springs
from media.sound.formats import PLAYOUT_RATE
from media.speech.ports import Viseme

STEP_SAMPLES: Final = HOP_SAMPLES
STEP_SECONDS: Final = STEP_SAMPLES / PLAYOUT_RATE
MOST_STEPS: Final = 50  # half a second of motion; more was not seen by anybody
MOST_MARKS: Final = 4096
JAW, WIDE, TEETH, TONGUE, PRESS, TUCK = range(len(MOUTH))

_STIFF: Final[Floats] = np.array([28.0, 38.0, 38.0, 42.0, 42.0, 42.0])
_SHUTTING: Final[Floats] = np.full(len(MOUTH), 64.0)  # 4 % of the way is left after 80 ms
# A spring is 2 / stiffness late; a little less, because an early mouth is seen before a late one.
_LEAD: Final[Floats] = (2.0 / _STIFF - 0.010) * PLAYOUT_RATE
_BEFORE: Final[Floats] = REACH_BEFORE * PLAYOUT_RATE
_AFTER: Final[Floats] = REACH_AFTER * PLAYOUT_RATE
_AT_REST: Final[Floats] = np.zeros(len(MOUTH))
_REST_WEIGHT: Final = 0.02
_LOWEST: Final[Floats] = np.array([0.0, -1.0, 0.0, 0.0, 0.0, 0.0])
_RAMP: Final = 0.065 * PLAYOUT_RATE
_SHUT_LEAST: Final = 0.022 * PLAYOUT_RATE
_FAR: Final = 0.5 * PLAYOUT_RATE  # beyond it a mark no longer pulls
_SPOKEN_JAW: Final = 0.42  # of the jaw at a whisper; the rest comes with loudness


class Mark(NamedTuple):
    """A viseme as it is blended: its number in the table and the middle part of its span."""

    number: int
    start: float
    end: float
    shut: float  # half the time its lips stay together, 0 for the others


class Mouth:
    """One mouth. `advance` is called once a frame with where the sound is."""

    def __init__(self) -> None:
        self._marks: deque[Mark] = deque(maxlen=MOST_MARKS)
        self._marked_until = 0
        self._envelope = Envelope()
        self._springs = Springs(_STIFF, STEP_SECONDS)
        self._clock: int | None = None
        self._gate = 0.0

    def speak(
        self, at_sample: int, pcm: bytes, visemes: Iterable[Viseme], frame_samples: int
    ) -> Floats:
        """Sound of this epoch and its marks, before it plays. Returns its levels."""
        self._springs.stiffen(_STIFF)
        least = max(_SHUT_LEAST, 0.55 * frame_samples)
        for viseme in visemes:
            self._marks.append(_mark(viseme, at_sample, least))
            until = at_sample + viseme.at_sample + viseme.samples
            self._marked_until = max(self._marked_until, until)
        return self._envelope.add(at_sample, pcm)

    def flush(self) -> None:
        """Interrupted: forget what was to be said and close, calmly but at once."""
        self._marks.clear()
        self._marked_until = 0
        self._envelope = Envelope()
        self._springs.stiffen(_SHUTTING)

    def loudness(self, position: int) -> float:
        """The level at a sample of this epoch."""
        return float(self._envelope.at(np.array([float(position)]))[0])

    def advance(self, at: int, position: int | None) -> Floats:
        """The mouth at sample `at` of the call, when `position` of the epoch sounds (None: none).

        In the order of MOUTH.
        """
        if self._clock is None:
            self._clock = at - STEP_SAMPLES
        steps = max(0, (at - self._clock) // STEP_SAMPLES)
        self._clock += steps * STEP_SAMPLES
        steps = min(steps, MOST_STEPS)
        near: list[Mark] = []
        if position is None:
            self._springs.step(_AT_REST, steps)
        else:
            near = self._near(position)
            for aim in self._aims(near, position, steps):
                self._springs.step(aim)
        self._close_gate(near, position, steps * STEP_SAMPLES)
        return self._shape()

    def _near(self, position: int) -> list[Mark]:
        """The marks that pull at `position`; those long past are forgotten."""
        while self._marks and self._marks[0].end < position - _FAR:
            self._marks.popleft()
        return list(takewhile(lambda mark: mark.start < position + _FAR, self._marks))

    def _aims(self, near: list[Mark], position: int, steps: int) -> Floats:
        """What each of the coming steps aims at, (steps, 6)."""
        times = position - np.arange(steps - 1, -1, -1.0) * STEP_SAMPLES
        ahead = times[:, None] + _LEAD
        aims = blend(near, ahead)
        level = self._envelope.at(ahead[:, JAW])
        aims[:, JAW] *= _SPOKEN_JAW + (1 - _SPOKEN_JAW) * np.minimum(1.0, level * 1.25)
        unmarked = ahead[:, JAW] >= self._marked_until
        aims[unmarked, JAW] = np.maximum(aims[unmarked, JAW], 0.75 * level[unmarked])
        return aims

    def _close_gate(self, near: list[Mark], position: int | None, passed: int) -> None:
        """How far a p, b or m has the lips together; it too moves with bounded speed."""
        aim = 0.0
        if position is not None:
            for mark in near:
                if mark.shut:
                    off = abs(position - (mark.start + mark.end) / 2) - mark.shut
                    aim = max(aim, 1.0 - max(0.0, off) / _RAMP)
        most = passed / _RAMP
        self._gate += min(most, max(-most, aim - self._gate))

    def _shape(self) -> Floats:
        shape = np.clip(self._springs.at, _LOWEST, 1.0)
        if self._gate > 0:
            open_ = 1.0 - self._gate
            shape[[JAW, TEETH, TONGUE]] *= open_
            shape[PRESS] = max(shape[PRESS], self._gate)
        shape[JAW] *= 1.0 - 0.9 * shape[PRESS] * self._gate
        return shape


def blend(near: list[Mark], at: Floats) -> Floats:
    """The targets at `at` (steps, 6): sum of w D T over sum of w D, D fading with distance."""
    if not near:
        return np.zeros_like(at)
    numbers = np.array([m.number for m in near])
    start = np.array([m.start for m in near])[:, None, None]
    end = np.array([m.end for m in near])[:, None, None]
    pull = np.exp(-np.maximum(0.0, start - at) / _BEFORE - np.maximum(0.0, at - end) / _AFTER)
    weighted = pull * WEIGHTS[numbers][:, None, :]
    total = weighted.sum(0) + _REST_WEIGHT
    return np.asarray((weighted * AIMS[numbers][:, None, :]).sum(0) / total)


def _mark(viseme: Viseme, base: int, least: float) -> Mark:
    start = float(base + viseme.at_sample)
    end = start + viseme.samples
    shut = 0.0
    if OCULUS[number_of(viseme.shape)] in SHUT:
        shut = max(least, 0.35 * viseme.samples)
    inset = min(0.5 * viseme.samples, 0.03 * PLAYOUT_RATE)
    return Mark(number_of(viseme.shape), start + inset, end - inset, shut)
