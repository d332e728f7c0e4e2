"""The mouth at rest, from the curves the rig opens and rounds when the companion speaks.

`u` runs from -1 at one corner to 1 at the other.
"""

import math

from media.avatar.colour import mix, shift, skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.sketch import Group, Point, Sketch, smooth

STEPS = 17


def draw_mouth(sketch: Sketch, face: Face) -> None:
    """Paint lips, what shows between them, and the corners."""
    group, look = sketch["mouth"], face.look
    us = [-1 + 2 * i / (STEPS - 1) for i in range(STEPS)]
    lip = lip_colour(face)
    inner_top = [_at(face, u, _line(face, u) - _opening(face, u) * 0.25) for u in us]
    inner_low = [_at(face, u, _line(face, u) + _opening(face, u) * 0.75) for u in us]
    top = [_at(face, u, y - _upper(face, u)) for u, (_, y) in zip(us, inner_top, strict=True)]
    low = [_at(face, u, y + _lower(face, u)) for u, (_, y) in zip(us, inner_low, strict=True)]
    if look.expression.parted > 0.02:
        _inside(group, inner_top, inner_low)
    dark, light = shift(lip, light=-0.055), shift(lip, light=0.045)
    y = face.mouth_y
    shade = sketch.linear((CENTRE, y - 8), (CENTRE, y + 2), ((0.0, lip, 1.0), (1.0, dark, 1.0)))
    group.path(smooth([*top, *inner_top[::-1]], closed=True, tension=0.9), shade, 0.94)
    full = sketch.linear(
        (CENTRE, y), (CENTRE, y + 13), ((0.0, lip, 1.0), (0.5, light, 1.0), (1.0, dark, 1.0))
    )
    group.path(smooth([*inner_low, *low[::-1]], closed=True, tension=0.9), full, 0.94)
    _finish(group, face, [*inner_low])


def lip_colour(face: Face) -> str:
    """Bare lips follow the skin; tint carries them towards rose."""
    look = face.look
    bare = mix(face.skin, "#a8434a" if look.skin.tone < 0.55 else "#7c2f3a", 0.40)
    painted = "#bb3f4c" if look.skin.tone < 0.55 else "#8e2f40"
    return mix(bare, painted, 0.62 * look.mouth.tint)


def _at(face: Face, u: float, y: float) -> Point:
    wide = face.mouth_width * (1 + 0.10 * face.look.expression.smile)
    return (CENTRE + u * wide, y)


def _line(face: Face, u: float) -> float:
    """The meeting of the lips: a shallow bow that smiling lifts at its ends."""
    smile = face.look.expression.smile
    bow = 1 - u * u
    return face.mouth_y + smile * (3.0 - 8.6 * u * u) + 0.9 * math.cos(u * 9) * bow


def _opening(face: Face, u: float) -> float:
    return face.look.expression.parted * 15 * _bow(u, 0.8)


def _bow(u: float, power: float) -> float:
    """1 in the middle, 0 at the ends; never a power of something negative."""
    return float(max(0.0, 1 - u * u) ** power)


def _upper(face: Face, u: float) -> float:
    cupid = (
        1 - 0.30 * math.exp(-((u / 0.17) ** 2)) + 0.14 * math.exp(-(((abs(u) - 0.3) / 0.2) ** 2))
    )
    thick = 3.4 + 4.2 * face.look.mouth.fullness - 1.3 * face.look.expression.parted
    return thick * _bow(u, 0.8) * cupid


def _lower(face: Face, u: float) -> float:
    return (5.0 + 5.4 * face.look.mouth.fullness) * _bow(u, 0.72) * (1 - 0.1 * u * u)


def _inside(group: Group, top: list[Point], low: list[Point]) -> None:
    hole = smooth([*top, *low[-2:0:-1]], closed=True)
    group.path(hole, "#4a1a20")
    with group.clipped(hole):
        teeth = [(x, y - 2) for x, y in top] + [
            (x, y - 1.2 - 0.12 * abs(x - CENTRE) / 3) for x, y in low[::-1]
        ]
        group.path(smooth(teeth, closed=True), "#f4ede6")
        group.path(
            smooth([(x, y + 0.8) for x, y in top]),
            stroke="#5a2a2a",
            width=2.6,
            opacity=0.38,
            blur=1.2,
        )
        for x, y in (top[2], top[-3]):
            group.ellipse((x, y + 2), (5, 6), "#4a1a20", 0.6, blur=2)


def _finish(group: Group, face: Face, seam: list[Point]) -> None:
    lip, deep = lip_colour(face), skin_shadow(face.skin, 1.9)
    if face.look.expression.parted <= 0.02:
        group.path(
            smooth(seam),
            stroke=mix(shift(lip, light=-0.22), "#2a0f14", 0.25),
            width=1.5,
            opacity=0.85,
        )
    y = face.mouth_y + 3 + 2.2 * face.look.expression.smile + 11 * face.look.expression.parted
    shine = shift(lip, light=0.17, chroma=0.7)
    group.ellipse(
        (CENTRE - 4, y + 1.6 + 1.6 * face.look.mouth.fullness),
        (face.mouth_width * 0.34, 1.9),
        shine,
        0.55,
        blur=1.3,
    )
    for side in (-1, 1):
        x, corner = _at(face, side, _line(face, side))
        group.ellipse((x + side * 1.2, corner), (2.6, 2.3), deep, 0.5, blur=1.2)
        group.path(smooth([(x + side * 2, corner - 3), (x + side * 4.2, corner),
            (x + side * 3, corner + 4)]), stroke=deep,
                   width=1.3, opacity=0.16 + 0.2 * face.look.expression.smile,
                       blur=0.9)  # fmt: skip
