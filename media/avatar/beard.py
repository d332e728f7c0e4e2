"""Beards and moustaches: many short hairs over a soft shade, never a flat patch."""

import random

from media.avatar.colour import GREY, mix
from media.avatar.face import CENTRE, Face
from media.avatar.locks import Ribbon, Tones, blade, tones
from media.avatar.sketch import Group, Point, Sketch, mirror, smooth


def draw_beard(sketch: Sketch, face: Face) -> None:
    """Paint what grows on the face, over the head and under the mouth."""
    beard = face.look.facial_hair
    if beard.style == "none":
        return
    group, chance = sketch["beard"], face.chance("beard")
    shades = tones(mix(face.hair, GREY, 0.85 * beard.grey), 0.75)
    if beard.style in ("stubble", "short", "full"):
        _cheeks(group, face, shades, chance)
    if beard.style in ("goatee",):
        _tuft(group, face, shades, chance)
    if beard.style != "stubble":
        _moustache(group, face, shades, chance)


def _jaw_points(face: Face, grow: float) -> list[Point]:
    """The outside of the beard on the right, from sideburn to chin."""
    right = face.right_side()
    return [
        (x + grow * (0.3 if y < face.nose_y else 0.6), y + (grow if y > face.mouth_y else 0))
        for x, y in right[5:]
    ]


def _cheeks(group: Group, face: Face, shades: Tones, chance: random.Random) -> None:
    style, dense = face.look.facial_hair.style, face.look.facial_hair.density
    grow = {"stubble": 0.0, "short": 3.0, "full": 11.0}[style]
    w, m = face.width, face.mouth_width
    outside = [(CENTRE + w * 0.975, face.nose_y - 32), *_jaw_points(face, grow)]
    inside = [(CENTRE, face.mouth_y + 15), (CENTRE + m * 0.55, face.mouth_y + 15),
        (CENTRE + m + 8, face.mouth_y + 4),
              (CENTRE + w * 0.70, face.mouth_y - 15),
                  (CENTRE + w * 0.88, face.nose_y - 20)]  # fmt: skip
    ring = [*outside, *mirror(outside)[-2::-1], *mirror(inside)[:0:-1], *inside]
    shape = smooth(ring, closed=True, tension=0.75)
    soft = {"stubble": 0.30, "short": 0.62, "full": 0.86}[style] * (0.55 + 0.45 * dense)
    group.path(shape, shades.base, soft, blur={"stubble": 4.0, "short": 3.0, "full": 2.4}[style])
    if style == "stubble":
        lip = [
            (CENTRE - m * 0.95, face.mouth_y - 5),
            (CENTRE - face.nose_width * 0.7, face.nose_y + 8),
            (CENTRE + face.nose_width * 0.7, face.nose_y + 8),
            (CENTRE + m * 0.95, face.mouth_y - 5),
        ]
        group.path(smooth(lip, closed=True, tension=0.6), shades.base, soft * 0.9, blur=3)
    _hairs(group, face, outside, inside[::-1], shades, chance)


def _hairs(
    group: Group,
    face: Face,
    outside: list[Point],
    inside: list[Point],
    shades: Tones,
    chance: random.Random,
) -> None:
    style = face.look.facial_hair.style
    long = {"stubble": 2.6, "short": 6.0, "full": 12.0}[style]
    ribbon = Ribbon.between(inside, outside)
    heaps: dict[str, list[str]] = {}
    for _ in range({"stubble": 420, "short": 900, "full": 900}[style]):
        s, t = chance.uniform(0.02, 1.0), chance.uniform(0.03, 1.0)
        x, y = ribbon.at(s, t)
        side = chance.choice((-1, 1))
        x = CENTRE + side * abs(x - CENTRE)
        lean = (CENTRE - x) / face.width
        end = (x + lean * long * 0.25 + chance.uniform(-1, 1), y + long * chance.uniform(0.7, 1.2))
        shade = (shades.deep, shades.dark, shades.light, shades.base)[int(chance.random() * 4)]
        heaps.setdefault(shade, []).append(
            blade((x, y), end, 0.5 if style == "stubble" else 0.85, side * 0.8)
        )
    for shade, marks in heaps.items():
        group.path("".join(marks), shade, 0.42 if style == "stubble" else 0.6)


def _tuft(group: Group, face: Face, shades: Tones, chance: random.Random) -> None:
    m, y = face.mouth_width * 0.62, face.mouth_y
    shape: list[Point] = [(CENTRE - m * 0.5, y + 16), (CENTRE + m * 0.5, y + 16),
        (CENTRE + m, y + 26), (CENTRE + m * 0.55, face.chin - 1), (CENTRE, face.chin + 6),
                          (CENTRE - m * 0.55, face.chin - 1), (CENTRE - m, y + 26)]  # fmt: skip
    group.path(smooth(shape, closed=True), shades.base, 0.8, blur=2.2)
    marks = []
    for _ in range(260):
        x = CENTRE + chance.uniform(-1, 1) * m * 0.9
        deepest = face.chin - 1 - 14 * (abs(x - CENTRE) / m) ** 2
        top = y + 17 + chance.random() * max(1.0, deepest - y - 17)
        marks.append(blade((x, top), (x * 0.95 + CENTRE * 0.05, top + 8), 0.8))
    group.path("".join(marks[::2]), shades.deep, 0.6)
    group.path("".join(marks[1::2]), shades.light, 0.6)


def _moustache(group: Group, face: Face, shades: Tones, chance: random.Random) -> None:
    m, y0, y1 = face.mouth_width * 1.12, face.nose_y + 7, face.mouth_y - 2
    thick = face.look.facial_hair.style == "moustache"
    heaps: dict[str, list[str]] = {}
    for side in (-1, 1):
        body = [(CENTRE + side, y0 + 2), (CENTRE + side * m * 0.5, y0 + 3),
            (CENTRE + side * m, y1 + 3), (CENTRE + side * (m + 3), y1 + (10 if thick else 12)),
                (CENTRE + side * m * 0.6, y1 - 1), (CENTRE + side, y1 - 2)]  # fmt: skip
        group.path(
            smooth(body, closed=True, tension=0.8), shades.base, 0.86 if thick else 0.72, blur=1.6
        )
        for _ in range(110):
            a = chance.random()
            x = CENTRE + side * (1 + a * m * 0.92)
            y = y0 + 1 + chance.random() * 4 + a * (y1 - y0) * 0.55
            end = (x + side * (3 + 7 * a), y + 5 + chance.random() * 4)
            shade = (shades.deep, shades.dark, shades.light)[int(chance.random() * 3)]
            heaps.setdefault(shade, []).append(blade((x, y), end, 0.9, -0.6 * side))
    for shade, marks in heaps.items():
        group.path("".join(marks), shade, 0.62)
