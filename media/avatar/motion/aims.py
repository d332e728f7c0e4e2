"""The fifteen mouth shapes (visemes, by their Oculus names) as values of the rig's mouth.

A table to be tuned by looking, free of arithmetic, so that whoever only names shapes loads none.
"""

from typing import Final

MOUTH: Final = ("jaw", "wide", "teeth", "tongue", "press", "tuck")
AIM: Final[dict[str, tuple[float, ...]]] = {
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
