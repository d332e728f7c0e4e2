"""The state of a face at one instant, one row of floats: a director writes it, a painter reads it.

A row is numpy float32 in the order of FEATURES; N sessions are an (N, K) array, so that a batch
is painted without a loop over names. Everything is relative to the face at rest of that companion
(its own smile, its own brows): a row of zeros is somebody calm who looks at you.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]


class Feature(NamedTuple):
    """One column. `visible`: the smallest change that anybody could see at 512."""

    name: str
    low: float
    high: float
    visible: float
    means: str


FEATURES: Final = (
    Feature("jaw", 0, 1, 0.008, "how far the jaw is open"),
    Feature("wide", -1, 1, 0.012, "corners drawn in, lips rounded (-) or drawn apart (+)"),
    Feature("smile", -1, 1, 0.012, "corners down (-) or up with the cheeks (+)"),
    Feature("teeth", 0, 1, 0.02, "how much the lips bare the teeth"),
    Feature("tongue", 0, 1, 0.02, "tip of the tongue up against the teeth (l, th)"),
    Feature("press", 0, 1, 0.02, "lips pressed shut (p, b, m); it overrules jaw"),
    Feature("tuck", 0, 1, 0.02, "lower lip against the upper teeth (f, v)"),
    Feature("blink_left", 0, 1, 0.01, "lid of the eye on the viewer's left"),
    Feature("blink_right", 0, 1, 0.01, "lid of the eye on the viewer's right"),
    Feature("gaze_x", -1, 1, 0.01, "to the viewer's left (-) or right (+)"),
    Feature("gaze_y", -1, 1, 0.01, "down (-) or up (+)"),
    Feature("brow", -1, 1, 0.015, "both brows lowered (-) or raised (+)"),
    Feature("inner_brow", -1, 1, 0.015, "inner ends lowered (-) or raised as in worry (+)"),
    Feature("anger", 0, 1, 0.015, "brows drawn together and down"),
    Feature("squint", 0, 1, 0.015, "lower lids raised, as a true smile does"),
    Feature("yaw", -20, 20, 0.06, "degrees the head turns to the viewer's right"),
    Feature("pitch", -15, 15, 0.06, "degrees the head looks up"),
    Feature("roll", -15, 15, 0.04, "degrees the head leans to the viewer's right, clockwise"),
    Feature("breath", 0, 1, 0.04, "chest empty to full"),
    Feature("sway", -1, 1, 0.02, "loose hair swung to the viewer's left (-) or right (+)"),
)
NAMES: Final = tuple(feature.name for feature in FEATURES)
COLUMN: Final = {name: place for place, name in enumerate(NAMES)}
K: Final = len(FEATURES)

LOW: Final[Rows] = np.array([feature.low for feature in FEATURES], np.float32)
HIGH: Final[Rows] = np.array([feature.high for feature in FEATURES], np.float32)
VISIBLE: Final[Rows] = np.array([feature.visible for feature in FEATURES], np.float32)


def neutral(count: int = 1) -> Rows:
    """`count` faces at rest."""
    return np.zeros((count, K), np.float32)


def row(**values: float) -> Rows:
    """One face, by name: `row(jaw=0.4, smile=0.2)`, shape (K,). KeyError for a name unknown."""
    one: Rows = np.zeros(K, np.float32)
    for name, value in values.items():
        one[COLUMN[name]] = value
    return one


def within(states: Rows) -> Rows:
    """The same rows with every value in its range; what is not a number is at rest."""
    finite = np.nan_to_num(np.asarray(states, np.float32), nan=0.0, posinf=1e3, neginf=-1e3)
    tame: Rows = np.clip(finite, LOW, HIGH).astype(np.float32, copy=False)
    return tame


def changed(before: Rows, after: Rows) -> npt.NDArray[np.bool_]:
    """Which rows anybody could see change, against the rows that were last *painted*."""
    seen: npt.NDArray[np.bool_] = np.any(np.abs(after - before) > VISIBLE, axis=-1)
    return seen
