"""Turning a flat drawing: where each layer's pixels come from for a pose of the head.

Backward maps: for a place in the frame, the place in the drawing it shows. The head is an
ellipsoid with a nose, hair a shell around it, so that turning shifts what is near more than
what is far; the neck follows the head and the shoulders only breathe.
"""

import math
from typing import Any, Final

from media.avatar.fields import State, positive, step
from media.avatar.paint_mouth import CHIN_DROP, gap, jaw_open
from media.avatar.traits import Traits

CENTRE = 256.0
RADIANS = math.pi / 180
LAYERS: Final = ("back", "body", "head", "front")


def source(xp: Any, layer: str, x: Any, y: Any, state: State, traits: Traits) -> tuple[Any, Any]:
    """Canvas places (N, h, w) shown at `x` (N, 1, w), `y` (N, h, 1)."""
    if layer == "body":
        return _body(xp, x, y, state, traits)
    x, y = _lean(xp, x, y, state, traits, hangs=layer != "head")
    if layer == "back":
        return _back(xp, x, y, state, traits)
    return _turned(xp, x, y, state, traits, shell=layer == "front")


def _lean(xp: Any, x: Any, y: Any, state: State, traits: Traits, hangs: bool) -> tuple[Any, Any]:
    """Undo roll about the neck, and the lift of a breath. Loose ends hang: they do not roll."""
    pivot = traits["chin"] + 30
    dx, dy = x - CENTRE, y - pivot + 1.1 * state["breath"]
    angle = state["roll"] * RADIANS
    if hangs:
        angle = angle * (1 - step(xp, y, traits["chin"] - 16, traits["chin"] + 46))
    cos, sin = xp.cos(angle), xp.sin(angle)
    return CENTRE + cos * dx + sin * dy, pivot - sin * dx + cos * dy


def _turns(xp: Any, state: State) -> tuple[Any, Any]:
    return xp.sin(state["yaw"] * RADIANS), xp.sin(state["pitch"] * RADIANS)


def _depth(xp: Any, x: Any, y: Any, traits: Traits) -> Any:
    """How far a place of the face stands before the axis of the head, in canvas pixels."""
    middle = (traits["crown"] + traits["chin"]) * 0.5 + 6
    rx = (x - CENTRE) / (traits["width"] * 1.10)
    ry = (y - middle) / (traits["height"] * 0.60)
    shell = traits["width"] * 0.92 * positive(xp, 1 - rx * rx - 0.85 * ry * ry) ** 0.7
    nx = (x - CENTRE) / 15.0
    ny = (y - traits["nose_y"] + 9) / 27.0
    return shell + 11.0 * xp.exp(-(nx * nx) - ny * ny)


def _turned(xp: Any, x: Any, y: Any, state: State, traits: Traits, shell: bool) -> tuple[Any, Any]:
    turn, nod = _turns(xp, state)
    rigid_x, rigid_y = turn * 10.0, -nod * 8.0
    if shell:
        hang = step(xp, y, traits["chin"] - 10, traits["chin"] + 60)
        rigid_x, rigid_y = rigid_x * (1 - 0.8 * hang), rigid_y * (1 - hang)
        rigid_x = rigid_x + state["sway"] * 7.0 * step(xp, y, traits["eye_y"], traits["chin"] + 110)
    x, y = x - rigid_x, y - rigid_y
    lift = 1.07 if shell else 1.0
    near = _depth(xp, x, y, traits) * lift
    near = _depth(xp, x - turn * near, y + nod * near * 0.8, traits) * lift
    return x - turn * near, y + nod * near * 0.8


def _back(xp: Any, x: Any, y: Any, state: State, traits: Traits) -> tuple[Any, Any]:
    turn, nod = _turns(xp, state)
    hang = step(xp, y, traits["chin"] - 10, traits["chin"] + 70)
    behind = traits["width"] * 0.15
    loose = step(xp, y, traits["eye_y"], traits["chin"] + 110)
    x = x - turn * (10.0 - behind) * (1 - hang) - state["sway"] * 5.5 * loose
    y = y + nod * (8.0 - behind * 0.9) * (1 - hang)
    return x, y


def _body(xp: Any, x: Any, y: Any, state: State, traits: Traits) -> tuple[Any, Any]:
    """The neck goes with the head where it meets it; shoulders rise with the breath."""
    follow = 1 - step(xp, y, traits["chin"] - 22, traits["chin"] + 48)
    turn, nod = _turns(xp, state)
    angle = state["roll"] * RADIANS * follow
    dy = y - traits["chin"] - 30
    x2 = x + xp.sin(angle) * dy - turn * (10.0 * follow + 2.0)
    breath = state["breath"] * (1.1 + 1.3 * step(xp, y, traits["chin"] + 16, traits["chin"] + 80))
    y2 = y - xp.sin(angle) * (x - CENTRE) + breath + nod * 6.0 * follow
    return x2, y2


def jaw_shift(xp: Any, x: Any, y: Any, state: State, traits: Traits) -> Any:
    """How far up the drawing lies what is shown here: skin carried by jaw and lower lip."""
    jaw = jaw_open(state)
    chin_drop = jaw * CHIN_DROP
    lip_drop = positive(xp, gap(xp, state, traits) - traits["parted"] * 15) * 0.74
    mouth, chin = traits["mouth_y"], traits["chin"]
    across = positive(xp, 1 - ((x - CENTRE) / (traits["width"] * 1.04)) ** 2) ** 1.3
    near = xp.exp(-(((x - CENTRE) / (traits["mouth_width"] * 0.95)) ** 2))
    below = step(xp, y, mouth - 4, mouth + 18 + 0.3 * lip_drop)
    fall = 1 - step(xp, y, mouth + 8 + lip_drop, chin + chin_drop + 4)
    end = 1 - step(xp, y, chin + chin_drop + 2, chin + chin_drop + 26)
    lip = positive(xp, lip_drop - chin_drop) * near * fall
    return (chin_drop * across + lip) * below * end


def cheek_shift(xp: Any, x: Any, y: Any, state: State, traits: Traits) -> tuple[Any, Any]:
    """What smiling and rounding do to the skin beside the mouth: backward (dx, dy)."""
    away = xp.abs(x - CENTRE)
    side = xp.where(x < CENTRE, -1.0, 1.0)
    near = xp.exp(-(((away - traits["mouth_width"] * 1.25) / 17.0) ** 2))
    high = (y - traits["mouth_y"] + 5) / 26.0
    near = near * positive(xp, 1 - high * high) ** 1.5
    near = near * positive(xp, 1 - (away / (traits["jaw"] * 0.94)) ** 2)
    smile = state["smile"]
    out = (2.6 * smile + 3.2 * state["wide"]) * near
    return -side * out, 3.4 * smile * near


# Beside the middle in widths of the face; above the mouth and under the chin in canvas pixels.
REACH_JAW: Final = (1.12, 34.0, CHIN_DROP + 28.0)
