"""Ears, the modelled face and its nose: everything of the head that does not move by itself.

Light comes from the upper left for every portrait, so a page of companions looks like one hand.
"""

from media.avatar.colour import mix, shift, skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.sketch import Group, Point, Sketch, mirror, smooth


def draw_head(sketch: Sketch, face: Face) -> None:
    """Paint the head layer."""
    group = sketch["head"]
    for side in (-1, 1):
        _ear(group, face, side)
    outline = face.outline()
    group.path(outline, _skin_gradient(sketch, face))
    with group.clipped(outline):
        _planes(group, face)
        _sockets(group, face)
        _cheeks(group, face)
        _nose(group, face)
        _chin(group, face)
        _age(group, face)
        _freckles(group, face)
    deep = skin_shadow(face.skin, 1.5)
    group.path(outline, stroke=deep, width=1.2, opacity=0.28)


def _skin_gradient(sketch: Sketch, face: Face) -> str:
    light, dark = face.glow, mix(face.skin, face.shadow, 0.55)
    stops = ((0.0, light, 1.0), (0.55, face.skin, 1.0), (1.0, dark, 1.0))
    return sketch.radial((CENTRE - 26, face.eye_y - 4), 150, stops)


def _ear(group: Group, face: Face, side: int) -> None:
    top, tall = face.eye_y - 9, 46 + 12 * face.look.ears
    x, out = CENTRE + side * (face.width - 3), side * (8 + 4.5 * face.look.ears)
    points: list[Point] = [
        (x - side * 4, top + 4), (x + out * 0.75, top - 5), (x + out * 1.15, top + tall * 0.22),
        (x + out * 0.95, top + tall * 0.55), (x + out * 0.42, top + tall * 0.93),
        (x - side * 4, top + tall * 0.86),
    ]  # fmt: skip
    shade = face.shadow if side > 0 else mix(face.skin, face.shadow, 0.45)
    group.path(smooth(points, closed=True), mix(face.skin, shade, 0.75))
    inner = [(x + out * 0.2, top + 8), (x + out * 0.72, top + 7),
        (x + out * 0.66, top + tall * 0.45),
             (x + out * 0.22, top + tall * 0.62)]  # fmt: skip
    deep = skin_shadow(face.skin, 1.6)
    group.path(smooth(inner), stroke=deep, width=2.4, opacity=0.55, blur=0.6)
    group.ellipse((x + out * 0.28, top + tall * 0.4), (3.2, 8), deep, 0.45, blur=1.6)


def _planes(group: Group, face: Face) -> None:
    """The turn of the head away from the light, and the shade the hair throws."""
    right = face.right_side()
    inner = [(x - 15 - 6 * (i > 3), y) for i, (x, y) in enumerate(right)]
    away = smooth([*right[2:-1], *inner[-2:1:-1]], closed=True)
    group.path(away, face.shadow, 0.62, blur=9)
    left = mirror(right)
    inside = [(x + 8, y) for x, y in left]
    group.path(smooth([*left[2:-1], *inside[-2:1:-1]], closed=True), face.shadow, 0.36, blur=7)
    group.ellipse((CENTRE - 14, face.brow_y - 22), (42, 20), face.glow, 0.55, blur=12)
    under = [(CENTRE - face.jaw, face.chin - 26), (CENTRE, face.chin - 4),
        (CENTRE + face.jaw, face.chin - 26),
             (CENTRE + face.jaw, face.chin + 12), (CENTRE - face.jaw, face.chin + 12)]  # fmt: skip
    group.path(smooth(under, closed=True, tension=0.6), face.shadow, 0.55, blur=7)


def _sockets(group: Group, face: Face) -> None:
    for side in (-1, 1):
        x = CENTRE + side * face.eye_x
        depth = 0.34 if side < 0 else 0.42
        group.ellipse(
            (x - side * 3, face.eye_y - 8), (face.eye_width * 1.28, 11), face.shadow, depth, blur=6
        )
        inner = CENTRE + side * (face.eye_x - face.eye_width - 3)
        group.ellipse((inner, face.eye_y - 5), (6, 12), face.shadow, 0.42, blur=4.5)
        group.ellipse((x + side * 4, face.brow_y + 7), (13, 3.6), face.glow, 0.5, blur=3)


def _cheeks(group: Group, face: Face) -> None:
    look = face.look
    blush = (
        mix(face.skin, "#e0525c", 0.42) if look.skin.tone < 0.6 else mix(face.skin, "#a8324a", 0.36)
    )
    y = face.nose_y - 6
    for side in (-1, 1):
        x = CENTRE + side * face.width * 0.6
        group.ellipse(
            (x, y + 6), (25, 16), blush, 0.12 + 0.5 * look.skin.blush, blur=10, turn=-18 * side
        )
        shine = 0.42 if side < 0 else 0.22
        group.ellipse(
            (x - side * 2, y - 13), (17, 6.5), face.glow, shine + 0.1, blur=5, turn=22 * side
        )
        hollow = 0.30 * (1 - look.shape.cheeks) + 0.10
        group.ellipse((CENTRE + side * face.width * 0.74, y + 31), (13, 24),
            face.shadow, hollow, blur=9,
                      turn=24 * side)  # fmt: skip


def _nose(group: Group, face: Face) -> None:
    nose, y, w = face.look.nose, face.nose_y, face.nose_width
    deep = skin_shadow(face.skin, 1.7)
    bridge = 4.6 + 1.6 * nose.bridge
    side = [(CENTRE + bridge + 4, face.brow_y + 10), (CENTRE + bridge, face.eye_y + 4),
            (CENTRE + bridge + 1, y - 22), (CENTRE + w * 0.80, y - 5), (CENTRE + w * 0.35, y - 8),
            (CENTRE + 1.5, y - 24), (CENTRE + 2.2, face.eye_y)]  # fmt: skip
    group.path(
        smooth(side, closed=True, tension=0.8), face.shadow, 0.34 + 0.30 * nose.bridge, blur=3.2
    )
    lit = [
        (CENTRE - bridge - 3, face.brow_y + 12),
        (CENTRE - bridge - 1, face.eye_y + 6),
        (CENTRE - bridge - 4, y - 16),
    ]
    group.path(
        smooth(lit), stroke=face.shadow, width=3.5, opacity=0.18 + 0.16 * nose.bridge, blur=2.6
    )
    long = (y - face.eye_y) / 2
    group.ellipse((CENTRE - 1.2, face.eye_y + long * 0.72), (2.8 + nose.bridge, long * 0.75),
        face.glow,
                  0.5, blur=2.8)  # fmt: skip
    ball = 5.4 + 4.2 * nose.tip
    group.ellipse((CENTRE + 1, y - 6), (ball + 3.5, ball * 0.86), face.shadow, 0.20, blur=3)
    group.ellipse(
        (CENTRE - 2, y - 10),
        (ball * 0.62, ball * 0.5),
        shift(face.glow, light=0.035),
        0.75,
        blur=2.2,
    )
    _wings(group, face, deep)


def _wings(group: Group, face: Face, deep: str) -> None:
    y, w = face.nose_y, face.nose_width
    under = [(CENTRE - w * 0.86, y - 1), (CENTRE - w * 0.4, y + 1.5), (CENTRE, y + 4.2),
        (CENTRE + w * 0.4, y + 1.5),
             (CENTRE + w * 0.86, y - 1), (CENTRE + w * 0.55, y + 6.5), (CENTRE, y + 8),
                 (CENTRE - w * 0.55, y + 6.5)]  # fmt: skip
    group.path(smooth(under, closed=True), face.shadow, 0.62, blur=2.2)
    for side in (-1, 1):
        wing = [(CENTRE + side * w * 0.72, y - 12.5), (CENTRE + side * w * 0.99, y - 6.5),
                (CENTRE + side * w * 0.94, y - 0.6),
                    (CENTRE + side * w * 0.62, y + 1.2)]  # fmt: skip
        group.path(
            smooth(wing), stroke=deep, width=1.6, opacity=0.44 if side < 0 else 0.56, blur=0.6
        )
        dark = mix(deep, "#1c0d0c", 0.5)
        hole = (CENTRE + side * w * 0.43, y + 0.6)
        group.ellipse(hole, (w * 0.235, 2.1), dark, 0.85, turn=-14 * side, blur=0.4)
    group.path(smooth([(CENTRE - w * 0.22, y + 2.0), (CENTRE, y + 4.4),
        (CENTRE + w * 0.22, y + 2.0)]),
               stroke=deep, width=1.3, opacity=0.42, blur=0.5)  # fmt: skip


def _chin(group: Group, face: Face) -> None:
    y = face.mouth_y
    group.path(
        smooth([(CENTRE - 2.4, face.nose_y + 8), (CENTRE - 3, y - 9)]),
        stroke=face.shadow,
        width=3,
        opacity=0.26,
        blur=1.6,
    )
    group.path(
        smooth([(CENTRE + 3, face.nose_y + 8), (CENTRE + 3.4, y - 9)]),
        stroke=face.glow,
        width=2,
        opacity=0.4,
        blur=1.4,
    )
    low = y + 9 + 5 * face.look.mouth.fullness
    group.ellipse((CENTRE, low + 4), (face.mouth_width * 0.66, 3.6), face.shadow, 0.55, blur=2.8)
    group.ellipse(
        (CENTRE - 3, (low + face.chin) / 2 + 5),
        (face.chin_width * 0.5, 6.5),
        face.glow,
        0.5,
        blur=4.5,
    )


def _age(group: Group, face: Face) -> None:
    age = face.look.skin.age_lines
    deep = skin_shadow(face.skin, 1.5)
    fold = 0.10 + 0.62 * age
    for side in (-1, 1):

        def at(x: float, y: float, side: int = side) -> Point:
            return (CENTRE + side * x, y)

        w, m = face.nose_width, face.mouth_width
        group.path(smooth([at(w + 1, face.nose_y - 9), at(w + 9, face.nose_y + 5),
            at(m + 7.5, face.mouth_y - 5)]),
                   stroke=deep, width=1.6 + age, opacity=fold, blur=1.3)  # fmt: skip
        if age < 0.25:
            continue
        low, e = face.eye_y + 10, face.eye_x
        group.path(smooth([at(e - 13, low), at(e, low + 5), at(e + 13, low + 2)]),
            stroke=deep, width=1.5,
                   opacity=0.55 * age, blur=1)  # fmt: skip
        for k in range(1 + round(2 * age)):
            x, y = e + face.eye_width + 4.5, face.eye_y - 3 + 4 * k
            group.path(smooth([at(x, y), at(x + 5, y - 1.5 + 2 * k), at(x + 9, y - 2 + 4 * k)]),
                stroke=deep,
                       width=1.1, opacity=0.62 * age, blur=0.5)  # fmt: skip
        group.path(smooth([at(m + 5, face.mouth_y + 3), at(m + 8, face.mouth_y + 11),
            at(m + 7, face.mouth_y + 18)]),
                   stroke=deep, width=1.4, opacity=0.45 * age, blur=1)  # fmt: skip
    for k in range(round(3.2 * age)):
        y, wide = face.brow_y - 15 - 9 * k, 40 - 5 * k
        group.path(smooth([(CENTRE - wide, y + 1.5), (CENTRE, y - 1.5 + k),
            (CENTRE + wide, y + 1.5)]), stroke=deep,
                   width=1.2, opacity=0.34 * age, blur=0.8)  # fmt: skip


def _freckles(group: Group, face: Face) -> None:
    chance, much = face.chance("freckles"), face.look.skin.freckles
    spot = shift(face.skin, light=-0.13, chroma=1.35, hue=2)
    for _ in range(round(90 * much)):
        across = chance.uniform(-1, 1)
        x = CENTRE + face.width * 0.86 * across
        y = face.nose_y - 18 + 9 * abs(across) + chance.uniform(-14, 20)
        size = chance.uniform(0.6, 1.5)
        group.ellipse((x, y), (size, size * 0.85), spot, 0.3 + 0.4 * chance.random())
