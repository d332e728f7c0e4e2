"""What the mouth aims at for each viseme, and how strongly each part of it insists.

A table to be tuned by looking, kept apart from the arithmetic that blends it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOUTH: Final = ("jaw", "wide", "teeth", "tongue", "press", "tuck")
SHUT: Final = frozenset(("PP",))  # p, b, m: the lips meet

_AIMS: Final = {
    #      jaw    wide  teeth tongue press tuck
    "sil": (0.00, 0.00, 0.00, 0.00, 0.0, 0.0),
    "PP": (0.00, -0.05, 0.00, 0.00, 1.0, 0.0),
    "FF": (0.10, 0.05, 0.35, 0.00, 0.0, 1.0),
    "TH": (0.18, 0.05, 0.45, 0.90, 0.0, 0.0),
    "DD": (0.20, 0.08, 0.45, 0.50, 0.0, 0.0),
    "kk": (0.24, 0.05, 0.25, 0.00, 0.0, 0.0),
    "CH": (0.18, -0.45, 0.55, 0.00, 0.0, 0.0),
    "SS": (0.10, 0.25, 0.75, 0.00, 0.0, 0.0),
    "nn": (0.18, 0.05, 0.30, 0.55, 0.0, 0.0),
    "RR": (0.20, -0.35, 0.25, 0.15, 0.0, 0.0),
    "aa": (0.85, 0.10, 0.30, 0.00, 0.0, 0.0),
    "E": (0.50, 0.45, 0.45, 0.00, 0.0, 0.0),
    "I": (0.28, 0.70, 0.55, 0.00, 0.0, 0.0),
    "O": (0.55, -0.65, 0.10, 0.00, 0.0, 0.0),
    "U": (0.28, -0.95, 0.00, 0.00, 0.0, 0.0),
}
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
OCULUS: Final = tuple(_AIMS)
NUMBER: Final = {name: place for place, name in enumerate(OCULUS)}
AIMS: Final[Floats] = np.array([_AIMS[name] for name in OCULUS])
WEIGHTS: Final[Floats] = np.array([_WEIGHTS[name] for name in OCULUS])


def number_of(shape: str) -> int:
    """The row of a viseme; a name nobody knows is a closed mouth at rest."""
    return NUMBER.get(shape, 0)
