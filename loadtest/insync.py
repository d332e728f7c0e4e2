"""Whether a mouth moves with its sound, measured from outside: decoded pictures against speech.

Pure. A picture says only how far the mouth is open; the sound says how loud it is, and whoever
made it, which phoneme sounds when. Windows of ten seconds are laid over one another until they
fit best, to a fraction of a frame; how far that is off is the skew.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from media.avatar.motion.aims import AIM
from media.speech.ports import Viseme

Floats = npt.NDArray[np.float64]
HERTZ: Final = 100
WINDOW_SECONDS: Final = 10
STEP_SECONDS: Final = 2
MOST_LAG_MS: Final = 300
FULL_FPS: Final = 20  # with fewer pictures a second a window is of a degraded mode
SHUT_SHARE: Final = 0.2  # of how far this mouth usually opens, from its closed look
LEAST_FIT: Final = 0.35  # a window that fits worse says nothing about time
ELSEWHERE_MS: Final = 120
CLEARER: Final = 0.05  # than anywhere else: syllables are alike, and few pictures fit anywhere
_SMOOTH_SECONDS: Final = 0.045
_JAW, _PRESS = 0, 4


class Look(NamedTuple):
    """One decoded picture: when it is shown, and how far the mouth is open, in any unit."""

    at_seconds: float
    opening: float


class Spans(NamedTuple):
    """Phonemes as they sounded: when the first sample of the list was heard."""

    at_seconds: float
    visemes: Sequence[Viseme]


class InStep(Struct, frozen=True, kw_only=True):
    """How well picture and sound keep together. Positive skew: the picture comes late.

    windows: how many windows of full frame rate said anything; degraded: how many with fewer
    pictures did, and the worst of theirs. shut_share: of the p, b and m that sounded, how many had
    a picture of a closed mouth.
    """

    windows: int
    degraded: int
    degraded_ms_p99: float
    skew_ms_p50: float
    skew_ms_p99: float
    drift_ms_per_minute: float
    fit: float
    shut_share: float
    shuts: int
    fps: float
    longest_gap_ms: float


def measure(looks: Sequence[Look], spoken: Sequence[Spans], rate: int = 24_000) -> InStep:
    """The whole judgement. Needs at least one window of speech."""
    times = np.array([look.at_seconds for look in looks])
    opening = np.array([look.opening for look in looks])
    start, end = float(times[0]), float(times[-1])
    grid = np.arange(start, end, 1 / HERTZ)
    mouth = np.interp(grid, times, opening)
    speech = expected_opening(grid, spoken, rate)
    every = list(skews(mouth, speech))
    full = [pictures_in(times, start + begin / HERTZ) >= FULL_FPS for begin, _, _ in every]
    found = [one for one, is_full in zip(every, full, strict=True) if is_full]
    fewer = [lag for (_, lag, _), is_full in zip(every, full, strict=True) if not is_full]
    at = np.array([begin / HERTZ / 60 for begin, _, _ in found])
    skew = np.array([lag for _, lag, _ in found])
    shut, shuts = closures(times, opening, spoken, rate)
    gaps = np.diff(times)
    return InStep(
        windows=len(found),
        degraded=len(fewer),
        degraded_ms_p99=float(np.percentile(np.abs(fewer), 99)) if fewer else 0.0,
        skew_ms_p50=float(np.percentile(skew, 50)) if found else float("nan"),
        skew_ms_p99=float(np.percentile(np.abs(skew), 99)) if found else float("nan"),
        drift_ms_per_minute=float(np.polyfit(at, skew, 1)[0]) if len(found) > 2 else 0.0,
        fit=float(np.median([fit for _, _, fit in found])) if found else 0.0,
        shut_share=shut / shuts if shuts else 1.0,
        shuts=shuts,
        fps=float(len(times) - 1) / max(1e-9, end - start),
        longest_gap_ms=float(gaps.max() * 1000) if gaps.size else 0.0,
    )


def pictures_in(times: Floats, begin: float) -> float:
    """How many pictures a second came in the window that begins then."""
    first, last = np.searchsorted(times, (begin, begin + WINDOW_SECONDS))
    return float(last - first) / WINDOW_SECONDS


def expected_opening(grid: Floats, spoken: Sequence[Spans], rate: int) -> Floats:
    """How far a mouth that says this is open at each time, smoothed as lips are."""
    curve = np.zeros(grid.size)
    for told in spoken:
        for viseme in told.visemes:
            begin = told.at_seconds + viseme.at_sample / rate
            until = begin + viseme.samples / rate
            aim = AIM.get(viseme.shape, AIM["sil"])
            first, last = np.searchsorted(grid, (begin, until))
            curve[first:last] = aim[_JAW] * (1 - aim[_PRESS])
    return smooth(curve)


def loudness(pcm: bytes, rate: int) -> Floats:
    """The same from the sound alone: its level HERTZ times a second, smoothed as lips are."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
    hop = rate // HERTZ
    count = sound.size // hop
    power = np.mean(sound[: count * hop].reshape(count, hop) ** 2, axis=1)
    return smooth(np.clip((10 * np.log10(power + 1e-10) + 52) / 36, 0, 1))


def skews(mouth: Floats, speech: Floats) -> Sequence[tuple[int, float, float]]:
    """For each window that fits: where it begins, how late the mouth is in ms, how well it fits."""
    size, most = WINDOW_SECONDS * HERTZ, MOST_LAG_MS * HERTZ // 1000
    found = []
    for begin in range(most, mouth.size - size - most + 1, STEP_SECONDS * HERTZ):
        heard = speech[begin : begin + size]
        fits = np.array(
            [
                fit_of(heard, mouth[begin + lag : begin + lag + size])
                for lag in range(-most, most + 1)
            ]
        )
        best = int(np.argmax(fits))
        far = np.abs(np.arange(fits.size) - best) * 1000 // HERTZ > ELSEWHERE_MS
        clear = fits[best] - float(fits[far].max()) >= CLEARER
        if clear and fits[best] >= LEAST_FIT and 0 < best < fits.size - 1:
            lag = best - most + vertex(fits[best - 1 : best + 2])
            found.append((begin, lag * 1000 / HERTZ, float(fits[best])))
    return found


def closures(times: Floats, opening: Floats, spoken: Sequence[Spans], rate: int) -> tuple[int, int]:
    """Of how many p, b and m that sounded while pictures came a picture is shut, and of how many.

    A picture belongs to the sound from when it is shown until the next one is.
    """
    least, usual = (float(part) for part in np.percentile(opening, (2, 90)))
    limit = least + SHUT_SHARE * (usual - least)
    shut = total = 0
    for told in spoken:
        for viseme in told.visemes:
            if viseme.shape != "PP":
                continue
            begin = told.at_seconds + viseme.at_sample / rate
            until = begin + viseme.samples / rate
            first = int(np.searchsorted(times, begin, side="right")) - 1
            last = int(np.searchsorted(times, until, side="right"))
            if first < 0 or last >= times.size:
                continue
            total += 1
            shut += bool(opening[first : last + 1].min() <= limit)
    return shut, total


def smooth(curve: Floats) -> Floats:
    """As lips are: nothing jumps."""
    reach = np.arange(-20, 21) / HERTZ
    bell = np.exp(-0.5 * (reach / _SMOOTH_SECONDS) ** 2)
    return np.asarray(np.convolve(curve, bell / bell.sum(), mode="same"))


def fit_of(a: Floats, b: Floats) -> float:
    """How alike two curves are, whatever their size: 1 is the same."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-9 else 0.0


def vertex(three: Floats) -> float:
    """Where a parabola through three neighbours is highest, from the middle one."""
    left, middle, right = (float(value) for value in three)
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else 0.5 * (left - right) / bend
