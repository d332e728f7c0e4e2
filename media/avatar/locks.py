"""Locks of hair and folds of cloth: strokes that flow between two guiding lines.

A `Ribbon` is the surface between two guides; everything that has grain (a curtain of hair, a
swept top, a draped scarf) is a ribbon with strands along or across it.
"""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media.avatar.colour import shift, to_lab
from media.avatar.sketch import Group, Point, lerp, line, resample, smooth, spots

STEPS = 28


@dataclass(frozen=True, slots=True)
class Tones:
    """One colour under light: from the deepest shade to the sheen."""

    deep: str
    dark: str
    base: str
    light: str
    sheen: str


def tones(colour: str, contrast: float = 1.0) -> Tones:
    """Shades of `colour`; dark colours get a little more light so that they keep their form."""
    room = 1.25 - 0.5 * to_lab(colour)[0]
    return Tones(
        deep=shift(colour, light=-0.115 * contrast, chroma=0.95),
        dark=shift(colour, light=-0.055 * contrast),
        base=colour,
        light=shift(colour, light=0.06 * contrast * room, chroma=1.08),
        sheen=shift(colour, light=0.125 * contrast * room, chroma=0.92),
    )


@dataclass(frozen=True, slots=True)
class Ribbon:
    """The surface between two guides. s goes from guide to guide (0..1), t along them (0..1)."""

    one: list[Point]
    other: list[Point]

    @classmethod
    def between(cls, one: Sequence[Point], other: Sequence[Point]) -> "Ribbon":
        """A ribbon between two curves through the given points."""
        return cls(resample(one, STEPS), resample(other, STEPS))

    def at(self, s: float, t: float) -> Point:
        """The place at (s, t); a little outside 0..1 is allowed for s."""
        place = min(max(t, 0.0), 1.0) * (STEPS - 1)
        k = min(int(place), STEPS - 2)
        a = lerp(self.one[k], self.one[k + 1], place - k)
        b = lerp(self.other[k], self.other[k + 1], place - k)
        return lerp(a, b, s)

    def outline(self) -> str:
        """Its edge as path data."""
        there, back = [*self.one[:-1:3], self.one[-1]], [*self.other[:-1:3], self.other[-1]][::-1]
        return f"{smooth(there)}L{smooth(back)[1:]}Z"

    def flow(
        self,
        start: Point,
        end: Point,
        wave: Callable[[float], float] = lambda _: 0.0,
        count: int = 9,
    ) -> list[Point]:
        """A line on the ribbon from (s, t) to (s, t); `wave` adds pixels across it."""
        plain = [self.at(*lerp(start, end, i / (count - 1))) for i in range(count)]
        out = []
        for i, (x, y) in enumerate(plain):
            (ax, ay), (bx, by) = plain[max(0, i - 1)], plain[min(count - 1, i + 1)]
            along = math.hypot(bx - ax, by - ay) or 1.0
            push = wave(i / (count - 1))
            out.append((x - (by - ay) / along * push, y + (bx - ax) / along * push))
        return out


def taper(points: Sequence[Point], width: float, root: float = 0.35, tip: float = 0.02) -> str:
    """A lock around a line: `root` of its width where it begins, full, then down to `tip`."""
    left: list[Point] = []
    right: list[Point] = []
    last = len(points) - 1
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(0, i - 1)], points[min(last, i + 1)]
        along = math.hypot(bx - ax, by - ay) or 1.0
        t = i / last
        swell = root + (1 - root) * math.sin(min(1.0, t * 1.9) * math.pi / 2)
        half = width / 2 * (swell * max(0.0, 1 - t**2.6) + tip)
        nx, ny = -(by - ay) / along * half, (bx - ax) / along * half
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return smooth([*left, *right[::-1]], closed=True)


def blade(start: Point, end: Point, width: float, bend: float = 0.0) -> str:
    """A single short hair or leaf between two points: two curves, few bytes."""
    (ax, ay), (bx, by) = start, end
    along = math.hypot(bx - ax, by - ay) or 1.0
    nx, ny = -(by - ay) / along, (bx - ax) / along
    mx, my = (ax + bx) / 2 + nx * bend, (ay + by) / 2 + ny * bend
    one = (mx + nx * width, my + ny * width)
    other = (mx - nx * width, my - ny * width)
    return f"M{spots([start])}Q{spots([one, end])}Q{spots([other, start])}Z"


def waver(chance: random.Random, height: float, waves: float) -> Callable[[float], float]:
    """A wave that grows along a strand: `height` pixels, `waves` full turns."""
    phase = chance.uniform(0, math.tau)
    return lambda t: height * min(1.0, 0.25 + 1.4 * t) * math.sin(math.tau * waves * t + phase)


def comb(
    group: Group,
    strands: Sequence[Sequence[Point]],
    shades: Tones,
    chance: random.Random,
    width: tuple[float, float],
    strength: float = 0.55,
) -> None:
    """Paint strands in mixed shades, dark ones first, a few with sheen on top."""
    heaps: dict[str, list[str]] = {}
    order = (shades.deep, shades.dark, shades.base, shades.light, shades.sheen)
    for points in strands:
        roll = chance.random()
        place = (
            0
            if roll < 0.24
            else 1
            if roll < 0.48
            else 2
            if roll < 0.66
            else 3
            if roll < 0.92
            else 4
        )
        heaps.setdefault(order[place], []).append(taper(points, chance.uniform(*width)))
    for shade in order:
        if shade in heaps:
            group.path("".join(heaps[shade]), shade, strength)


def coils(
    group: Group,
    places: Sequence[Point],
    shades: Tones,
    chance: random.Random,
    radius: tuple[float, float],
    light_from: Point,
) -> None:
    """Tight coils: many small open rings, lighter where the light falls."""
    heaps: dict[str, list[str]] = {}
    order = (shades.deep, shades.dark, shades.light, shades.sheen)
    reach = max((math.dist(place, light_from) for place in places), default=1.0) or 1.0
    for x, y in places:
        near = 1 - math.dist((x, y), light_from) / reach
        roll = chance.random() * 0.75 + near * 0.5
        shade = order[min(3, int(roll * 3.2))]
        r, turn = chance.uniform(*radius), chance.uniform(0, math.tau)
        ring = [
            (x + r * math.cos(turn + a), y + r * 0.86 * math.sin(turn + a))
            for a in (0, 1.1, 2.2, 3.3, 4.3)
        ]
        heaps.setdefault(shade, []).append(smooth(ring))
    for shade in order:
        if shade in heaps:
            group.path("".join(heaps[shade]), stroke=shade, width=radius[0] * 0.52, opacity=0.62)


def ringlets(
    group: Group,
    strands: Sequence[Sequence[Point]],
    shades: Tones,
    chance: random.Random,
    width: tuple[float, float],
) -> None:
    """Springy locks, each with its own shaded side and a run of light, back ones first."""
    for k, points in enumerate(strands):
        size = chance.uniform(*width)
        forward = k / max(1, len(strands) - 1)
        body = shades.dark if chance.random() > 0.25 + 0.55 * forward else shades.base
        shape = taper(points, size, root=0.05, tip=0.06)
        group.path(shape, shades.deep, 0.9)
        inner = [(x - size * 0.08, y - size * 0.06) for x, y in points]
        group.path(taper(inner, size * 0.78, root=0.05), body)
        gleam = [(x - size * 0.17, y - size * 0.06) for x, y in points[1:-1]]
        group.path(
            taper(gleam, size * 0.26), shades.light if chance.random() < 0.7 else shades.sheen, 0.75
        )


def plait(group: Group, points: Sequence[Point], width: float, shades: Tones) -> None:
    """A braid along a line: leaves that cross from side to side."""
    length = sum(math.dist(a, b) for a, b in itertools.pairwise(points))
    path = resample(points, max(4, round(length / (width * 0.62))))
    group.path(line(path), stroke=shades.deep, width=width * 0.95)
    leaves: dict[str, list[str]] = {shades.base: [], shades.light: []}
    for i in range(len(path) - 1):
        (x, y), (bx, by) = path[i], path[i + 1]
        along = math.hypot(bx - x, by - y) or 1.0
        nx, ny = -(by - y) / along, (bx - x) / along
        side = 1 if i % 2 else -1
        a = (x + side * nx * width * 0.5, y + side * ny * width * 0.5)
        b = (
            bx + (bx - x) * 0.5 - side * nx * width * 0.16,
            by + (by - y) * 0.5 - side * ny * width * 0.16,
        )
        leaves[shades.base].append(blade(a, b, width * 0.56))
        leaves[shades.light].append(blade(lerp(a, b, 0.15), lerp(a, b, 0.75), width * 0.16))
    for shade, marks in leaves.items():
        group.path("".join(marks), shade, 1.0 if shade == shades.base else 0.7)
