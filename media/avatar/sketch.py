"""Writing SVG by hand, safely: named groups, gradients, soft edges and smooth curves.

Only numbers and #rrggbb colours ever reach the markup, ids carry a prefix of the document's
hash, and a number that is not finite is refused, so a drawing can be put inline in any page.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# What the picture shows of the 512 canvas: head and shoulders, with air above the hair.
VIEW_X, VIEW_Y, VIEW = 60, 36, 392

Point = tuple[float, float]
Stop = tuple[float, str, float]


def number(value: float) -> str:
    """One decimal is a tenth of a pixel at 512: enough, and short."""
    if not math.isfinite(value):
        raise ValueError(f"a drawing needs finite numbers, not {value}")
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def spots(points: Sequence[Point]) -> str:
    """Coordinates as path data."""
    return " ".join(f"{number(x)} {number(y)}" for x, y in points)


def line(points: Sequence[Point], closed: bool = False) -> str:
    """Straight segments through `points`."""
    return f"M{spots(points)}" + ("Z" if closed else "")


def smooth(points: Sequence[Point], closed: bool = False, tension: float = 1.0) -> str:
    """A Catmull-Rom curve through `points`, as cubic segments."""
    count = len(points)
    parts = [f"M{spots(points[:1])}"]
    for i in range(count if closed else count - 1):
        before = points[(i - 1) % count] if closed or i > 0 else points[0]
        here, there = points[i], points[(i + 1) % count]
        after = points[(i + 2) % count] if closed or i + 2 < count else points[-1]
        pull = tension / 6
        first = (here[0] + (there[0] - before[0]) * pull, here[1] + (there[1] - before[1]) * pull)
        second = (there[0] - (after[0] - here[0]) * pull, there[1] - (after[1] - here[1]) * pull)
        parts.append(f"C{spots((first, second, there))}")
    return "".join(parts) + ("Z" if closed else "")


def lerp(a: Point, b: Point, amount: float) -> Point:
    """A point `amount` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * amount, a[1] + (b[1] - a[1]) * amount)


def mirror(points: Sequence[Point], axis: float = 256.0) -> list[Point]:
    """The same points on the other side of the face."""
    return [(2 * axis - x, y) for x, y in points]


def resample(points: Sequence[Point], count: int) -> list[Point]:
    """`count` points at equal distances along a Catmull-Rom curve through `points`."""
    dense = _dense(points)
    lengths = [0.0]
    for a, b in itertools.pairwise(dense):
        lengths.append(lengths[-1] + math.dist(a, b))
    out, k = [], 0
    for i in range(count):
        want = lengths[-1] * i / max(1, count - 1)
        while k + 2 < len(lengths) and lengths[k + 1] < want:
            k += 1
        span = lengths[k + 1] - lengths[k]
        out.append(lerp(dense[k], dense[k + 1], (want - lengths[k]) / span if span else 0.0))
    return out


def _dense(points: Sequence[Point], per_segment: int = 8) -> list[Point]:
    out: list[Point] = []
    last = len(points) - 1
    for i in range(last):
        p0, p1, p2, p3 = points[max(0, i - 1)], points[i], points[i + 1], points[min(last, i + 2)]
        out += [_catmull(p0, p1, p2, p3, k / per_segment) for k in range(per_segment)]
    return [*out, points[-1]]


def _catmull(p0: Point, p1: Point, p2: Point, p3: Point, t: float) -> Point:
    def along(a: float, b: float, c: float, d: float) -> float:
        return 0.5 * (
            2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )  # fmt: skip

    return along(p0[0], p1[0], p2[0], p3[0]), along(p0[1], p1[1], p2[1], p3[1])


class Group:
    """One named layer: marks in order of painting."""

    def __init__(self, sketch: "Sketch", name: str) -> None:
        self.sketch = sketch
        self.name = name
        self._marks: list[str] = []

    def path(
        self,
        d: str,
        fill: str = "none",
        opacity: float = 1.0,
        *,
        stroke: str = "none",
        width: float = 0.0,
        blur: float = 0.0,
    ) -> None:
        """Paint path data. Colours are #rrggbb or what linear() and radial() return."""
        mark = f'<path d="{d}" fill="{fill}"'
        if stroke != "none":
            mark += f' stroke="{stroke}" stroke-width="{number(width)}"'
            mark += ' stroke-linecap="round" stroke-linejoin="round"'
        self._marks.append(mark + self._finish(opacity, blur))

    def ellipse(
        self,
        centre: Point,
        radii: Point,
        fill: str,
        opacity: float = 1.0,
        *,
        blur: float = 0.0,
        turn: float = 0.0,
        stroke: str = "none",
        width: float = 0.0,
    ) -> None:
        """Paint an ellipse turned by `turn` degrees."""
        (x, y), (rx, ry) = centre, radii
        mark = f'<ellipse cx="{number(x)}" cy="{number(y)}" rx="{number(rx)}" ry="{number(ry)}"'
        mark += f' fill="{fill}"'
        if turn:
            mark += f' transform="rotate({number(turn)} {number(x)} {number(y)})"'
        if stroke != "none":
            mark += f' stroke="{stroke}" stroke-width="{number(width)}"'
        self._marks.append(mark + self._finish(opacity, blur))

    def _finish(self, opacity: float, blur: float) -> str:
        text = "" if opacity >= 1.0 else f' opacity="{max(0.0, opacity):.2f}"'
        if blur:
            text += f' filter="{self.sketch.blur(blur)}"'
        return text + "/>"

    @contextmanager
    def clipped(self, d: str, opacity: float = 1.0, blur: float = 0.0) -> Iterator[None]:
        """Everything painted within stays inside path data `d`; opacity and blur are for all."""
        mark = f'<g clip-path="{self.sketch.clip(d)}"'
        self._marks.append(mark + self._finish(opacity, blur)[:-2] + ">")
        yield
        self._marks.append("</g>")

    def markup(self) -> str:
        """The layer as a named group."""
        name = self.sketch.prefix + self.name
        return f'<g id="{name}" data-layer="{self.name}">{"".join(self._marks)}</g>'


class Sketch:
    """A drawing under way: layers in order, and the gradients and clips they share."""

    def __init__(self, prefix: str, layers: Sequence[str]) -> None:
        self.prefix = prefix
        self.groups = {name: Group(self, name) for name in layers}
        self._defs: dict[str, str] = {}

    def __getitem__(self, layer: str) -> Group:
        return self.groups[layer]

    def linear(self, start: Point, end: Point, stops: Sequence[Stop]) -> str:
        """A gradient along a line; stops are (place, colour, opacity)."""
        ends = zip(("x1", "y1", "x2", "y2"), (*start, *end), strict=True)
        return self._gradient(
            "linearGradient", " ".join(f'{k}="{number(v)}"' for k, v in ends), stops
        )

    def radial(self, centre: Point, radius: float, stops: Sequence[Stop]) -> str:
        """A gradient around a point."""
        where = f'cx="{number(centre[0])}" cy="{number(centre[1])}" r="{number(radius)}"'
        return self._gradient("radialGradient", where, stops)

    def blur(self, radius: float) -> str:
        """A soft edge of `radius`."""
        body = (
            '<filter id="{id}" x="-60%" y="-60%" width="220%" height="220%">'
            f'<feGaussianBlur stdDeviation="{number(radius)}"/></filter>'
        )
        return self._define(body)

    def clip(self, d: str) -> str:
        """A window in the shape of path data `d`."""
        return self._define(f'<clipPath id="{{id}}"><path d="{d}"/></clipPath>')

    def markup(self, layers: Sequence[str] | None = None, margin: float = 0.0) -> str:
        """The whole drawing, or only some of its layers, as one document.

        `margin` shows that much more on every side: a layer that moves needs what lies beyond.
        """
        chosen = [self.groups[name].markup() for name in (layers or self.groups)]
        side = VIEW + 2 * margin
        box = " ".join(number(value) for value in (VIEW_X - margin, VIEW_Y - margin, side, side))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
            f"<defs>{''.join(self._defs.values())}</defs>{''.join(chosen)}</svg>"
        )

    def _gradient(self, kind: str, where: str, stops: Sequence[Stop]) -> str:
        marks = "".join(
            f'<stop offset="{place:.2f}" stop-color="{colour}"'
            + ("/>" if opacity >= 1 else f' stop-opacity="{opacity:.2f}"/>')
            for place, colour, opacity in stops
        )
        body = f'<{kind} id="{{id}}" gradientUnits="userSpaceOnUse" {where}>{marks}</{kind}>'
        return self._define(body)

    def _define(self, body: str) -> str:
        if body not in self._defs:
            self._defs[body] = body.replace("{id}", f"{self.prefix}{len(self._defs)}", 1)
        name = self._defs[body].split('id="', 1)[1].split('"', 1)[0]
        return f"url(#{name})"
