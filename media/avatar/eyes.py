"""Eyes and brows at rest, from the same curves that the rig bends to blink and to look away.

`u` runs from -1 at the inner corner to 1 at the outer one.
"""

from media.avatar.colour import IRIS, mix, shift, skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.sketch import Group, Point, Sketch, smooth

STEPS = 15
# By shape of the eye: upper and lower lid above and below the middle; rise and depth of the crease.
LIDS = {"almond": (8.6, 4.6), "round": (9.8, 5.4), "hooded": (8.0, 4.4), "monolid": (7.2, 4.4)}
CREASES = {"almond": (4.6, 0.62), "round": (5.4, 0.6), "hooded": (2.8, 0.68), "monolid": (2.2, 0.2)}


def draw_eyes(sketch: Sketch, face: Face) -> None:
    """Paint both eyes."""
    for side in (-1, 1):
        _eye(sketch, face, side)


def draw_brows(sketch: Sketch, face: Face) -> None:
    """Paint both brows."""
    for side in (-1, 1):
        _brow(sketch["brows"], face, side)


def lid(face: Face, u: float, upper: bool) -> float:
    """The height of a lid's edge at `u`."""
    eyes, calm = face.look.eyes, face.look.expression
    above, below = LIDS[eyes.shape]
    grow = 0.93 + 0.28 * eyes.size
    tilt = (eyes.tilt - 0.42) * 6.5 * u
    bow = max(0.0, 1 - u * u)
    arch, bowl = float(bow**0.62), float(bow**0.85)
    if upper:
        lean = 1 - 0.16 * u if eyes.shape != "monolid" else 1 + 0.12 * u
        return face.eye_y - above * grow * (1 - 0.1 * calm.warmth) * arch * lean - tilt
    return face.eye_y + below * grow * (1 - 0.34 * calm.warmth) * bowl * (1 + 0.14 * u) - tilt


def _eye(sketch: Sketch, face: Face, side: int) -> None:
    group, w = sketch["eyes"], face.eye_width
    us = [-1 + 2 * i / (STEPS - 1) for i in range(STEPS)]

    def at(u: float, y: float) -> Point:
        return (CENTRE + side * (face.eye_x + u * w), y)

    upper = [at(u, lid(face, u, True)) for u in us]
    lower = [at(u, lid(face, u, False)) for u in us]
    shape = smooth([*upper, *lower[-2:0:-1]], closed=True)
    _lid_skin(group, face, upper, side)
    white = mix("#f6f1ec", face.shadow, 0.10)
    group.path(shape, white)
    with group.clipped(shape):
        _ball(sketch, face, side)
        group.path(
            smooth([(x, y + 1.5) for x, y in upper]),
            stroke="#20141a",
            width=6.5,
            opacity=0.34,
            blur=2.2,
        )
        group.ellipse(at(-0.94, lid(face, -0.94, False) - 1), (2.6, 2.2), "#c9807a", 0.75, blur=0.6)
    _lashes(group, face, us, at)


def _ball(sketch: Sketch, face: Face, side: int) -> None:
    group, look = sketch["eyes"], face.look
    colour = IRIS[look.eyes.colour]
    r = 8.7 + 1.2 * look.eyes.size
    x = CENTRE + side * face.eye_x + (look.expression.gaze - 0.5) * 7 - side * 0.6
    y = face.eye_y - 1.9
    group.ellipse((x, y), (r + 5, r + 3), mix("#b9aaa8", face.shadow, 0.3), 0.30, blur=2.5)
    dark, light = shift(colour, light=-0.13), shift(colour, light=0.13, chroma=1.15)
    stops = (
        (0.0, light, 1.0),
        (0.55, colour, 1.0),
        (0.86, dark, 1.0),
        (1.0, shift(colour, light=-0.2), 1.0),
    )
    group.ellipse((x, y), (r, r), sketch.radial((x, y + r * 0.35), r * 1.28, stops))
    group.ellipse(
        (x, y + r * 0.5),
        (r * 0.56, r * 0.27),
        shift(colour, light=0.24, chroma=1.1),
        0.55,
        blur=1.2,
    )
    group.ellipse((x, y), (r * 0.43, r * 0.43), "#120c10")
    group.ellipse((x - r * 0.34, y - r * 0.36), (r * 0.25, r * 0.27), "#ffffff", 0.96)
    group.ellipse((x + r * 0.36, y + r * 0.34), (r * 0.12, r * 0.12), "#ffffff", 0.6)


def _lid_skin(group: Group, face: Face, upper: list[Point], side: int) -> None:
    """The lid above the eye and its crease; a monolid has none, a hood hides it."""
    shape, deep = face.look.eyes.shape, skin_shadow(face.skin, 1.6)
    rise, strength = CREASES[shape]
    lifted = [(x, y - rise) for x, y in upper]
    group.path(
        smooth([*upper, *lifted[::-1]], closed=True),
        mix(face.skin, face.shadow, 0.5),
        0.75,
        blur=1.4,
    )
    crease = [(x, y - rise - 0.6 * (2 < i < 12)) for i, (x, y) in enumerate(upper)][1:]
    last = (crease[-1][0] + side * 3, crease[-1][1] + 1.5)
    group.path(smooth([*crease, last]), stroke=deep, width=1.5, opacity=strength, blur=0.5)
    under = [(x, 2 * face.eye_y - y + 3.5) for x, y in upper[2:-1]]
    group.path(smooth(under), stroke=face.shadow, width=2.2, opacity=0.34, blur=1.4)


def _lashes(group: Group, face: Face, us: list[float], at: "object") -> None:
    assert callable(at)
    lashes, ink = face.look.eyes.lashes, mix("#1b1216", face.hair, 0.12)
    base = 1.25 + 1.55 * lashes
    top: list[Point] = []
    bottom: list[Point] = []
    for u in us:
        thick = base * (0.38 + 0.62 * (u + 1) / 2)
        top.append(at(u, lid(face, u, True) - thick * 0.75))
        bottom.append(at(u, lid(face, u, True) + thick * 0.4))
    wing = at(1.0 + 0.16 * lashes + 0.03, lid(face, 1.0, True) - 0.6 - 2.6 * lashes)
    group.path(smooth([*top, wing, *bottom[::-1]], closed=True, tension=0.8), ink, 0.95)
    low = [at(u, lid(face, u, False) + 0.2) for u in us if u > -0.45]
    group.path(smooth(low), stroke=ink, width=0.7 + 0.5 * lashes, opacity=0.42 + 0.2 * lashes)


def _brow(group: Group, face: Face, side: int) -> None:
    brows, chance = face.look.brows, face.chance(f"brow{side}")
    grey = face.look.hair.grey
    ink = mix(shift(face.hair, light=-0.03 - 0.05 * (1 - grey)), face.shadow, 0.16)
    w = face.eye_width
    start, end = face.eye_x - w * (1.02 - 0.2 * (brows.gap - 0.5)), face.eye_x + w * 1.38
    thick = 3.0 + 4.6 * brows.thickness

    def place(t: float) -> tuple[Point, float]:
        rise = (1.5 + 5.5 * brows.arch) * (1 - ((t - 0.62) / 0.62) ** 2)
        y = face.brow_y + 3 - rise + 7.5 * max(0.0, t - 0.62)
        high = thick * min(1.0, 0.52 + 1.5 * t) * (1 - t**2.4) + 0.35
        return (CENTRE + side * (start + (end - start) * t), y), high

    steps = [i / 10 for i in range(11)]
    middle = [place(t) for t in steps]
    top = [(x, y - h * 0.55) for (x, y), h in middle]
    low = [(x, y + h * 0.55) for (x, y), h in middle]
    group.path(smooth([*top, *low[::-1]], closed=True), ink, 0.74, blur=0.7)
    strokes = []
    for i in range(26):
        t = (i + chance.random()) / 27
        (x, y), h = place(t)
        lean = 3.2 + 5.0 * t
        rise = h * (0.9 - 1.0 * t)
        strokes.append(
            smooth(
                [
                    (x - side * 1.2, y + h * 0.45),
                    (x + side * lean * 0.5, y - rise * 0.3),
                    (x + side * lean, y - rise * 0.6),
                ]
            )
        )
    group.path("".join(strokes), stroke=ink, width=1.0, opacity=0.72)
