"""Plots as inline SVG, drawn by nothing but string work: a report must open anywhere, for ever.

Each point says its value when the pointer rests on it; no script, no font, no network.
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from msgspec import Struct

WIDTH: Final = 720
HEIGHT: Final = 240
LEFT: Final = 64
RIGHT: Final = 12
TOP: Final = 10
BOTTOM: Final = 26
POINTS_MAX: Final = 240
TINY: Final = 1e-9
_NICE: Final = (1, 2, 2.5, 5, 10)

Point = tuple[float, float]


class Line(Struct, frozen=True):
    """One line of a plot."""

    name: str
    points: Sequence[Point]


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span a range."""
    if high - low < TINY:
        high = low + 1
    raw = (high - low) / about
    size = 10 ** math.floor(math.log10(raw))
    step = next(one * size for one in _NICE if one * size >= raw * 0.999)
    first = math.floor(low / step)
    count = math.ceil((high - first * step) / step - 1e-9)
    return [round((first + i) * step, 12) for i in range(count + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten that span a range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most so many points; of each bunch the highest stays, so that no peak is lost."""
    size = max(1, math.ceil(len(points) / POINTS_MAX))
    return [max(points[i : i + size], key=lambda p: p[1]) for i in range(0, len(points), size)]


def plot(
    title: str,
    lines: Sequence[Line],
    *,
    shown: Callable[[float], str],
    shown_x: Callable[[float], str] = lambda x: f"{x:g} s",
    log: bool = False,
    at_x: Callable[[float], float] = lambda x: x,
    ticks_x: Sequence[float] | None = None,
) -> str:
    """A figure with a legend; empty lines are left out, and no lines are no figure."""
    lines = [Line(one.name, thinned(one.points)) for one in lines if one.points]
    if log:
        lines = [Line(one.name, [p for p in one.points if p[1] > TINY]) for one in lines]
        lines = [one for one in lines if one.points]
    if not lines:
        return ""
    ys = [y for line in lines for _, y in line.points]
    xs = [x for line in lines for x, _ in line.points]
    across = list(ticks_x) if ticks_x is not None else nice_ticks(min(xs), max(xs), 8)
    up = log_ticks(min(ys), max(ys)) if log else nice_ticks(0.0, max(ys))
    place = _Place(across, up, log, at_x)
    body = _axes(place, across, up, shown, shown_x)
    body += [_line(i, one, place, shown, shown_x) for i, one in enumerate(lines)]
    legend = "".join(
        f'<span><i class="s{i % 8}"></i>{escape(one.name)}</span>' for i, one in enumerate(lines)
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><div class="legend">{legend}</div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(body)}</svg></figure>"
    )


class _Place:
    """Where a value lies on the picture."""

    def __init__(
        self,
        across: Sequence[float],
        up: Sequence[float],
        log: bool,
        at_x: Callable[[float], float],
    ) -> None:
        self._log, self._at_x = log, at_x
        self._x0, self._x1 = at_x(across[0]), at_x(across[-1])
        self._y0, self._y1 = self._scaled(up[0]), self._scaled(up[-1])

    def _scaled(self, y: float) -> float:
        return math.log10(y) if self._log else y

    def x(self, x: float) -> float:
        part = (self._at_x(x) - self._x0) / ((self._x1 - self._x0) or 1)
        return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)

    def y(self, y: float) -> float:
        part = (self._scaled(y) - self._y0) / ((self._y1 - self._y0) or 1)
        return round(HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM), 1)


def _axes(
    place: _Place,
    across: Sequence[float],
    up: Sequence[float],
    shown: Callable[[float], str],
    shown_x: Callable[[float], str],
) -> list[str]:
    found = []
    for y in up:
        at = place.y(y)
        found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        found.append(f'<text x="{LEFT - 6}" y="{at + 4}" class="y">{escape(shown(y))}</text>')
    for x in across:
        text = escape(shown_x(x))
        found.append(f'<text x="{place.x(x)}" y="{HEIGHT - 8}" class="x">{text}</text>')
    return found


def _line(
    number: int,
    line: Line,
    place: _Place,
    shown: Callable[[float], str],
    shown_x: Callable[[float], str],
) -> str:
    path = " ".join(f"{place.x(x)},{place.y(y)}" for x, y in line.points)
    name = escape(line.name)
    dots = "".join(
        f'<circle cx="{place.x(x)}" cy="{place.y(y)}" r="4"><title>'
        f"{name}: {escape(shown(y))} at {escape(shown_x(x))}</title></circle>"
        for x, y in line.points
    )
    return f'<g class="s{number % 8}"><polyline points="{path}"/>{dots}</g>'
