"""Scarves, turbans and caps: cloth around the head, folded as cloth folds."""

from media.avatar.colour import mix, skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.locks import Ribbon, Tones, comb, tones, waver
from media.avatar.sketch import Group, Point, Sketch, mirror, smooth

SPREAD = (0.22, 0.4, 0.58, 0.76, 0.9)


def draw_headwear(sketch: Sketch, face: Face) -> None:
    """Paint what covers the head."""
    wear = face.look.wear
    shades = tones(wear.headwear_colour, 0.95)
    match wear.headwear:
        case "headscarf":
            _headscarf(sketch, face, shades, face.hairline + 6)
        case "loose_scarf":
            _loose_scarf(sketch, face, shades)
        case "turban":
            _turban(sketch, face, shades)
        case "beanie":
            _beanie(sketch, face, shades)


def draw_headwear_back(sketch: Sketch, face: Face) -> None:
    """The part of a scarf that lies behind the neck."""
    wear = face.look.wear
    if wear.headwear not in ("headscarf", "loose_scarf"):
        return
    shades, w = tones(wear.headwear_colour, 0.95), face.width
    right = [
        (CENTRE + w * 0.6, face.crown),
        (CENTRE + w + 22, face.eye_y),
        (CENTRE + w + 20, face.chin),
        (CENTRE + w + 40, face.chin + 70),
    ]
    sketch["back-hair"].path(Ribbon.between(mirror(right), right).outline(), shades.deep)


def _cloth_fill(sketch: Sketch, face: Face, shades: Tones, low: float) -> str:
    stops = ((0.0, shades.light, 1.0), (0.4, shades.base, 1.0), (1.0, shades.deep, 1.0))
    return sketch.linear((CENTRE - 90, face.crown), (CENTRE + 90, low), stops)


def _headscarf(sketch: Sketch, face: Face, shades: Tones, brow: float) -> None:
    """A scarf close about the face, draped over neck and shoulders."""
    group, w = sketch["accessories"], face.width
    low = face.chin + 96
    drape = [(CENTRE - w * 0.80, face.chin - 38), (CENTRE - w - 24, face.chin + 20),
        (CENTRE - w - 52, low - 6), (CENTRE - 20, low + 40), (CENTRE + w + 58, low - 10),
             (CENTRE + w + 24, face.chin + 16), (CENTRE + w * 0.80, face.chin - 38),
                 (CENTRE + w * 0.46, face.chin + 1), (CENTRE, face.chin + 7),
                 (CENTRE - w * 0.46, face.chin + 1)]  # fmt: skip
    shape = smooth(drape, closed=True, tension=0.85)
    group.path(shape, "#1a1014", 0.28, blur=7)
    group.path(shape, _cloth_fill(sketch, face, shades, low + 40))
    with group.clipped(shape):
        folds = []
        for k in range(6):
            t = k / 5
            folds.append(
                [
                    (CENTRE + w * (0.95 - 0.2 * t), face.chin - 30 + 22 * t),
                    (CENTRE + 20 - 50 * t, face.chin + 26 + 40 * t),
                    (CENTRE - w - 30 + 60 * t, face.chin + 20 + 90 * t),
                ]
            )
        _creases(group, folds, shades)
        group.path(
            smooth(
                [
                    (CENTRE - w * 0.8, face.chin - 24),
                    (CENTRE, face.chin + 15),
                    (CENTRE + w * 0.8, face.chin - 24),
                ]
            ),
            stroke=shades.deep,
            width=13,
            opacity=0.7,
            blur=6,
        )
    right = face.right_side()
    inner_right = [(CENTRE, brow), (CENTRE + w * 0.5, brow + 5),
        (CENTRE + w * 0.84, face.brow_y - 4), (CENTRE + w * 0.95, face.eye_y + 14),
        (CENTRE + w * 0.82, face.mouth_y - 8),
                   (right[6][0] - 12, face.mouth_y + 10),
                       (CENTRE + face.chin_width * 0.75, face.chin - 4),
                       (CENTRE - 12, face.chin + 3)]  # fmt: skip
    outer_right = [(CENTRE, face.crown - 20), (CENTRE + w * 0.5, face.crown - 12),
        (CENTRE + w + 8, face.crown + 46), (CENTRE + w + 19, face.eye_y + 10),
        (CENTRE + w + 15, face.mouth_y),
                   (CENTRE + w + 8, face.chin - 4), (CENTRE + w * 0.5, face.chin + 20),
                       (CENTRE - 16, face.chin + 30)]  # fmt: skip
    for side in (-1, 1):
        one = inner_right if side > 0 else mirror(inner_right)
        other = outer_right if side > 0 else mirror(outer_right)
        _band(sketch, face, Ribbon.between(one, other), shades, side)


def _band(sketch: Sketch, face: Face, ribbon: Ribbon, shades: Tones, side: int) -> None:
    group, chance = sketch["accessories"], face.chance(f"band{side}")
    shape = ribbon.outline()
    with group.clipped(face.outline()):
        group.path(shape, skin_shadow(face.skin, 1.7), 0.6, blur=6)
    group.path(shape, _cloth_fill(sketch, face, shades, face.chin + 60))
    with group.clipped(shape):
        lines = [ribbon.flow((s, 0.0), (s + 0.08, 1.0), waver(chance, 2, 0.8)) for s in SPREAD]
        _creases(group, lines, shades)
        edge = shades.deep if side > 0 else shades.dark
        group.path(smooth(ribbon.other), stroke=edge, width=12, opacity=0.6, blur=6)
        group.path(smooth(ribbon.one), stroke=shades.light, width=3, opacity=0.7, blur=1)


def _creases(group: Group, lines: list[list[Point]], shades: Tones) -> None:
    """Folds of cloth: a soft valley beside a soft ridge."""
    for points in lines:
        group.path(smooth(points), stroke=shades.deep, width=5, opacity=0.5, blur=2.4)
        ridge = [(x - 4, y - 2.5) for x, y in points]
        group.path(smooth(ridge), stroke=shades.sheen, width=3.5, opacity=0.34, blur=1.6)


def _loose_scarf(sketch: Sketch, face: Face, shades: Tones) -> None:
    """A scarf laid over the back of the head, hair showing before it, ends over the shoulders."""
    group, w, low = sketch["accessories"], face.width, 470.0
    back = face.crown + 8
    inner = [(CENTRE, back), (CENTRE + w * 0.58, back + 13),
        (CENTRE + w * 0.95, face.hairline + 16), (CENTRE + w * 1.06, face.eye_y + 10),
        (CENTRE + w * 1.0, face.chin - 10),
             (CENTRE + w * 0.74, face.chin + 60), (CENTRE + w * 0.40, low + 40)]  # fmt: skip
    outer = [(CENTRE, face.crown - 27), (CENTRE + w * 0.66, face.crown - 17),
        (CENTRE + w + 17, face.crown + 48), (CENTRE + w + 27, face.eye_y + 14),
        (CENTRE + w + 26, face.chin),
             (CENTRE + w + 48, face.chin + 76), (CENTRE + w + 50, low + 46)]  # fmt: skip
    for side in (-1, 1):
        one, other = (inner, outer) if side > 0 else (mirror(inner), mirror(outer))
        ribbon = Ribbon.between(one, other)
        chance = face.chance(f"loose{side}")
        group.path(ribbon.outline(), "#1a1014", 0.30, blur=6)
        group.path(
            ribbon.outline(), _cloth_fill(sketch, face, shades, 480), stroke=shades.base, width=1
        )
        with group.clipped(ribbon.outline()):
            folds = [
                ribbon.flow(
                    (s, 0.05 + 0.2 * chance.random()),
                    (s + chance.uniform(-0.1, 0.1), 1.0),
                    waver(chance, 4, 1.1),
                    12,
                )
                for s in (0.15, 0.3, 0.42, 0.55, 0.66, 0.8, 0.92)
            ]
            _creases(group, folds, shades)
        group.path(smooth(one), stroke=mix(shades.sheen, "#f3d79a", 0.6), width=3.4, opacity=0.9)


def _turban(sketch: Sketch, face: Face, shades: Tones) -> None:
    """Cloth wound from both sides to a peak above the brow."""
    group, w, chance = sketch["accessories"], face.width, face.chance("turban")
    peak = (CENTRE, face.hairline - 8)
    for side in (1, -1):
        low = [
            (CENTRE + side * (w + 7), face.eye_y - 6),
            (CENTRE + side * w * 0.80, face.brow_y - 14),
            (CENTRE + side * w * 0.35, face.hairline + 6),
            (peak[0] - side * 9, peak[1] - 6),
        ]
        high = [
            (CENTRE + side * (w + 17), face.eye_y - 26),
            (CENTRE + side * (w + 17), face.crown + 14),
            (CENTRE + side * w * 0.62, face.crown - 40),
            (CENTRE - side * 16, face.crown - 52),
        ]
        ribbon = Ribbon.between(low, high)
        with group.clipped(face.outline()):
            group.path(ribbon.outline(), skin_shadow(face.skin, 1.6), 0.6, blur=6)
        group.path(
            ribbon.outline(),
            _cloth_fill(sketch, face, shades, face.eye_y),
            stroke=shades.base,
            width=1,
        )
        with group.clipped(ribbon.outline()):
            for k in range(6):
                s = (k + 0.5) / 6
                group.path(
                    smooth(ribbon.flow((s, 0.0), (s * 0.9 + 0.05, 1.0))),
                    stroke=shades.deep,
                    width=5,
                    opacity=0.5,
                    blur=2.5,
                )
                group.path(
                    smooth(ribbon.flow((s + 0.06, 0.0), (s * 0.9 + 0.10, 1.0))),
                    stroke=shades.light,
                    width=3,
                    opacity=0.55,
                    blur=1.2,
                )
            comb(
                group,
                [ribbon.flow((chance.random(), 0), (chance.random(), 1)) for _ in range(8)],
                shades,
                chance,
                (3, 7),
                0.25,
            )


def _beanie(sketch: Sketch, face: Face, shades: Tones) -> None:
    """A knitted cap with a turned-up edge."""
    group, w = sketch["accessories"], face.width
    low = face.hairline + 17
    dome: list[Point] = [(CENTRE - w - 7, low - 8), (CENTRE - w - 4, face.crown + 14),
        (CENTRE - w * 0.55, face.crown - 30), (CENTRE + 4, face.crown - 40),
        (CENTRE + w * 0.58, face.crown - 29),
                         (CENTRE + w + 5, face.crown + 14), (CENTRE + w + 7, low - 8)]  # fmt: skip
    shape = smooth(dome) + "Z"
    with group.clipped(face.outline()):
        group.path(
            f"M{CENTRE - w:.0f} {face.crown:.0f}h{2 * w:.0f}V{low + 10:.0f}h-{2 * w:.0f}Z",
            skin_shadow(face.skin, 1.6),
            0.6,
            blur=6,
        )
    group.path(shape, _cloth_fill(sketch, face, shades, low + 40))
    with group.clipped(shape):
        ribs = "".join(
            smooth(
                [
                    (CENTRE + x * 0.55, face.crown - 40),
                    (CENTRE + x, face.crown + 10),
                    (CENTRE + x * 1.02, low),
                ]
            )
            for x in range(-96, 97, 12)
        )
        group.path(ribs, stroke=shades.dark, width=2.2, opacity=0.6)
    cuff = [
        (CENTRE - w - 10, low - 30),
        (CENTRE, low - 42),
        (CENTRE + w + 10, low - 30),
        (CENTRE + w + 9, low + 4),
        (CENTRE, low - 6),
        (CENTRE - w - 9, low + 4),
    ]
    edge = smooth(cuff[:3]) + "L" + smooth(cuff[3:])[1:] + "Z"
    group.path(edge, shades.base, stroke=shades.dark, width=1.5)
    with group.clipped(edge):
        group.path(
            "".join(f"M{x} {face.crown:.0f}V{low + 20:.0f}" for x in range(150, 370, 8)),
            stroke=shades.deep,
            width=2,
            opacity=0.42,
        )
        group.path(smooth(cuff[:3]), stroke=shades.light, width=6, opacity=0.5, blur=2)
