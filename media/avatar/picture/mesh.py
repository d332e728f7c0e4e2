"""The measures of a face in a square picture: curves of lips, lids and brows, column by column.

Everything is in pixels of the square frame, upright: the picture was turned so that the eyes
are level. Curves are interpolated between landmarks once; frames only move them.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from media.avatar.picture.landmarks import Found
from media.avatar.picture.reading import Pixels

Floats = npt.NDArray[np.float32]
LIP_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIP_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIP_TOP: Final = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_BOTTOM: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIDS: Final = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
BROWS: Final = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
CROWN, CHIN, LEFT, RIGHT, NOSE, NOSE_BASE = 10, 152, 234, 454, 1, 2
MARGIN_UP: Final = 0.62  # of the height of the face, above its top
AROUND: Final = 2.15  # heights of the face that the square shows


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye: its ends, and the lids over every column of the frame."""

    left: float
    right: float
    upper: Floats
    lower: Floats
    outer_is_left: bool


@dataclass(frozen=True, slots=True)
class Mesh:
    """All measures. `mouth` is half the width of the mouth, `face` of the face."""

    mouth_x: float
    mouth_y: float
    mouth: float
    upper: Floats
    lower: Floats
    top: Floats
    bottom: Floats
    teeth_shown: float
    chin_y: float
    crown_y: float
    nose_x: float
    nose_y: float
    nose_base: float
    face_x: float
    face_y: float
    face: float
    half_height: float
    eyes: tuple[Eye, Eye]
    brows: Floats  # (2, 2): the middles


def square(picture: Pixels, found: Found, size: int) -> tuple[Pixels, Floats]:
    """The upright square around the face, and the places in it."""
    points = found.points
    angle = np.deg2rad(found.roll_degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = points @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    tall = float(high[1] - low[1])
    side = _side(picture, tall)
    middle = np.array([(low[0] + high[0]) / 2, low[1] - MARGIN_UP * tall + AROUND * tall / 2])
    scale = size / side
    move = np.empty((2, 3))
    move[:, :2] = turn * scale
    move[:, 2] = size / 2 - middle * scale
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    frame = cv2.warpAffine(
        picture, move, (size, size), flags=how, borderMode=cv2.BORDER_REFLECT_101
    )
    places = (points @ move[:, :2].T + move[:, 2]).astype(np.float32)
    return np.asarray(frame, np.uint8), places


def _side(picture: Pixels, tall: float) -> float:
    """Two heights of the face, less where the picture ends sooner."""
    most = float(min(picture.shape[:2])) * 1.12
    return float(max(1.35 * tall, min(AROUND * tall, most)))


def measure(points: Floats, size: int) -> Mesh:
    """Work the measures out."""
    columns = np.arange(size, dtype=np.float32) + 0.5
    upper, lower = _curve(points, LIP_UPPER, columns), _curve(points, LIP_LOWER, columns)
    left, right = points[78], points[308]
    low, high = points[LEFT], points[RIGHT]
    eyes = tuple(
        Eye(
            float(points[over[0], 0]), float(points[over[-1], 0]),
            _curve(points, over, columns), _curve(points, under, columns), place == 0,
        )
        for place, (over, under) in enumerate(LIDS)
    )  # fmt: skip
    return Mesh(
        mouth_x=float(left[0] + right[0]) / 2,
        mouth_y=float(points[13, 1] + points[14, 1]) / 2,
        mouth=float(right[0] - left[0]) / 2,
        upper=upper,
        lower=np.maximum(lower, upper),
        top=_curve(points, LIP_TOP, columns),
        bottom=_curve(points, LIP_BOTTOM, columns),
        teeth_shown=max(0.0, float(points[14, 1] - points[13, 1])),
        chin_y=float(points[CHIN, 1]),
        crown_y=float(points[CROWN, 1]),
        nose_x=float(points[NOSE, 0]),
        nose_y=float(points[NOSE, 1]),
        nose_base=float(points[NOSE_BASE, 1]),
        face_x=float(low[0] + high[0]) / 2,
        face_y=float(points[CROWN, 1] + points[CHIN, 1]) / 2,
        face=float(high[0] - low[0]) / 2,
        half_height=float(points[CHIN, 1] - points[CROWN, 1]) / 2,
        eyes=(eyes[0], eyes[1]),
        brows=np.array([points[list(brow)].mean(axis=0) for brow in BROWS], np.float32),
    )


def _curve(points: Floats, which: tuple[int, ...], columns: Floats) -> Floats:
    line = points[list(which)]
    line = line[np.argsort(line[:, 0])]
    smooth = np.interp(columns, line[:, 0], line[:, 1]).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(smooth[None], (0, 0), len(columns) / 300)[0], np.float32)
