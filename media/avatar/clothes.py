"""Neck, shoulders and what is worn on them; the shadow under the chin is a layer of its own."""

from media.avatar.appearance import Clothing
from media.avatar.colour import mix, shift, skin_shadow
from media.avatar.face import CENTRE, Face
from media.avatar.sketch import Group, Point, Sketch, line, mirror, smooth


def draw_body(sketch: Sketch, face: Face) -> None:
    """Paint neck and shoulders, then the clothing over them."""
    group = sketch["body"]
    _skin(sketch, group, face)
    edge = _neckline(face)
    shape = _cloth(face, edge)
    with group.clipped(_neck_path(face)):
        group.path(shape, skin_shadow(face.skin, 1.2), 0.5, blur=5)
    colour = face.look.clothing.colour
    lit, dark = shift(colour, light=0.05), shift(colour, light=-0.09)
    fill = sketch.linear(
        (CENTRE - 120, face.chin + 40),
        (CENTRE + 150, 512),
        ((0.0, lit, 1.0), (0.5, colour, 1.0), (1.0, dark, 1.0)),
    )
    group.path(shape, fill)
    with group.clipped(shape):
        _pattern(group, face)
        _folds(group, face)
    _trim(group, face, edge)


def draw_neck_shadow(sketch: Sketch, face: Face) -> None:
    """The shade the head throws on the neck, deeper to the right."""
    group, n = sketch["neck-shadow"], face.neck
    y, fall = face.chin, 0.45 if face.look.clothing.neckline == "turtle" else 1.0
    neck = [
        (CENTRE - n + 1, y - 40), (CENTRE - n + 1, y + 10 * fall),
            (CENTRE - n * 0.2, y + 31 * fall),
        (CENTRE + n * 0.6, y + 36 * fall), (CENTRE + n - 1, y + 24 * fall),
            (CENTRE + n - 1, y - 40),
    ]  # fmt: skip
    with group.clipped(_neck_path(face)):
        shade = skin_shadow(face.skin, 1.25)
        group.path(smooth(neck, closed=True, tension=0.7), shade, 0.78, blur=5 * fall**0.5)


def _neck_side(face: Face) -> list[Point]:
    n, y, s = face.neck, face.chin, face.shoulder
    strong = face.look.build.neck
    return [
        (CENTRE + n, y - 40), (CENTRE + n * 0.985, y + 6), (CENTRE + n * 1.06, y + 34),
        (CENTRE + n * 1.5, y + 54 - 5 * strong), (CENTRE + s * 0.62, y + 70 - 4 * strong),
            (CENTRE + s * 0.90, y + 86),
        (CENTRE + s * 1.06, y + 122), (CENTRE + s * 1.14, 530),
    ]  # fmt: skip


def _neck_path(face: Face) -> str:
    right = _neck_side(face)
    return smooth([*right, *mirror(right)[::-1]], closed=True, tension=0.9)


def _skin(sketch: Sketch, group: Group, face: Face) -> None:
    y = face.chin
    dark = mix(face.skin, face.shadow, 0.35)
    fill = sketch.linear(
        (CENTRE - 50, y), (CENTRE + 70, y + 90), ((0.0, face.skin, 1.0), (1.0, dark, 1.0))
    )
    group.path(_neck_path(face), fill)
    deep = skin_shadow(face.skin, 1.2)
    for side in (-1, 1):
        bone = [
            (CENTRE + side * 74, y + 79),
            (CENTRE + side * 44, y + 78),
            (CENTRE + side * 14, y + 92),
        ]
        group.path(smooth(bone), stroke=deep, width=2.6, opacity=0.34, blur=1.6)
        cord = [
            (CENTRE + side * face.neck * 0.78, y + 12),
            (CENTRE + side * face.neck * 0.5, y + 52),
            (CENTRE + side * 9, y + 88),
        ]
        group.path(smooth(cord), stroke=deep, width=4, opacity=0.16, blur=2.5)
    group.ellipse((CENTRE - 24, y + 70), (26, 8), face.glow, 0.35, blur=6)


def _neckline(face: Face) -> list[Point]:
    """The right half of the opening, from the side of the neck to the middle of the chest."""
    n, y = face.neck, face.chin
    side = {
        "crew": 1.30,
        "scoop": 1.75,
        "vee": 1.42,
        "collar": 1.18,
        "turtle": 1.04,
        "band": 1.14,
        "jacket": 1.3,
    }
    x = CENTRE + n * side[face.look.clothing.neckline]
    match face.look.clothing.neckline:
        case "turtle":
            return [(x + 2, y + 16), (CENTRE + n * 0.6, y + 27), (CENTRE, y + 30)]
        case "crew":
            return [(x, y + 48), (CENTRE + n * 0.9, y + 68), (CENTRE, y + 77)]
        case "scoop":
            return [(x, y + 56), (CENTRE + n * 1.2, y + 96), (CENTRE, y + 114)]
        case "band":
            return [(x, y + 38), (CENTRE + n * 0.5, y + 58), (CENTRE, y + 64)]
        case _:
            return [(x, y + 46), (CENTRE + n * 0.6, y + 84), (CENTRE, y + 128)]


def _cloth(face: Face, edge: list[Point]) -> str:
    """Clothing from its opening over the shoulders to the lower edge of the picture."""
    side = _neck_side(face)
    start = [(edge[0][0], edge[0][1] - 1)]
    over = [(x, y - 4) for x, y in side[4:] if x > edge[0][0] + 10]
    lip = (
        [(edge[0][0] + 16, edge[0][1] + 5)]
        if face.look.clothing.neckline != "turtle"
        else [(edge[0][0] + 5, face.chin + 42), (edge[0][0] + 22, face.chin + 55)]
    )
    sleeve = [(x + 3, y) for x, y in over]
    right = [*start, *lip, *sleeve, (CENTRE + face.shoulder * 1.2, 560)]
    opening = [*mirror(edge), *edge[-2::-1]]
    left = mirror(right)[::-1]
    down, up = smooth(right, tension=0.85), smooth(left, tension=0.85)
    return f"{smooth(opening)}L{down[1:]}L{up[1:]}Z"


def _pattern(group: Group, face: Face) -> None:
    cloth, y0 = face.look.clothing, face.chin + 30
    if cloth.pattern == "plain":
        return
    marks = []
    match cloth.pattern:
        case "stripes":
            for k in range(10):
                y = y0 + 22 * k
                marks.append(
                    smooth([(40, y + 34), (150, y + 8), (256, y + 26), (362, y + 8), (472, y + 34)])
                )
            group.path("".join(marks), stroke=cloth.accent, width=6.5, opacity=0.8)
        case "dots":
            for k in range(12):
                for j in range(24):
                    x, y = 30 + 20 * j + 10 * (k % 2), y0 + 17 * k
                    marks.append(f"M{x:.0f} {y:.0f}h0.1")
            group.path("".join(marks), stroke=cloth.accent, width=5, opacity=0.75)
        case _:
            marks = [f"M{x} 540L{x + 240} 300M{x + 240} 540L{x} 300" for x in range(-300, 756, 24)]
            group.path("".join(marks), stroke=cloth.accent, width=1.1, opacity=0.34)


def _folds(group: Group, face: Face) -> None:
    s, y = face.shoulder, face.chin
    dark, light = (
        shift(face.look.clothing.colour, light=-0.14),
        shift(face.look.clothing.colour, light=0.10),
    )
    for side in (-1, 1):
        arm = [
            (CENTRE + side * s * 0.80, y + 134),
            (CENTRE + side * s * 0.73, y + 165),
            (CENTRE + side * s * 0.75, 530),
        ]
        group.path(smooth(arm), stroke=dark, width=6, opacity=0.55, blur=3.5)
        pull = [
            (CENTRE + side * s * 0.7, y + 96),
            (CENTRE + side * s * 0.42, y + 122),
            (CENTRE + side * s * 0.3, y + 160),
        ]
        group.path(smooth(pull), stroke=dark, width=7, opacity=0.26, blur=5)
    rim = [(CENTRE - s * 0.46, y + 66), (CENTRE - s * 0.84, y + 80), (CENTRE - s * 1.02, y + 116)]
    group.path(smooth(rim), stroke=light, width=7, opacity=0.5, blur=4)


def _trim(group: Group, face: Face, edge: list[Point]) -> None:
    cloth = face.look.clothing
    whole = [*edge, *mirror(edge)[::-1][1:]]
    dark = shift(cloth.colour, light=-0.10)
    match cloth.neckline:
        case "crew" | "scoop":
            group.path(smooth(whole), stroke=dark, width=5.5, opacity=0.9)
            group.path(
                smooth([(x, y + 5) for x, y in whole]),
                stroke=shift(cloth.colour, light=0.05),
                width=1,
                opacity=0.7,
            )
        case "vee":
            group.path(line(whole), stroke=dark, width=5)
        case "turtle":
            _roll(group, face)
        case "band":
            group.path(smooth(whole), stroke=cloth.accent, width=6.5)
            group.path(
                line([(CENTRE, edge[-1][1]), (CENTRE, 520)]),
                stroke=cloth.accent,
                width=6,
                opacity=0.9,
            )
            for k in range(3):
                group.ellipse((CENTRE, edge[-1][1] + 18 + 30 * k), (2.6, 2.6), dark)
        case _:
            _lapels(group, face, cloth)


def _roll(group: Group, face: Face) -> None:
    """A rolled collar, close to the neck."""
    n, y, colour = face.neck, face.chin, face.look.clothing.colour
    top = [
        (CENTRE - n * 1.06, y + 15),
        (CENTRE - n * 0.6, y + 26),
        (CENTRE, y + 30),
        (CENTRE + n * 0.6, y + 26),
        (CENTRE + n * 1.06, y + 15),
    ]
    low = [(x * 1.04 - CENTRE * 0.04, y0 + 27) for x, y0 in top]
    shape = smooth([*top, *low[::-1]], closed=True, tension=0.8)
    group.path(shape, shift(colour, light=0.025))
    with group.clipped(shape):
        group.path(smooth(low), stroke=shift(colour, light=-0.13), width=7, opacity=0.6, blur=3)
        ribs = "".join(
            line([(x, y), (x * 1.02 - CENTRE * 0.02, y + 60)]) for x in range(190, 330, 7)
        )
        group.path(ribs, stroke=shift(colour, light=-0.07), width=1.2, opacity=0.5)


def _lapels(group: Group, face: Face, cloth: Clothing) -> None:
    """A shirt's collar, or a jacket's lapels over a plain top."""
    n, y = face.neck, face.chin
    jacket = cloth.neckline == "jacket"
    if jacket:
        top = [
            (CENTRE - n * 1.3, y + 50),
            (CENTRE - n * 0.7, y + 72),
            (CENTRE, y + 82),
            (CENTRE + n * 0.7, y + 72),
            (CENTRE + n * 1.3, y + 50),
        ]
        group.path(
            smooth(top) + f"L{CENTRE + 4:.0f} {y + 132:.0f}L{CENTRE - 4:.0f} {y + 132:.0f}Z",
            cloth.accent,
        )
        group.path(smooth(top), stroke=shift(cloth.accent, light=-0.1), width=3)
    for side in (-1, 1):
        x = CENTRE + side * n * (1.3 if jacket else 1.12)
        wing: list[Point] = [(x, y + 40), (CENTRE + side * 5, y + (128 if jacket else 104)),
                             (CENTRE + side * n * (1.3 if jacket else 0.98),
                                 y + (150 if jacket else 110)),
                             (CENTRE + side * n * (2.05 if jacket else 1.75),
                                 y + (96 if jacket else 82)),
                             (x + side * 13, y + 44)]  # fmt: skip
        group.path(line(wing, closed=True), shift(cloth.colour, light=-0.16), 0.5, blur=3.5)
        tone = shift(cloth.colour, light=0.035 if side < 0 else 0.0)
        group.path(
            line(wing, closed=True), tone, stroke=shift(cloth.colour, light=-0.09), width=1.2
        )
    if not jacket:
        group.path(
            line([(CENTRE, y + 112), (CENTRE, 520)]),
            stroke=shift(cloth.colour, light=-0.1),
            width=1.6,
        )
        for k in range(2):
            group.ellipse((CENTRE, y + 138 + 36 * k), (3, 3), shift(cloth.accent, light=-0.05))
