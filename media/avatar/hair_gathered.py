"""Hair gathered into a bun or a tail, lying close to the skull."""

import random

from media.avatar.colour import skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.hair_long import (
    draw_sheen,
    hair_fill,
    hairline,
    side_volume,
    skull,
    soften,
    strand_wave,
    top_volume,
)
from media.avatar.locks import Ribbon, Tones, comb, taper, tones, waver
from media.avatar.sketch import Group, Sketch


def draw_gathered_back(sketch: Sketch, face: Face) -> None:
    """A bun above the crown, or a tail over the shoulder."""
    group, shades, chance = sketch["back-hair"], tones(face.hair), face.chance("gathered")
    if face.look.hair.style == "bun" and face.look.wear.headwear != "none":
        return  # it is under the cloth
    if face.look.hair.style == "bun":
        _bun(group, face, shades, chance)
        return
    top = (CENTRE + face.width * 0.55, face.eye_y - 20)
    low = face.chin + 30 + 130 * face.look.hair.length
    one = [
        top,
        (CENTRE + face.width * 0.98, face.nose_y),
        (CENTRE + face.width * 0.86, face.chin + 20),
        (CENTRE + face.width * 0.95, low),
    ]
    other = [
        (top[0], top[1] - 12),
        (CENTRE + face.width * 1.42, face.nose_y - 6),
        (CENTRE + face.width * 1.5, face.chin + 34),
        (CENTRE + face.width * 1.2, low),
    ]
    ribbon = Ribbon.between(one, other)
    group.path(ribbon.outline(), shades.dark)
    strands = []
    for _ in range(34):
        s = chance.uniform(0, 1)
        height, waves = strand_wave(face, chance, low - top[1])
        strands.append(
            ribbon.flow((s, 0.0), (s, chance.uniform(0.8, 1.0)), waver(chance, height, waves), 10)
        )
    comb(group, strands, shades, chance, (4, 9))


def _bun(group: Group, face: Face, shades: Tones, chance: random.Random) -> None:
    size = 25 + 14 * face.look.hair.volume
    x, y = CENTRE + 3, face.crown - top_volume(face) - size * 0.42
    group.ellipse((x, y), (size * 1.12, size), shades.dark)
    strands = []
    for k in range(20):
        reach = chance.uniform(0.35, 1.0)
        tilt = chance.uniform(-0.3, 0.3)
        strands.append([(x - size * 1.1 * reach, y + size * (0.5 - 0.9 * k / 19)),
            (x + size * tilt, y - size * reach * (0.9 - 1.5 * k / 19)),
                        (x + size * 1.1 * reach, y + size * (0.6 - 0.9 * k / 19))])  # fmt: skip
    comb(group, strands, shades, chance, (5, 9), 0.7)
    group.ellipse((x, y + size * 0.95), (size * 0.85, 7), shades.deep, 0.8, blur=4)


def draw_gathered(sketch: Sketch, face: Face) -> None:
    """Hair drawn back from the face, close to the skull."""
    group, shades, chance = sketch["front-hair"], tones(face.hair), face.chance("cap")
    edge = hairline(face)
    ribbon = Ribbon.between(edge, skull(face, top_volume(face) * 0.75, 5 + side_volume(face) * 0.2))
    shape = ribbon.outline()
    with group.clipped(face.outline()):
        group.path(shape, skin_shadow(face.skin, 1.5), 0.55, blur=5)
    group.path(shape, hair_fill(sketch, face, shades, face.eye_y + 60))
    part = face.look.hair.parting
    strands = []
    for _ in range(90):
        t = chance.uniform(0.01, 0.99)
        pull = (
            (0.5 - t) * 0.42
            if face.look.hair.style == "bun"
            else (0.5 - t) * -0.02 + (t - part) * 0.1
        )
        height = 2.5 if face.look.hair.texture == "straight" else 5
        strands.append(
            ribbon.flow((0.0, t), (1.0, t + pull), waver(chance, chance.uniform(0, height), 0.8), 8)
        )
    with group.clipped(shape):
        comb(group, strands, shades, chance, (2.5, 6.5))
    soften(group, edge, shades, chance)
    for side in (-1, 1):
        x = CENTRE + side * face.width * 0.97
        wisp = [
            (x - side * 3, face.brow_y),
            (x + side * 2, face.eye_y + 12),
            (x - side * 2, face.nose_y),
            (x + side * 3, face.mouth_y - 6),
        ]
        group.path(taper(wisp, 4.2), shades.dark, 0.85)
    draw_sheen(group, face, shades)
