"""What is put on: glasses and earrings; what covers the head is in headwear.py."""

from media.avatar.colour import shift, skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.headwear import draw_headwear
from media.avatar.sketch import Group, Point, Sketch, line, smooth


def draw_wear(sketch: Sketch, face: Face) -> None:
    """Paint accessories over everything else."""
    group, wear = sketch["accessories"], face.look.wear
    covered = wear.headwear == "headscarf"
    if wear.earrings != "none" and not covered:
        for side in (-1, 1):
            _earring(group, face, side)
    if wear.glasses != "none":
        _glasses(group, face)
    draw_headwear(sketch, face)


def _earring(group: Group, face: Face, side: int) -> None:
    wear = face.look.wear
    x = CENTRE + side * (face.width + 3.5)
    y = face.eye_y - 9 + (46 + 12 * face.look.ears) * 0.9
    light, dark = shift(wear.earrings_colour, light=0.16), shift(wear.earrings_colour, light=-0.18)
    group.ellipse((x, y), (2.7, 2.7), wear.earrings_colour)
    if wear.earrings == "hoops":
        group.ellipse((x + side, y + 13), (9.5, 12.5), "none", stroke=dark, width=3)
        group.ellipse(
            (x + side - 0.5, y + 12.5), (9.5, 12.5), "none", stroke=wear.earrings_colour, width=1.9
        )
    elif wear.earrings == "drops":
        group.path(line([(x, y), (x, y + 9)]), stroke=dark, width=1.2)
        group.path(
            smooth([(x, y + 8), (x + 4.6, y + 19), (x, y + 24), (x - 4.6, y + 19)], closed=True),
            wear.earrings_colour,
        )
        group.ellipse((x - 1.4, y + 17), (1.3, 3), light, 0.8)
    group.ellipse((x - 0.8, y - 0.8), (1, 1), light)


def _glasses(group: Group, face: Face) -> None:
    wear, y = face.look.wear, face.eye_y + 1
    colour = wear.glasses_colour
    rx, ry = face.eye_width + 9.5, 19.5
    rx = min(rx, face.eye_x - 4)
    for side in (-1, 1):
        x = CENTRE + side * (face.eye_x + 1)
        if wear.glasses == "round":
            frame: list[Point] = [(x + side * rx, y), (x + side * rx * 0.7, y + ry * 0.74),
                (x, y + ry), (x - side * rx * 0.7, y + ry * 0.74), (x - side * rx, y),
                                  (x - side * rx * 0.72, y - ry * 0.72), (x, y - ry * 0.98),
                                      (x + side * rx * 0.72, y - ry * 0.72)]  # fmt: skip
        else:
            frame = [(x + side * rx, y - ry * 0.5), (x + side * rx * 0.94, y + ry * 0.52),
                (x + side * rx * 0.5, y + ry * 0.86), (x - side * rx * 0.55, y + ry * 0.84),
                     (x - side * rx * 0.92, y + ry * 0.4), (x - side * rx * 0.94, y - ry * 0.5),
                         (x - side * rx * 0.5, y - ry * 0.8),
                         (x + side * rx * 0.72, y - ry * 0.82)]  # fmt: skip
        shape = smooth(frame, closed=True)
        group.path(
            smooth([(a, b + 4) for a, b in frame], closed=True),
            stroke=skin_shadow(face.skin, 1.4),
            width=3.5,
            opacity=0.32,
            blur=2,
        )
        group.path(shape, "#ffffff", 0.07)
        with group.clipped(shape):
            glare = [(x - 13, y - 20), (x - 4, y - 20), (x - 17, y + 16), (x - 25, y + 16)]
            group.path(line(glare, closed=True), "#ffffff", 0.13)
        rim = 1.5 if wear.glasses == "half_rim" else 3.1
        group.path(
            shape, stroke=colour, width=rim, opacity=0.55 if wear.glasses == "half_rim" else 1
        )
        if wear.glasses == "half_rim":
            group.path(smooth([frame[0], frame[7], frame[6], frame[5]]), stroke=colour, width=4)
        arm = [(x + side * rx, y - 7), (CENTRE + side * (face.width + 1), y - 9)]
        group.path(line(arm), stroke=colour, width=3)
    inner = face.eye_x + 1 - rx * 0.96
    group.path(
        smooth([(CENTRE - inner, y - 5), (CENTRE, y - 9), (CENTRE + inner, y - 5)]),
        stroke=colour,
        width=3,
    )
    group.path(
        smooth([(CENTRE - inner, y - 6), (CENTRE, y - 10), (CENTRE + inner, y - 6)]),
        stroke=shift(colour, light=0.25),
        width=0.9,
        opacity=0.6,
    )
