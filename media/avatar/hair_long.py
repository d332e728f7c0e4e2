"""Hair that falls; and what every cut shares: hairline, skull, light, fine hairs at the edge."""

import random

from media.avatar.colour import skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.locks import Ribbon, Tones, blade, comb, ringlets, taper, tones, waver
from media.avatar.sketch import Group, Point, Sketch, mirror, smooth


def top_volume(face: Face) -> float:
    """How far hair stands above the skull."""
    lift = {"straight": 0.0, "wavy": 4.0, "curly": 10.0, "coily": 8.0}[face.look.hair.texture]
    return 11 + 13 * face.look.hair.volume + lift


def side_volume(face: Face) -> float:
    """How far hair stands out beside the face."""
    lift = {"straight": 0.0, "wavy": 5.0, "curly": 14.0, "coily": 12.0}[face.look.hair.texture]
    return 9 + 17 * face.look.hair.volume + lift


def fall(face: Face) -> float:
    """Where loose hair ends."""
    hair = face.look.hair
    if hair.style == "bob":
        return face.chin - 22 + 48 * hair.length
    return face.chin + 46 + 120 * hair.length


def hairline(face: Face) -> list[Point]:
    """The edge of the hair from the left ear over the forehead to the right ear."""
    w, y = face.width, face.hairline
    back = face.look.hair.hairline
    right = [
        (CENTRE, y + 3 - 3 * back), (CENTRE + w * 0.30, y + 1 - 4 * back),
            (CENTRE + w * 0.60, y + 7 - 10 * back),
        (CENTRE + w * 0.80, y + 24 - 4 * back), (CENTRE + w * 0.90, face.brow_y - 6),
            (CENTRE + w * 0.985, face.eye_y - 6),
    ]  # fmt: skip
    return [*mirror(right)[:0:-1], *right]


def skull(face: Face, top: float, side: float) -> list[Point]:
    """The outside of close-lying hair, from the left ear over the crown to the right ear."""
    w, high = face.width, face.height
    right = [
        (CENTRE, face.crown - top), (CENTRE + (w + side) * 0.48, face.crown - top * 0.9 + 6),
        (CENTRE + (w + side) * 0.84, face.crown + high * 0.13 - top * 0.35),
        (CENTRE + (w + side) * 0.99, face.crown + high * 0.29),
            (CENTRE + w + side * 0.9, face.eye_y - 12),
    ]  # fmt: skip
    return [*mirror(right)[:0:-1], *right]


def hair_fill(sketch: Sketch, face: Face, shades: Tones, low: float) -> str:
    """Light on the crown's shoulder, darker towards the nape."""
    stops = (
        (0.0, shades.dark, 1.0),
        (0.14, shades.light, 1.0),
        (0.30, shades.base, 1.0),
        (1.0, shades.dark, 1.0),
    )
    return sketch.linear((CENTRE - 40, face.crown - 30), (CENTRE + 50, low), stops)


def strand_wave(face: Face, chance: random.Random, length: float) -> tuple[float, float]:
    kind = face.look.hair.texture
    if kind == "straight":
        return chance.uniform(0.5, 3), 0.7
    if kind == "wavy":
        return chance.uniform(4, 9), length / chance.uniform(92, 124)
    return chance.uniform(6, 10), length / chance.uniform(44, 58)


def draw_loose_back(sketch: Sketch, face: Face) -> None:
    """The fall of hair behind neck and shoulders."""
    group, shades, chance = sketch["back-hair"], tones(face.hair), face.chance("back")
    low, side = fall(face), side_volume(face)
    curly = face.look.hair.texture in ("curly", "coily")
    low -= 34 if curly else 0
    w = face.width + side
    bob = face.look.hair.style == "bob"
    taper_in = 0.93 if bob else 0.72 if curly else 0.86
    right = [(CENTRE + w * 0.5, face.crown + 14), (CENTRE + w * 0.97, face.eye_y - 20),
        (CENTRE + w * 1.02, face.mouth_y),
             (CENTRE + w * 0.99, (face.chin + low) / 2), (CENTRE + w * taper_in, low)]  # fmt: skip
    ribbon = Ribbon.between(mirror(right), right)
    shape = ribbon.outline()
    group.path(shape, shades.deep)
    strands = []
    for _ in range(64):
        height, waves = strand_wave(face, chance, low - face.crown)
        s = chance.uniform(0.02, 0.98)
        strands.append(ribbon.flow((s, chance.uniform(0, 0.3)),
            (s + chance.uniform(-0.03, 0.03), chance.uniform(0.85, 1.0)),
                                   waver(chance, height, waves), 11))  # fmt: skip
    if curly:
        for strand in strands[:38]:
            x, y = strand[-1]
            strand.append((x + chance.uniform(-9, 9), y + chance.uniform(14, 44)))
        ringlets(group, strands[:38], tones(shades.dark), chance, (13, 19))
    else:
        comb(group, strands, tones(shades.dark, 0.8), chance, (5, 12))
        _back_ends(group, ribbon, shades, face.chance("ends"))


def _back_ends(group: Group, ribbon: Ribbon, shades: Tones, chance: random.Random) -> None:
    """Tips below the edge: hair that was cut is not ruled off."""
    tips = []
    for k in range(46):
        s = 0.02 + 0.96 * (k + chance.random()) / 46
        (x, y), drop = ribbon.at(s, 1.0), chance.uniform(2.5, 8.5)
        tips.append(
            taper(
                [(x, y - 12), (x, y - 2), (x + chance.uniform(-2.5, 2.5), y + drop)],
                chance.uniform(6, 11),
                root=0.9,
            )
        )
    group.path("".join(tips), shades.deep)


def draw_loose(sketch: Sketch, face: Face) -> None:
    """Two curtains from the parting, and a fringe where there is one."""
    group, shades = sketch["front-hair"], tones(face.hair)
    part = CENTRE + (face.look.hair.parting - 0.5) * face.width * 0.95
    heavy = 1 if part <= CENTRE else -1
    for side in (-heavy, heavy):
        _curtain(sketch, face, side, part, shades)
    if face.look.hair.fringe:
        _fringe(sketch, face, part, shades)
    draw_sheen(group, face, shades)


def _guides(face: Face, side: int, part: float) -> tuple[list[Point], list[Point]]:
    w, top, out, low = face.width, top_volume(face), side_volume(face), fall(face)
    low -= 40 if face.look.hair.texture in ("curly", "coily") else 0
    bob = face.look.hair.style == "bob"

    def at(x: float, y: float) -> Point:
        return (CENTRE + side * x, y)

    outer = [(part, face.crown - top), (part + side * w * 0.24, face.crown - top + 1.5),
        at(w * 0.60, face.crown - top * 0.62 + 4),
        at(w + out * 0.62, face.crown + face.height * 0.22),
             at(w + out * 0.98, face.eye_y + 4), at(w + out * 1.06, face.mouth_y),
                 at(w + out * (0.86 if bob else 0.94), low - 12)]  # fmt: skip
    temple = 0.90 if bob else 0.88
    inner = [(part, face.hairline - 2),
        at(w * 0.52 + side * (part - CENTRE) * 0.2, face.hairline + 13),
        at(w * temple, face.brow_y + 4),
             at(w * 1.0, face.nose_y - 8), at(w * (0.98 if bob else 0.93), face.chin - 22),
                 at(w * (0.86 if bob else 0.78), low)]  # fmt: skip
    return inner, outer


def _curtain(sketch: Sketch, face: Face, side: int, part: float, shades: Tones) -> None:
    group, chance = sketch["front-hair"], face.chance(f"curtain{side}")
    inner, outer = _guides(face, side, part)
    ribbon = Ribbon.between(inner, outer)
    shape, low = ribbon.outline(), fall(face)
    with group.clipped(face.outline()):
        group.path(shape, skin_shadow(face.skin, 1.7), 0.55, blur=6)
    group.path(shape, hair_fill(sketch, face, shades, low))
    strands = []
    for _ in range(56):
        height, waves = strand_wave(face, chance, low - face.crown)
        s = chance.uniform(0.03, 0.97)
        strands.append(ribbon.flow((s, chance.uniform(0, 0.12)),
            (s + chance.uniform(-0.05, 0.05), chance.uniform(0.82, 1.0)),
                                   waver(chance, height * 0.8, waves), 12))  # fmt: skip
    if face.look.hair.texture in ("curly", "coily"):
        _curls(group, ribbon, shades, chance)
        return
    with group.clipped(shape):
        comb(group, strands, shades, chance, (3, 9))
        group.path(smooth(ribbon.one), stroke=shades.deep, width=9, opacity=0.5, blur=4)
    _loose_ends(group, face, ribbon, shades, chance)


def _curls(group: Group, ribbon: Ribbon, shades: Tones, chance: random.Random) -> None:
    strands = []
    for k in range(44):
        s = (k * 0.618) % 1.0 * 1.12 - 0.04
        start = chance.uniform(0.07 if s < 0.8 else 0.2, 0.5)
        end = min(1.0, start + chance.uniform(0.36, 0.6))
        bend = waver(chance, chance.uniform(5.5, 9), chance.uniform(2.2, 3.2))
        lock = ribbon.flow((s, start), (s + chance.uniform(-0.06, 0.06), end), bend, 16)
        if end > 0.9:
            (x, y), drop = lock[-1], chance.uniform(8, 26)
            lock += [
                (x + chance.uniform(-7, 7), y + drop),
                (x + chance.uniform(-5, 5), y + 2 * drop),
            ]
        strands.append(lock)
    ringlets(group, strands, shades, chance, (10, 16))
    roots = [ribbon.flow((s, 0.0), (s, 0.3), count=6) for s in (0.1 + 0.05 * k for k in range(17))]
    comb(group, roots, shades, chance, (3, 7), 0.5)


def _loose_ends(
    group: Group, face: Face, ribbon: Ribbon, shades: Tones, chance: random.Random
) -> None:
    """Locks that leave the edge, so that the silhouette is hair and not paper."""
    wavy = face.look.hair.texture == "wavy"
    marks = []
    for k in range(16 if wavy else 11):
        s = 1.0 if k % 3 else 0.0
        start = chance.uniform(0.45, 0.74)
        lift = waver(chance, chance.uniform(4, 8) if wavy else 1.5, 1.3)
        points = ribbon.flow(
            (s * 0.9 + 0.05, start),
            (s + (chance.uniform(-0.10, 0.0)), min(1.0, start + 0.36)),
            lift,
            9,
        )
        marks.append(taper(points, chance.uniform(3.5, 8)))
    tips = []
    for _ in range(18):
        s = chance.uniform(0.05, 0.95)
        points = ribbon.flow((s, 0.93), (s + chance.uniform(-0.03, 0.03), 1.0), count=5)
        points.append(
            (points[-1][0] + chance.uniform(-4, 4), points[-1][1] + chance.uniform(5, 15))
        )
        tips.append(taper(points, chance.uniform(5, 10)))
    group.path("".join(tips), shades.dark)
    group.path("".join(marks), shades.dark)


def _fringe(sketch: Sketch, face: Face, part: float, shades: Tones) -> None:
    group, chance = sketch["front-hair"], face.chance("fringe")
    w, low = face.width, face.brow_y - 1
    locks = []
    for k in range(13):
        x = -0.88 + 1.76 * k / 12 + chance.uniform(-0.03, 0.03)
        root = (part + (CENTRE - part) * 0.3 + x * w * 0.42, face.crown + 5 + 5 * abs(x))
        tip = (
            CENTRE + x * w * 0.98 + chance.uniform(-4, 4),
            low + 9 * x * x + chance.uniform(-4, 3),
        )
        middle = (CENTRE + x * w * 0.86, (root[1] + tip[1]) / 2 - 6)
        locks.append(
            taper(
                [root, ((root[0] + middle[0]) / 2, root[1] + 12), middle, tip],
                27,
                root=0.3,
                tip=0.3,
            )
        )
    with group.clipped(face.outline()):
        group.path("".join(locks), skin_shadow(face.skin, 1.6), 0.55, blur=5)
    group.path("".join(locks), hair_fill(sketch, face, shades, low + 60))
    strands = []
    for _ in range(40):
        x = chance.uniform(-0.9, 0.9)
        strands.append(
            [
                (part + x * w * 0.4, face.crown + 2),
                (CENTRE + x * w * 0.8, face.hairline),
                (CENTRE + x * w * 0.96, low - chance.uniform(2, 18)),
            ]
        )
    comb(group, strands, shades, chance, (2, 5), 0.5)


def draw_sheen(group: Group, face: Face, shades: Tones) -> None:
    """A soft band of light where the head curves."""
    w, y = face.width, face.crown
    band = [(CENTRE - w * 0.86, y + 40), (CENTRE - w * 0.45, y + 10), (CENTRE + w * 0.05, y - 1)]
    group.path(smooth(band), stroke=shades.sheen, width=11, opacity=0.34, blur=5)


def soften(group: Group, edge: list[Point], shades: Tones, chance: random.Random) -> None:
    """Fine hairs across the hairline: nobody's begins with a ruled edge."""
    ribbon = Ribbon.between(edge, [(x * 0.94 + CENTRE * 0.06, y - 15) for x, y in edge])
    marks = []
    for k in range(110):
        t = (k + chance.random()) / 110
        root = ribbon.at(-0.08 - 0.26 * chance.random(), t)
        marks.append(blade(root, ribbon.at(0.9, t + chance.uniform(-0.015, 0.015)), 0.7))
    group.path("".join(marks), shades.dark, 0.55)
