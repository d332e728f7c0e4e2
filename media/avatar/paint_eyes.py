"""Eyes and brows of every instant: lids close over the eye that was drawn, brows bend.

Each eye is a field of its own: `u` runs from -1 at the inner corner to 1 at the outer one.
A lid follows the gaze (looking down lowers it), and a lid that closes is skin, not a white mask.
"""

from dataclasses import dataclass
from typing import Any

from media.avatar.fields import State, band, blend, over, positive, unit
from media.avatar.traits import Traits

CENTRE = 256.0
# Around an eye in canvas pixels: beside it in widths of the eye, above and below its middle.
EYE_REACH = (1.34, 21.0, 15.0)
# Around the brows: beside the outer end, above and below their middle.
BROW_REACH = (6.0, 22.0, 20.0)


@dataclass(frozen=True, slots=True)
class Lids:
    """Curves of one eye, (N, 1, w). `side` is -1 on the viewer's left, 1 on the right."""

    u: Any
    side: float
    bow: Any
    shut: Any  # 0 open .. 1 closed
    rest_upper: Any
    upper: Any
    lower: Any


def lids(xp: Any, x: Any, side: float, state: State, traits: Traits) -> Lids:
    """Where the lids are at columns `x`."""
    u = (side * (x - CENTRE) - traits["eye_x"]) / traits["eye_width"]
    uc = xp.clip(u, -1.0, 1.0)
    bow = 1 - uc * uc
    tilt = traits["lid_tilt"] * uc
    blink = unit(xp, state["blink_left"] if side < 0 else state["blink_right"])
    arch = bow**0.62 * (1 + traits["lid_lean"] * uc)
    bowl = bow**0.85
    raised = 1 + 0.13 * state["brow"] - 0.10 * state["anger"]
    squint = unit(xp, state["squint"] + 0.30 * unit(xp, state["smile"]))
    height = traits["lid_above"] * raised * (1 - 0.16 * squint) + 1.9 * state["gaze_y"]
    rest = traits["eye_y"] - traits["lid_above"] * arch - tilt
    upper_open = traits["eye_y"] - height * arch - tilt
    depth = traits["lid_below"] * (1 - 0.48 * squint) * (1 + 0.14 * uc) - 0.7 * state["gaze_y"]
    lower = traits["eye_y"] + depth * bowl - tilt + 0.8 * blink * bowl
    upper = upper_open + (lower - upper_open + 0.5) * blink
    return Lids(u, side, bow, blink, rest, upper, lower)


def paint_eye(
    xp: Any, picture: Any, x: Any, y: Any, side: float, state: State, traits: Traits, k: float
) -> None:
    """Paint one eye on the head's skin."""
    at = lids(xp, x, side, state, traits)
    inside_x = unit(xp, (1 - xp.abs(at.u)) * traits["eye_width"] * k + 0.5)
    _lid_skin(xp, picture, y, at, inside_x, state, traits, k)
    eye = band(xp, y, at.upper, at.lower, k) * inside_x * unit(xp, (1 - at.shut) * 8)
    _ball(xp, picture, x, y, at, eye, state, traits, k)
    _lashes(xp, picture, y, at, traits, k)


def _lid_skin(
    xp: Any, picture: Any, y: Any, at: Lids, inside_x: Any, state: State, traits: Traits, k: float
) -> None:
    """Skin between crease and lash: it unrolls as the eye closes."""
    rise = traits["crease_rise"]
    down = at.upper - at.rest_upper
    crease = at.rest_upper - rise - 0.6 + 0.25 * down
    edge = at.bow**0.3
    cover = band(xp, y, crease, at.upper + 0.6, 0.55 * k) * inside_x * edge
    t = unit(xp, (y - crease) / (at.upper - crease + 0.8))
    roll = 1 - xp.abs(t * 2 - 0.9)
    closing = unit(xp, down / (traits["lid_above"] + traits["lid_below"]))
    skin = blend(traits.colour("lid_low"), traits.colour("lid"), 0.35 + 0.65 * unit(xp, roll))
    skin = blend(skin, traits.colour("skin"), 0.45 * unit(xp, roll) * closing)
    over(picture, skin, cover * (0.72 + 0.28 * unit(xp, down / 1.5)))
    depth = traits["crease"] * (1 - 0.6 * at.shut)
    line = unit(xp, 1.1 - xp.abs(y - crease) * (0.95 * k**0.5)) * edge
    fade = unit(xp, (at.u + 0.95) * 4) * unit(xp, (1.16 - at.u) * 4)
    over(picture, traits.colour("crease"), line * fade * depth)
    bag = at.lower + 3.6
    line = xp.exp(-(((y - bag) / 1.7) ** 2)) * at.bow**0.5
    raised = 0.26 + 0.3 * unit(xp, state["squint"] + 0.4 * positive(xp, state["smile"]))
    over(picture, traits.colour("shadow"), line * raised)


def _ball(
    xp: Any,
    picture: Any,
    x: Any,
    y: Any,
    at: Lids,
    eye: Any,
    state: State,
    traits: Traits,
    k: float,
) -> None:
    """White, iris, pupil and the lights in it, painted together and laid in once."""
    r = traits["iris"]
    cx = CENTRE + at.side * (traits["eye_x"] - 0.6) + traits["gaze"] + state["gaze_x"] * 6.4
    cy = traits["eye_y"] - 1.9 - state["gaze_y"] * 3.6 + at.shut * 3.0
    dx, dy = x - cx, y - cy
    away = xp.sqrt(dx * dx + dy * dy + 1e-6)
    edge = unit(xp, (at.u * at.u - 0.15) * 1.1)
    ball = blend(traits.colour("white"), traits.colour("white_edge"), 0.40 * edge + 0.0 * y)
    tear = unit(
        xp, 1 - xp.sqrt(((at.u + 0.95) * 7.5) ** 2 + ((y - at.lower + 1.2) / 2.6) ** 2 + 1e-6)
    )
    ball = blend(ball, traits.colour("tear"), tear)
    disc = unit(xp, (r - away) * k + 0.5)
    ring = unit(xp, (away / r - 0.30) / 0.55)
    height = unit(xp, dy / r * 0.5 + 0.5)
    iris = blend(traits.colour("iris"), traits.colour("iris_light"), height * height * 0.9)
    iris = blend(iris, traits.colour("iris_dark"), unit(xp, 0.75 - height * 1.3) * 0.8)
    iris = blend(iris, traits.colour("iris_rim"), ring * ring * ring * ring)
    glow = xp.exp(-((dx / (r * 0.52)) ** 2) - ((dy - r * 0.5) / (r * 0.26)) ** 2)
    iris = blend(iris, traits.colour("iris_glow"), glow * 0.55)
    iris = blend(iris, traits.colour("pupil"), unit(xp, (r * 0.43 - away) * k + 0.5))
    ball = blend(ball, iris, disc)
    shade = unit(xp, 1 - (y - at.upper) / 5.4)
    ball = blend(ball, traits.black, 0.36 * shade * shade + 0.10 * shade)
    for ox, oy, size, strength in ((-0.34, -0.36, 0.25, 0.96), (0.36, 0.34, 0.12, 0.6)):
        hx, hy = dx - ox * r, dy - oy * r
        light = unit(xp, (size * r - xp.sqrt(hx * hx + hy * hy + 1e-6)) * k + 0.5)
        ball = blend(ball, traits.white, light * strength)
    over(picture, ball, eye)


def _lashes(xp: Any, picture: Any, y: Any, at: Lids, traits: Traits, k: float) -> None:
    """One clean dark curve along the upper lid, with a wing; a thin one below."""
    lashes = traits["lashes"]
    base = 1.25 + 1.55 * lashes
    grow = unit(xp, (at.u + 1) / 2)
    reach = 1.03 + 0.16 * lashes
    ends = unit(xp, (at.u + 1.02) * 7) * unit(xp, (reach - at.u) * 6)
    thick = base * (0.38 + 0.62 * grow) * ends
    wing = positive(xp, at.u - 0.66)
    lift = wing * wing * (5.0 + 17.0 * lashes) * (1 - 1.5 * unit(xp, at.shut))
    line = at.upper - lift
    over(
        picture,
        traits.colour("lash"),
        0.95 * band(xp, y, line - thick * 0.75, line + thick * 0.4, k) * unit(xp, ends * 3),
    )
    low = unit(xp, 1.0 - xp.abs(y - at.lower - 0.2) * (1.1 * k**0.5))
    low = low * unit(xp, (at.u + 0.45) * 3) * unit(xp, (1 - at.u) * 8) * (1 - 0.6 * at.shut)
    over(picture, traits.colour("lash"), low * (0.40 + 0.2 * lashes))


def paint_brows(
    xp: Any, picture: Any, x: Any, y: Any, state: State, traits: Traits, k: float
) -> None:
    """Both brows. A band of fine hairs along a curve; the hairs move with it."""
    start, end = traits["brow_start"], traits["brow_end"]
    drawn_in = 2.6 * state["anger"] + 1.2 * positive(xp, -state["brow"])
    t = (xp.abs(x - CENTRE) + drawn_in - start) / (end - start)
    tc = unit(xp, t)
    rise = traits["brow_arch"] * (1 - ((tc - 0.62) / 0.62) ** 2)
    inner = (1 - tc) ** 1.4
    line = traits["brow_y"] + 3 - rise + 7.5 * positive(xp, tc - 0.62)
    line = line - state["brow"] * (6.0 - 1.5 * tc) - state["inner_brow"] * (6.5 * inner - 1.8 * tc)
    line = line + state["anger"] * (6.5 * inner - 1.5 * tc) + 0.8 * state["squint"]
    thick = traits["brow_thick"] * xp.clip(0.52 + 1.5 * tc, 0.0, 1.0) * (1 - tc**2.4) + 0.35
    ends = unit(xp, t * 14 + 0.4) * unit(xp, (1 - t) * 16 + 0.4)
    body = band(xp, y, line - thick * 0.55, line + thick * 0.55, 0.62 * k) * ends
    along = (tc * (end - start) + (y - line) * (0.55 + 0.9 * tc)) / 2.05
    hairs = xp.abs(along % 1.0 - 0.5) * 2
    reach = band(xp, y, line - thick * (0.66 - 0.2 * tc), line + thick * 0.62, 0.8 * k) * ends
    strength = body * 0.66 + reach * (1 - body) * 0.3 * hairs + body * hairs * 0.26
    over(picture, traits.colour("brow"), unit(xp, strength))
