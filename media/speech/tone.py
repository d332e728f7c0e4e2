"""Changes how high a voice is without changing its words' times: several voices out of one model.

Raising the pitch alone keeps the size of the mouth (the formants); resampling afterwards changes
both. With the two a deep man, a light one, a woman and a girl-like voice come from one speaker.
The method is pitch-synchronous overlap and add: find the periods of the voice, lay them closer
together or further apart. It works on a stream, 50 ms behind it, and gives as many samples as it
takes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_WINDOW: Final = 1024
_LOWEST_HZ, _HIGHEST_HZ = 62, 320
_VOICED_LEAST: Final = 0.45
_QUIET: Final = 2e-3


class Retone:
    """Pitch times `ratio`; formants and times stay. Push sound in order, then `flush` once."""

    def __init__(self, ratio: float, rate: int) -> None:
        self._ratio = ratio
        self._hop = rate // 100
        self._unvoiced = rate // 200
        self._least, self._most = rate // _HIGHEST_HZ, rate // _LOWEST_HZ
        self._heard = np.zeros(_WINDOW, np.float32)  # a window of silence before the beginning
        self._base = -_WINDOW  # place of the first sample of `_heard`
        self._periods: list[tuple[int, bool]] = []  # one for each hop from 0
        self._marks: list[tuple[int, int, bool]] = []  # place, period, voiced
        self._next = 0.0  # where the next grain is laid
        self._made = np.zeros(0, np.float32)  # being added to; begins at `_given`
        self._given = 0
        self._taken = 0

    def push(self, sound: Samples) -> Samples:
        """What is finished so far."""
        self._taken += len(sound)
        self._heard = np.concatenate((self._heard, sound))
        self._work()
        return self._give(int(self._next) - self._most)

    def flush(self) -> Samples:
        """The rest: as many samples came out as went in."""
        self._heard = np.concatenate((self._heard, np.zeros(3 * _WINDOW, np.float32)))
        self._work()
        return self._give(self._taken)

    def _work(self) -> None:
        self._measure()
        self._mark()
        self._lay()
        keep = min(int(self._next), self._marks[-1][0] if self._marks else 0) - 2 * _WINDOW
        if keep > self._base:
            self._heard = self._heard[keep - self._base :]
            self._base = keep
        self._marks = self._marks[-400:]

    def _measure(self) -> None:
        """The period at each hop whose whole window has been heard."""
        done = len(self._periods)
        end = self._base + len(self._heard)
        count = max((end - _WINDOW // 2) // self._hop + 1 - done, 0)
        if not count:
            return
        begins = np.arange(done, done + count) * self._hop - _WINDOW // 2 - self._base
        frames = self._heard[begins[:, None] + np.arange(_WINDOW)]
        self._periods += _periods(frames, self._least, self._most, self._unvoiced)

    def _mark(self) -> None:
        """One mark at the strongest point of each period."""
        end = min(len(self._periods) * self._hop, self._base + len(self._heard)) - 2 * self._most
        place = self._marks[-1][0] if self._marks else 0
        step = self._marks[-1][1] if self._marks else 0
        while place + step < end:
            place += step
            step, voiced = self._periods[place // self._hop]
            if voiced:
                reach = step // 5
                begin = place - reach - self._base
                around = self._heard[begin : begin + 2 * reach + 1]
                last = self._marks[-1][0] if self._marks else -1
                place = max(int(np.argmax(around)) + place - reach, last + 1)
            self._marks.append((place, step, voiced))

    def _lay(self) -> None:
        """Lay grains as far as marks reach, each taken from the nearest mark."""
        if not self._marks:
            return
        places = np.array([mark[0] for mark in self._marks])
        reach = places[-1]
        self._grow(int(reach) + 2 * self._most - self._given)
        while self._next < reach:
            place, period, voiced = self._marks[_nearest(places, self._next)]
            ratio = self._ratio if voiced else 1.0
            begin = place - period - self._base
            grain = self._heard[max(begin, 0) : begin + 2 * period]
            if len(grain) == 2 * period:
                at = round(self._next) - period - self._given
                skip = max(-at, 0)
                window = _hann(2 * period) / ratio**0.5
                self._made[at + skip : at + 2 * period] += (grain * window)[skip:]
            self._next += period / ratio

    def _grow(self, size: int) -> None:
        if size > len(self._made):
            self._made = np.concatenate((self._made, np.zeros(size - len(self._made), np.float32)))

    def _give(self, until: int) -> Samples:
        count = max(min(until, self._taken) - self._given, 0)
        self._grow(count)
        given, self._made = self._made[:count], self._made[count:]
        self._given += count
        return given


def _periods(frames: Samples, least: int, most: int, unvoiced: int) -> list[tuple[int, bool]]:
    """The period of each frame by autocorrelation, and whether there is one."""
    size = frames.shape[1]
    window = _hann(size)
    level = np.sqrt(np.mean(frames**2, axis=1))
    power = np.abs(np.fft.rfft(frames * window, 2 * size)) ** 2
    alike = np.fft.irfft(power)[:, : most + 2]
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * size)) ** 2)[: most + 2]
    alike = alike / (alike[:, :1] + 1e-9) * (own[0] / own)
    searched = alike[:, least : most + 1]
    best = searched.max(axis=1)
    near = searched >= 0.92 * best[:, None]  # the shortest of equals: not a multiple
    peak = near & (searched >= alike[:, least - 1 : most]) & (searched >= alike[:, least + 1 :])
    lag = np.where(peak.any(axis=1), peak.argmax(axis=1), searched.argmax(axis=1)) + least
    voiced = (best > _VOICED_LEAST) & (level > _QUIET)
    return [
        (int(period), True) if speaks else (unvoiced, False)
        for period, speaks in zip(lag, voiced, strict=True)
    ]


def _nearest(places: NDArray[np.int64], at: float) -> int:
    after = int(np.searchsorted(places, at))
    if after == 0:
        return 0
    if after == len(places):
        return after - 1
    return after if places[after] - at < at - places[after - 1] else after - 1


_HANN: dict[int, Samples] = {}


def _hann(size: int) -> Samples:
    """Periodic, so that halves overlapping at their middle sum to one."""
    if size not in _HANN:
        turn = np.arange(size) * (2 * np.pi / size)
        _HANN[size] = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
    return _HANN[size]


class Shade:
    """A darker (above 0) or brighter (below 0) sound: one tap, -0.6 to 0.6."""

    def __init__(self, amount: float) -> None:
        self._amount = amount
        self._last = np.zeros(1, np.float32)

    def push(self, sound: Samples) -> Samples:
        """As many samples as came."""
        if not self._amount or not len(sound):
            return sound
        before = np.concatenate((self._last, sound[:-1]))
        self._last = sound[-1:]
        scale = np.float32(1 / (1 + 0.6 * self._amount))
        return (sound + np.float32(self._amount) * before) * scale
