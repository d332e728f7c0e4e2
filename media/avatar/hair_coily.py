"""Coily hair: a rounded afro, and braids from neat rows."""

import math
import random

from media.avatar.colour import skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.hair_long import hairline, skull, soften
from media.avatar.locks import Ribbon, coils, plait, tones
from media.avatar.sketch import Group, Point, Sketch, smooth

ROWS = 17


def _radius(face: Face) -> float:
    return face.width + 20 + 34 * face.look.hair.volume


def _middle(face: Face) -> Point:
    return (CENTRE, face.brow_y - 10)


def _cloud(face: Face, chance: random.Random, grow: float, lowest: float) -> list[Point]:
    """A round outline with the small unevenness of real growth."""
    (x, y), r = _middle(face), _radius(face) + grow
    out = []
    for k in range(64):
        a = math.tau * k / 64
        rough = 1 + 0.030 * math.sin(5 * a + 1) + chance.uniform(-0.022, 0.022)
        px, py = x + r * rough * math.cos(a), y + r * 0.94 * rough * math.sin(a)
        out.append((px, min(py, lowest + chance.uniform(-5, 5))))
    return out


def draw_afro_back(sketch: Sketch, face: Face) -> None:
    """The round of the hair behind the head."""
    group, shades, chance = sketch["back-hair"], tones(face.hair), face.chance("afro")
    low = face.mouth_y + 10 + 30 * face.look.hair.length
    outline = _cloud(face, chance, 0, low)
    stops = ((0.0, shades.base, 1.0), (0.7, shades.dark, 1.0), (1.0, shades.deep, 1.0))
    x, y = _middle(face)
    group.path(
        smooth(outline, closed=True), sketch.radial((x - 40, y - 60), _radius(face) * 1.7, stops)
    )
    _scatter(group, face, chance, low, behind=True)


def draw_afro(sketch: Sketch, face: Face) -> None:
    """The front of the hair, from the hairline outward."""
    group, shades, chance = sketch["front-hair"], tones(face.hair), face.chance("afro-front")
    edge = hairline(face)
    r, (x, y) = _radius(face) - 6, _middle(face)
    arc = [
        (x + r * math.cos(a), y + r * 0.94 * math.sin(a))
        for a in (math.pi * (1 + 0.95 * k / 12) + 0.08 for k in range(13))
    ]
    ribbon = Ribbon.between(edge, arc)
    with group.clipped(face.outline()):
        group.path(ribbon.outline(), skin_shadow(face.skin, 1.5), 0.55, blur=6)
    stops = ((0.0, shades.base, 1.0), (0.75, shades.dark, 1.0), (1.0, shades.dark, 0.0))
    group.path(ribbon.outline(), sketch.radial((x - 36, y - 70), r * 1.5, stops))
    places = [ribbon.at(chance.uniform(-0.02, 1.0), chance.random()) for _ in range(520)]
    coils(group, places, shades, chance, (2.3, 4.0), (CENTRE - 56, face.crown - 40))
    soften(group, edge, shades, chance)


def _scatter(group: Group, face: Face, chance: random.Random, low: float, behind: bool) -> None:
    (x, y), places = _middle(face), []
    shades = tones(face.hair)
    for _ in range(620):
        a, r = chance.uniform(0, math.tau), _radius(face) * math.sqrt(chance.uniform(0.30, 1.03))
        place = (x + r * math.cos(a), y + r * 0.94 * math.sin(a))
        if place[1] < low and behind:
            places.append(place)
    coils(group, places, shades, chance, (2.6, 4.4), (CENTRE - 70, face.crown - 50))


def draw_braids_back(sketch: Sketch, face: Face) -> None:
    """Braids hanging behind the shoulders."""
    group, shades, chance = sketch["back-hair"], tones(face.hair), face.chance("braids")
    low = face.chin + 40 + 120 * face.look.hair.length
    _behind_braids(group, face, low, chance)
    for k in range(18):
        x = -1 + 2 * k / 17
        wide = face.width * (1.06 + 0.1 * abs(x))
        plait(group, [(CENTRE + x * face.width * 0.8, face.eye_y - 30),
            (CENTRE + x * wide, face.chin - 10),
                      (CENTRE + x * wide + chance.uniform(-5, 5),
                          low + chance.uniform(-18, 10))], 9.5, tones(shades.dark))  # fmt: skip


def _behind_braids(group: Group, face: Face, low: float, chance: random.Random) -> None:
    """A second row between the braids and further back, so that no light comes through."""
    shades = tones(face.hair)
    deep = tones(shades.deep)
    for k in range(17):
        x = -1 + 2 * (k + 0.5) / 17
        wide = face.width * (1.05 + 0.1 * abs(x))
        plait(group, [(CENTRE + x * face.width * 0.78, face.eye_y - 26),
            (CENTRE + x * wide, face.chin - 10),
                      (CENTRE + x * wide + chance.uniform(-3, 3),
                          low - chance.uniform(14, 40))], 12.5, deep)  # fmt: skip


def draw_braids(sketch: Sketch, face: Face) -> None:
    """Rows from the hairline over the crown, and braids before the shoulders."""
    group, shades, chance = sketch["front-hair"], tones(face.hair), face.chance("rows")
    edge = hairline(face)
    ribbon = Ribbon.between(edge, skull(face, 10, 7))
    with group.clipped(face.outline()):
        group.path(ribbon.outline(), skin_shadow(face.skin, 1.4), 0.5, blur=5)
    group.path(ribbon.outline(), shades.deep)
    with group.clipped(ribbon.outline()):
        for k in range(ROWS):
            t = (k + 0.5) / ROWS
            row = ribbon.flow((-0.02, t), (1.02, t + (0.5 - t) * 0.18), count=6)
            plait(group, row, 10.0 - 2 * abs(t - 0.5), shades)
        shine = [
            (CENTRE - face.width * 0.8, face.crown + 40),
            (CENTRE - face.width * 0.2, face.crown + 2),
        ]
        group.path(smooth(shine), stroke=shades.sheen, width=16, opacity=0.4, blur=8)
    soften(group, edge, shades, chance)
    low = face.chin + 50 + 110 * face.look.hair.length
    for side in (-1, 1):
        for k in range(5):
            x = face.width * (1.02 + 0.085 * k)
            start = (CENTRE + side * (face.width * 0.97 + 2 * k), face.eye_y - 22 - 6 * k)
            sway = chance.uniform(-3, 3)
            plait(group, [start, (CENTRE + side * x, face.nose_y), (CENTRE + side * (x + sway),
                face.chin + 10),
                          (CENTRE + side * (x - 4 + sway),
                              low - 14 * k + chance.uniform(-6, 6))], 9.8, shades)  # fmt: skip
