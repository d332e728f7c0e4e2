"""How strongly each part of a viseme insists and how far it reaches, as arrays for blending.

What it aims at is in aims.py; both are tables to be tuned by looking.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from media.avatar.motion.aims import AIM

Floats = npt.NDArray[np.float64]

SHUT: Final = frozenset(("PP",))  # p, b, m: the lips meet

_WEIGHTS: Final = {
    "sil": (0.6, 0.4, 0.5, 2.0, 2.0, 2.0),
    "PP": (1.6, 0.4, 1.0, 1.0, 6.0, 2.0),
    "FF": (1.4, 0.6, 2.0, 1.0, 3.0, 6.0),
    "TH": (1.1, 0.3, 1.5, 5.0, 3.0, 3.0),
    "DD": (0.8, 0.15, 0.8, 3.0, 3.0, 3.0),
    "kk": (0.35, 0.1, 0.3, 0.5, 3.0, 3.0),
    "CH": (1.2, 1.8, 1.5, 1.0, 3.0, 3.0),
    "SS": (1.6, 0.7, 1.8, 1.0, 3.0, 3.0),
    "nn": (0.8, 0.15, 0.6, 3.0, 3.0, 3.0),
    "RR": (0.6, 1.2, 0.6, 1.0, 3.0, 3.0),
    "aa": (2.2, 0.9, 0.8, 2.0, 4.0, 4.0),
    "E": (1.8, 1.3, 0.9, 2.0, 4.0, 4.0),
    "I": (1.5, 1.6, 1.0, 2.0, 4.0, 4.0),
    "O": (1.8, 2.2, 0.9, 2.0, 4.0, 4.0),
    "U": (1.5, 2.4, 0.9, 2.0, 4.0, 4.0),
}
# How far around its span each part of a viseme reaches, in seconds: before and after.
REACH_BEFORE: Final[Floats] = np.array([0.060, 0.080, 0.060, 0.050, 0.035, 0.045])
REACH_AFTER: Final[Floats] = np.array([0.050, 0.060, 0.050, 0.040, 0.030, 0.035])
OCULUS: Final = tuple(AIM)
NUMBER: Final = {name: place for place, name in enumerate(OCULUS)}
AIMS: Final[Floats] = np.array([AIM[name] for name in OCULUS])
WEIGHTS: Final[Floats] = np.array([_WEIGHTS[name] for name in OCULUS])


def number_of(shape: str) -> int:
    """The row of a viseme; a name nobody knows is a closed mouth at rest."""
    return NUMBER.get(shape, 0)
