"""The mouth of every instant: lips as curves that open, round, smile, press and tuck.

`u` runs from -1 at one corner to 1 at the other; at rest the curves are the still's own. The
upper teeth belong to the skull: lips move over them, so teeth never swim. The lower ones and
the tongue go with the jaw.
"""

from dataclasses import dataclass
from typing import Any

from media.avatar.fields import State, band, blend, over, positive, unit
from media.avatar.traits import Traits

CENTRE = 256.0
# Around the middle of the mouth, in canvas pixels: beside it, above, below; for each painting.
FOLDS_REACH = (60.0, 36.0, 12.0)
INSIDE_REACH = (48.0, 9.0, 34.0)
LIPS_REACH = (54.0, 19.0, 45.0)
DROP = 25.0  # how far the lips part at a wholly open jaw
CHIN_DROP = 13.5  # and how far the chin follows


@dataclass(frozen=True, slots=True)
class Lips:
    """The curves of one instant, (N, 1, w), and what they were made with."""

    u: Any
    bow: Any
    half: Any
    top: Any
    inner_top: Any
    inner_low: Any
    low: Any
    line: Any
    opening: Any
    corner_y: Any


def jaw_open(state: State) -> Any:
    """The jaw after what overrules it."""
    return state["jaw"] * (1 - state["press"]) * (1 - 0.62 * state["tuck"])


def smiling(xp: Any, state: State, traits: Traits) -> Any:
    """How much the mouth smiles: whoever is sad or angry loses even the smile they have at rest."""
    rest, now = traits["smile"], state["smile"]
    return rest + positive(xp, now) - positive(xp, -now) * (1 + rest)


def gap(xp: Any, state: State, traits: Traits) -> Any:
    """How far the lips are parted in the middle, in canvas pixels."""
    jaw, press, tuck = jaw_open(state), state["press"], state["tuck"]
    grin = positive(xp, smiling(xp, state, traits) - 1.05)
    calm = 1 - unit(xp, positive(xp, -state["smile"]) * 3)
    rest = traits["parted"] * 15 * calm + 16.0 * unit(xp, grin) + 5.0 * state["teeth"]
    rounded = positive(xp, -state["wide"])
    parted = (rest + jaw * DROP + rounded * 3.2 * (1 - jaw)) * (1 - press)
    return parted * (1 - tuck) + tuck * (4.4 + 0.2 * parted)


def lips(xp: Any, x: Any, state: State, traits: Traits) -> Lips:
    """Where the lips are at columns `x` (N, 1, w)."""
    wide, press, tuck = state["wide"], state["press"], state["tuck"]
    jaw = jaw_open(state)
    smile = xp.clip(smiling(xp, state, traits), -1.0, 1.35)
    smile = smile - 0.45 * positive(xp, smile - 0.65)
    rounded, drawn = positive(xp, -wide), positive(xp, wide)
    half = traits["mouth_width"] * (
        1 + 0.10 * smile - (0.46 - 0.08 * jaw) * rounded + 0.15 * drawn - 0.055 * jaw - 0.03 * press
    )
    u = (x - CENTRE) / half
    u2 = unit(xp, u * u)
    bow = 1 - u2
    opening = gap(xp, state, traits)
    calm = unit(xp, 1 - opening / 9)
    bend = smile * (1 - 0.8 * rounded)
    line = traits["mouth_y"] + bend * (3.0 - 8.6 * u2) + 0.9 * xp.cos(u * 9) * bow * calm
    line = line - 1.6 * rounded * bow
    round_power = 0.86 - 0.26 * unit(xp, opening / 14) - 0.10 * rounded
    hole = opening * bow**round_power
    rise = 0.25 - 0.06 * unit(xp, opening / 18) + 0.42 * tuck + 0.24 * rounded
    inner_top = line - hole * rise
    inner_low = line + hole * (1 - rise)
    top = inner_top - _upper(xp, u, bow, opening, state, traits)
    low = inner_low + _lower(xp, u2, bow, opening, state, traits)
    corner = traits["mouth_y"] + bend * -5.6
    return Lips(u, bow, half, top, inner_top, inner_low, low, line, opening, corner)


def _upper(xp: Any, u: Any, bow: Any, opening: Any, state: State, traits: Traits) -> Any:
    notch = xp.exp(-((u / 0.17) ** 2))
    peaks = xp.exp(-(((xp.abs(u) - 0.3) / 0.2) ** 2))
    rounded = positive(xp, -state["wide"])
    cupid = 1 - (0.30 - 0.18 * rounded) * notch + (0.14 - 0.08 * rounded) * peaks
    thick = 3.4 + 4.2 * traits["fullness"] - 1.3 * unit(xp, opening / 15)
    grin = unit(xp, smiling(xp, state, traits) - 0.6)
    thick = thick * (1 + 0.42 * rounded - 0.36 * state["press"] - 0.18 * grin)
    return thick * bow ** (0.8 - 0.15 * rounded) * cupid


def _lower(xp: Any, u2: Any, bow: Any, opening: Any, state: State, traits: Traits) -> Any:
    rounded = positive(xp, -state["wide"])
    thick = 5.0 + 5.4 * traits["fullness"]
    grin = unit(xp, smiling(xp, state, traits) - 0.6)
    stretch = 1 + 0.26 * rounded - 0.32 * state["press"] - 0.42 * state["tuck"] - 0.16 * grin
    thick = thick * (stretch - 0.10 * unit(xp, opening / 22))
    return thick * bow ** (0.72 - 0.1 * rounded) * (1 - 0.1 * u2)


def _inside_x(xp: Any, at: Lips, k: float) -> Any:
    return unit(xp, (1 - xp.abs(at.u)) * at.half * k + 0.5)


def paint_lips(
    xp: Any, picture: Any, x: Any, y: Any, state: State, traits: Traits, k: float
) -> None:
    """The lips over what shows between them. `x` (N, 1, w), `y` (N, h, 1) in canvas pixels."""
    at = lips(xp, x, state, traits)
    inside_x = _inside_x(xp, at, k)
    _shade(xp, picture, x, y, at, traits)
    _flesh(xp, picture, y, at, inside_x, traits, k)
    _seam(xp, picture, y, at, inside_x, traits, k)


def _shade(xp: Any, picture: Any, x: Any, y: Any, at: Lips, traits: Traits) -> None:
    """The shadow that the lower lip throws, and the dimples of the corners."""
    under = xp.exp(-(((y - at.low - 2.6) / 3.2) ** 2)) * at.bow * 0.34
    beyond = (xp.abs(x - CENTRE) - at.half - 1.2) / 2.9
    corner = xp.exp(-(beyond * beyond) - ((y - at.corner_y) / 2.7) ** 2) * 0.5
    over(picture, traits.colour("corner"), unit(xp, under * 0.7 + corner))


def paint_folds(
    xp: Any, picture: Any, x: Any, y: Any, state: State, traits: Traits, _k: float
) -> None:
    """The fold from nose to mouth that a smile draws, and the cheek that it lifts."""
    at = lips(xp, x, state, traits)
    smile = unit(xp, state["smile"])
    top, low = traits["nose_y"] - 8, at.corner_y + 4
    t = (y - top) / (low - top)
    reach = at.half + 7.5
    wing = traits["mouth_width"] * 0.5 + 4
    fold = wing + (reach - wing) * (0.25 * t + 0.75 * t * t)
    off = xp.abs(x - CENTRE) - fold
    window = unit(xp, t * 3) * unit(xp, (1.12 - t) * 3)
    line = xp.exp(-((off / 2.2) ** 2)) * window * smile
    over(picture, traits.colour("corner"), line * (0.26 + 0.16 * traits["age"]))
    cheek = xp.exp(-(((off - 7.5) / 6.0) ** 2)) * window * smile
    over(picture, traits.colour("glow"), cheek * 0.26)


def paint_inside(
    xp: Any, picture: Any, x: Any, y: Any, state: State, traits: Traits, k: float
) -> None:
    """Throat, tongue and teeth, painted together and laid in once, before the lips."""
    at = lips(xp, x, state, traits)
    inside_x = _inside_x(xp, at, k)
    u2 = 1 - at.bow
    hole = band(xp, y, at.inner_top, at.inner_low, k) * inside_x * unit(xp, at.opening / 2.2)
    jaw = jaw_open(state)
    depth = unit(xp, (y - at.inner_top) / 22)
    throat = blend(traits.colour("throat"), traits.colour("tongue"), 0.16 * depth)
    lift = state["tongue"]
    tongue_top = at.inner_low - 1.5 - at.opening * (0.30 + 0.34 * lift) * at.bow**0.4
    spread = at.half * (0.66 + 0.06 * lift)
    tongue = unit(xp, (y - tongue_top) * 0.34 * k) * unit(
        xp, 1.9 * (1 - ((x - CENTRE) / spread) ** 2)
    )
    tongue = tongue * unit(xp, at.opening / 8) * (0.78 - 0.32 * positive(xp, -state["wide"]))
    inner = blend(throat, traits.colour("tongue"), tongue)
    groove = xp.exp(-(((x - CENTRE) / 2.2) ** 2)) * tongue * 0.16
    inner = blend(inner, traits.colour("throat"), groove)
    grin = unit(xp, smiling(xp, state, traits) - 0.35)
    edge = (
        traits["mouth_y"] + 3.6 + 3.2 * grin + 0.9 * unit(xp, at.opening / 10)
        - (4.4 + 3.4 * grin) * u2 - 8.5 * positive(xp, -state["wide"]) - 1.2 * jaw
    )  # fmt: skip
    upper = unit(xp, (edge - y) * 0.9 * k + 0.5) * unit(xp, (at.opening - 1.0) / 2.5)
    lower_edge = at.inner_low - 1.8 - 3.0 * state["teeth"] * at.bow
    lower = unit(xp, (y - lower_edge) * 0.7 * k + 0.5) * unit(xp, 1.5 - at.opening / 12)
    lower = lower * state["teeth"] * (1 - u2) * 0.8
    tooth = xp.abs(((x - CENTRE) / 5.9 + 0.5) % 1.0 - 0.5)
    gaps = unit(xp, 1 - (0.5 - tooth) * 8) * unit(xp, (at.opening - 3) / 8)
    teeth = traits.colour("teeth")
    white = blend(teeth, traits.colour("tongue"), 0.30 * u2 + 0.10 * gaps + 0.0 * y)
    inner = blend(inner, blend(white, traits.black, 0.08 + 0.0 * jaw), lower)
    inner = blend(inner, white, upper)
    shade = unit(xp, 1 - (y - at.inner_top) / 3.0) * unit(xp, at.opening / 9)
    deep = 0.34 * shade + 0.5 * unit(xp, (xp.abs(at.u) - 0.70) / 0.34) ** 2
    inner = blend(inner, traits.colour("throat"), unit(xp, deep))
    over(picture, inner, hole)


def _flesh(
    xp: Any, picture: Any, y: Any, at: Lips, inside_x: Any, traits: Traits, k: float
) -> None:
    """Both lips, lit from above, a little soft where they meet the skin."""
    lip, dark = traits.colour("lip"), traits.colour("lip_dark")
    soft = 0.62 * k
    up = unit(xp, (y - at.top) * soft + 0.5) * unit(xp, (at.inner_top - y) * k + 0.7) * inside_x
    down = unit(xp, (at.low - y) * soft + 0.5) * unit(xp, (y - at.inner_low) * k + 0.7) * inside_x
    t = unit(xp, (y - at.top) / (at.inner_top - at.top + 0.6))
    over(picture, blend(lip, dark, 0.25 + 0.9 * t * t), unit(xp, up * 0.95))
    t = unit(xp, (y - at.inner_low) / (at.low - at.inner_low + 0.6))
    lit = 1 - xp.abs(t * 2 - 0.92)
    over(picture, blend(dark, traits.colour("lip_light"), unit(xp, lit)), down * 0.95)
    shine = xp.exp(-(((t - 0.40) / 0.17) ** 2) - ((at.u + 0.10) / 0.36) ** 2) * down * 0.5
    over(picture, traits.colour("lip_shine"), shine)


def _seam(xp: Any, picture: Any, y: Any, at: Lips, inside_x: Any, traits: Traits, k: float) -> None:
    """The line where closed lips meet; open ones keep it only in the corners."""
    closed = unit(xp, 1 - at.opening / 3.5)
    near = unit(xp, (xp.abs(at.u) - 0.72) / 0.28)
    strength = (closed + (1 - closed) * near * 0.75) * 0.85
    middle = (at.inner_top + at.inner_low) * 0.5
    line = unit(xp, 1.15 - xp.abs(y - middle) * (1.2 * k**0.5)) * inside_x * strength
    over(picture, traits.colour("seam"), line)
