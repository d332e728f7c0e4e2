"""Short cuts: a top with its own grain, sides that thin towards the ear, a hairline of hairs."""

import random

from media.avatar.colour import skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.hair_long import hair_fill, hairline, skull, soften
from media.avatar.locks import Ribbon, Tones, blade, coils, comb, ringlets, taper, tones, waver
from media.avatar.sketch import Group, Point, Sketch, mirror, smooth


def draw_short(sketch: Sketch, face: Face) -> None:
    """Sides, top, and the soft edge of a short cut."""
    group, shades, chance = sketch["front-hair"], tones(face.hair), face.chance("short")
    _sides(sketch, face, shades, chance)
    top = _top(face)
    shape = top.outline()
    with group.clipped(face.outline()):
        group.path(shape, skin_shadow(face.skin, 1.4), 0.5, blur=5)
    with group.clipped(face.outline()):
        group.path(shape, shades.dark, 0.6, blur=2.2)
    group.path(shape, hair_fill(sketch, face, shades, face.brow_y + 40))
    _grain(group, face, top, shape, shades, chance)
    if face.look.hair.style not in ("crop", "pixie"):
        soften(group, _forehead(face), shades, chance)


def draw_shaved(sketch: Sketch, face: Face) -> None:
    """A bare head: the shade of what would grow, and light on the crown."""
    group = sketch["front-hair"]
    edge = Ribbon.between(hairline(face), skull(face, 0.5, 0.5))
    with group.clipped(face.outline()):
        group.path(edge.outline(), face.hair, 0.10, blur=6)
        group.ellipse((CENTRE - 24, face.crown + 24), (30, 13), face.glow, 0.75, blur=7, turn=-16)


def _lift(face: Face) -> float:
    rise = {"side": 17, "swept": 22, "crop": 9, "fade": 8, "pixie": 16}[face.look.hair.style]
    return rise * (0.55 + 0.9 * face.look.hair.volume)


def _forehead(face: Face) -> list[Point]:
    """The hairline between the temples."""
    return hairline(face)[2:-2]


def _top(face: Face) -> Ribbon:
    """The crown of the cut, from hairline to its outside."""
    w, lift = face.width, _lift(face)
    style = face.look.hair.style
    low = _forehead(face)
    tight = 0.90 if style == "fade" else 0.97
    right = [(CENTRE, face.crown - lift), (CENTRE + w * 0.50, face.crown - lift * 0.80 + 5),
        (CENTRE + w * 0.87, face.crown + face.height * 0.105 - lift * 0.26),
             (CENTRE + w * tight, face.hairline + 12)]  # fmt: skip
    out = [*mirror(right)[:0:-1], *right]
    if style in ("side", "swept", "pixie"):
        lean = 7 if face.look.hair.parting < 0.5 else -7
        out = [
            (x + lean * (1 - abs(x - CENTRE) / w), y - (4 if (x - CENTRE) * lean > 0 else 0))
            for x, y in out
        ]
    return Ribbon.between(low, out)


def _sides(sketch: Sketch, face: Face, shades: Tones, chance: random.Random) -> None:
    group, w = sketch["front-hair"], face.width
    fade = face.look.hair.style == "fade"
    strong, weak = (0.78, 0.10) if fade else (1.0, 0.72)
    bearded = face.look.facial_hair.style != "none"
    burn = face.nose_y - (26 if fade else 16) if bearded else face.eye_y + 13
    for side in (-1, 1):

        def at(x: float, y: float, side: int = side) -> Point:
            return (CENTRE + side * x, y)

        inner = [
            at(w * 0.66, face.hairline + 4),
            at(w * 0.79, face.hairline + 20),
            at(w * 0.885, face.brow_y),
            at(w * 0.90, face.eye_y + 4),
            at(w * 0.935, burn),
        ]
        out = 0.6 if fade else 5.5
        outer = [
            at(w * 0.70, face.hairline - 34),
            at(w * 0.96 + out * 0.6, face.hairline - 4),
            at(w + out, face.brow_y - 8),
            at(w + out * 0.4, face.eye_y - 8),
            at(w * 0.99, burn - 2),
        ]
        ribbon = Ribbon.between(inner, outer)
        stops = (
            (0.0, shades.base, strong),
            (0.55, shades.dark, (strong + weak) / 2),
            (1.0, shades.dark, weak),
        )
        fill = sketch.linear((CENTRE, face.hairline - 10), (CENTRE, burn + 2), stops)
        group.path(ribbon.outline(), fill, blur=0.6 if fade else 0.9)
        hairs = [_side_hair(ribbon, chance) for _ in range(70)]
        group.path(
            "".join(blade(h[0], h[-1], 0.5) for h in hairs), shades.deep, 0.34 if fade else 0.5
        )


def _side_hair(ribbon: Ribbon, chance: random.Random) -> list[Point]:
    """One hair of the side, lying down and back."""
    s, t = chance.random(), chance.uniform(0.02, 0.86)
    return ribbon.flow((s, t), (s + chance.uniform(0.0, 0.16), t + 0.14), count=3)


def _grain(
    group: Group, face: Face, top: Ribbon, shape: str, shades: Tones, chance: random.Random
) -> None:
    texture = face.look.hair.texture
    if texture == "coily":
        places = [top.at(chance.uniform(0.0, 1.03), chance.random()) for _ in range(430)]
        coils(group, places, shades, chance, (1.9, 3.2), (CENTRE - 40, face.crown - 6))
    elif texture == "curly":
        _curls(group, top, shades, chance)
    else:
        _strands(group, face, top, shape, shades, chance)


def _curls(group: Group, top: Ribbon, shades: Tones, chance: random.Random) -> None:
    strands = []
    for k in range(64):
        t = (k * 0.618) % 1.0
        s = 1.0 - 0.92 * (k / 63) + chance.uniform(-0.08, 0.06)
        x, y = top.at(s, t)
        r, turn, way = chance.uniform(7, 11.5), chance.uniform(0, 6.28), chance.choice((-1, 1))
        strands.append(_curl(x, y, r, turn, way))
    ringlets(group, strands, shades, chance, (7, 11))


def _curl(x: float, y: float, r: float, turn: float, way: int) -> list[Point]:
    """A lock that winds once round itself."""
    import math

    steps = [i / 9 for i in range(10)]
    return [
        (
            x + r * (1 - 0.55 * t) * math.cos(turn + way * 4.4 * t),
            y + r * (1 - 0.55 * t) * 0.85 * math.sin(turn + way * 4.4 * t),
        )
        for t in steps
    ]


def _strands(
    group: Group, face: Face, top: Ribbon, shape: str, shades: Tones, chance: random.Random
) -> None:
    style, part = face.look.hair.style, face.look.hair.parting
    rough = 6.0 if face.look.hair.texture == "wavy" else 2.0
    strands, free = [], []
    for k in range(110):
        t = chance.uniform(0.02, 0.98)
        bend = waver(chance, chance.uniform(0, rough), 0.9)
        match style:
            case "side" | "pixie":
                way = 1 if t > part else -1
                reach = min(0.98, max(0.02, t + way * chance.uniform(0.10, 0.22)))
                strands.append(
                    top.flow(
                        (chance.uniform(0.5, 0.98), t),
                        (chance.uniform(-0.03, 0.45), reach),
                        bend,
                        7,
                    )
                )
            case "swept":
                strands.append(
                    top.flow(
                        (-0.02, t), (chance.uniform(0.7, 1.0), t + (0.5 - part) * 0.14), bend, 7
                    )
                )
            case _:
                strands.append(
                    top.flow(
                        (chance.uniform(0.4, 1.0), t),
                        (chance.uniform(-0.02, 0.4), t + chance.uniform(-0.05, 0.09)),
                        bend,
                        6,
                    )
                )
        if k % 5 == 0 and style in ("crop", "pixie"):
            free.append(top.flow((0.7, t), (1.03, t + chance.uniform(-0.04, 0.06)), count=5))
    with group.clipped(shape):
        comb(group, strands, shades, chance, (3, 8), 0.6)
    group.path("".join(taper(f, 5) for f in free), shades.dark)
    if style in ("crop", "pixie"):
        _points(group, face, top, shades, chance)
    w, y = face.width, face.crown
    shine = [(CENTRE - w * 0.66, y + 20), (CENTRE - w * 0.3, y + 2 - _lift(face) * 0.4)]
    group.path(smooth(shine), stroke=shades.sheen, width=9, opacity=0.34, blur=4)


def _points(group: Group, face: Face, top: Ribbon, shades: Tones, chance: random.Random) -> None:
    """A textured edge that falls a little over the forehead."""
    reach = -0.42 if face.look.hair.style == "pixie" else -0.26
    shadow, marks = [], []
    for k in range(19):
        t = 0.05 + 0.9 * k / 18
        lean = 0.10 if face.look.hair.parting < 0.5 else -0.10
        points = top.flow(
            (0.34, t - lean * 0.6),
            (reach * chance.uniform(0.4, 1.0), t + lean),
            waver(chance, 2, 0.6),
            6,
        )
        marks.append(taper(points, chance.uniform(10, 16), root=0.9))
        shadow.append(taper([(x + 1, y + 4) for x, y in points], 12, root=0.9))
    with group.clipped(face.outline()):
        group.path("".join(shadow), skin_shadow(face.skin, 1.5), 0.4, blur=3)
    group.path("".join(marks[::2]), shades.dark)
    group.path("".join(marks[1::2]), shades.base)
