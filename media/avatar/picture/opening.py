"""The mouth of a picture at one instant: where its lips go, and what shows between them.

The picture's own teeth move with the upper lip, which is what makes a smiling portrait speak
without false ones; only lips that were closed get teeth painted behind them.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from media.avatar.fields import State
from media.avatar.grids import Floats, Pixels
from media.avatar.picture.mesh import Mesh

MOST_JAW = 0.62  # of the way a drawn jaw goes


@dataclass(frozen=True, slots=True)
class Opening:
    """Curves over the columns `x`; shifts are forward, downwards positive."""

    x: Floats
    u: Floats
    half: float
    upper: Floats
    lower: Floats
    upper_shift: Floats
    lower_shift: Floats
    chin_drop: float
    corner_rise: float
    gap: float
    teeth: float
    tongue: float
    still: bool


def opening(m: Mesh, state: State, columns: Any) -> Opening:
    """Where the lips are."""
    value = {
        name: float(np.asarray(state[name]).ravel()[0])
        for name in ("jaw", "wide", "smile", "teeth", "tongue", "press", "tuck")
    }
    x = columns.astype(np.float32) + 0.5
    wide, press, tuck = value["wide"], value["press"], value["tuck"]
    jaw = value["jaw"] * (1 - press) * (1 - 0.62 * tuck) * MOST_JAW
    half = m.mouth * (
        1 + 0.10 * max(0.0, wide) - 0.24 * max(0.0, -wide) + 0.05 * value["smile"] - 0.03 * jaw
    )
    u = (x - m.mouth_x) / half
    bow = np.clip(1 - u * u, 0, None)
    rest_x = m.mouth_x + (x - m.mouth_x) * (m.mouth / half)
    upper, lower = _at(m.upper, rest_x), _at(m.lower, rest_x)
    apart = (
        jaw * 1.02 + 0.10 * value["teeth"] * (1 - press) + 0.10 * max(0.0, -wide) * (1 - press)
    ) * m.mouth
    apart = apart * (1 - tuck) + tuck * 0.13 * m.mouth
    shape = bow ** (0.62 if apart > 0.4 * m.mouth else 0.75)
    close = max(press, tuck * 0.6) * (lower - upper)
    rise, fall = -0.17 * apart * shape + 0.35 * close, 0.83 * apart * shape - 0.65 * close
    moved = abs(wide) + abs(value["smile"]) + press + tuck
    return Opening(
        x=x, u=u.astype(np.float32), half=half,
        upper=(upper + rise).astype(np.float32), lower=(lower + fall).astype(np.float32),
        upper_shift=rise.astype(np.float32), lower_shift=fall.astype(np.float32),
        chin_drop=jaw * 0.60 * m.mouth, corner_rise=value["smile"] * 0.15 * m.mouth,
        gap=float(apart), teeth=value["teeth"], tongue=value["tongue"],
        still=bool(apart < 0.2 and moved < 0.01),
    )  # fmt: skip


def _at(curve: Floats, x: Floats) -> Floats:
    places = np.clip(x - 0.5, 0, len(curve) - 1)
    return np.asarray(np.interp(places, np.arange(len(curve)), curve), np.float32)


def inside(
    part: Pixels, picture: Pixels, m: Mesh, now: Opening, x: Floats, y: Floats,
    light: dict[str, Floats],
) -> None:  # fmt: skip
    """Paint what lies between the lips on `part`, whose pixels are at `x` and `y`."""
    high = float((now.lower - now.upper).max())
    if high < 1.0:
        return
    upper, lower = now.upper[None], now.lower[None]
    corners = np.clip((1 - np.abs(now.u[None])) * 9, 0, 1)
    hole = np.clip((y - upper) * 0.8 + 0.4, 0, 1) * np.clip((lower - y) * 0.7 + 0.5, 0, 1) * corners
    rows = np.flatnonzero(hole.max(axis=1) > 0)
    if not rows.size:
        return
    cut = slice(int(rows[0]), int(rows[-1]) + 1)
    hole, y = hole[cut], y[cut]
    u2 = np.clip(now.u[None] ** 2, 0, 1)
    deep = np.clip((y - upper) / max(6.0, high), 0, 1)
    inner = light["throat"] * (1 + 0.25 * deep)[..., None]
    top = lower - (0.30 + 0.30 * now.tongue) * high * np.clip(1 - u2, 0, 1) ** 0.4
    tongue = np.clip((y - top) / 3.5, 0, 1) * np.clip(1.7 - 2.6 * u2, 0, 1) * min(1.0, high / 12)
    inner += (light["tongue"] - inner) * (tongue * (0.35 + 0.45 * deep))[..., None]
    own = min(1.0, max(0.0, (m.teeth_shown - 2.0) / 3.0))
    if own < 1.0:
        length = m.mouth * 0.25 * (0.5 + 0.5 * now.teeth)
        edge = m.mouth_y + 0.06 * m.mouth + 0.45 * length * (1 - u2) - 0.12 * m.mouth * u2
        shown = np.clip((edge - y) * 0.8 + 0.5, 0, 1) * (1 - own)
        white = light["teeth"] * (1 - 0.45 * u2)[..., None]
        inner += (white - inner) * shown[..., None]
    if own > 0.0:
        inner = _own_teeth(inner, picture, now, m, x, y, own)
    shade = (
        np.clip(1 - (y - upper) / 4.5, 0, 1) * 0.35
        + np.clip((np.abs(now.u[None]) - 0.6) / 0.4, 0, 1) * 0.4
    )
    inner = inner * (1 - np.clip(shade * min(1.0, high / 10), 0, 0.8) * (1 - 0.6 * own))[..., None]
    mixed = part[cut].astype(np.float32)
    mixed += (inner - mixed) * hole[..., None]
    part[cut] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _own_teeth(
    inner: Floats, picture: Pixels, now: Opening, m: Mesh, x: Floats, y: Floats, own: float
) -> Floats:
    """What the picture shows between its lips, carried by the upper one."""
    rest_x = m.mouth_x + (x - m.mouth_x) * (m.mouth / now.half)
    source_y = y - now.upper_shift[None]
    read = cv2.remap(
        picture,
        np.ascontiguousarray(np.broadcast_to(rest_x - 0.5, source_y.shape), np.float32),
        np.ascontiguousarray(source_y - 0.5, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    rest_lower = (now.lower - now.lower_shift)[None]
    shown = np.clip((rest_lower - 0.8 - source_y) / 1.6, 0, 1) * own
    return np.asarray(inner + (np.asarray(read, np.float32) - inner) * shown[..., None], np.float32)
