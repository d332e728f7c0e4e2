"""Finding the one face of a picture and 468 places on it, with two small networks and OpenCV.

Both networks are MediaPipe's (Apache-2.0), as files; OpenCV reads them itself, so that neither
MediaPipe nor another runtime is needed. `models.py` says where the files come from.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from media.avatar.picture.claims import refused
from media.avatar.picture.models import DETECTOR, LANDMARKER
from media.avatar.picture.reading import Pixels

Floats = npt.NDArray[np.float32]
SURE: Final = 0.55  # of a face being there
SECOND: Final = 0.60  # of another one being there
SECOND_AREA: Final = 0.16  # of the largest, for somebody else to count
FLAG: Final = 0.5
MIN_FACE: Final = 72.0  # pixels across
TURNED: Final = 0.27  # of the width of the face, from its edge to the nose
POINTS: Final = 468


@dataclass(frozen=True, slots=True)
class Found:
    """A face: places in pixels of the picture (468, 2), and how far its eyes are from level."""

    points: Floats
    roll_degrees: float


@dataclass(frozen=True, slots=True)
class _Box:
    score: float
    x: float
    y: float
    side: float
    roll: float


class Finder:
    """Holds the two networks. Blocking."""

    def __init__(self, folder: Path) -> None:
        classic = cv2.dnn.ENGINE_CLASSIC
        self._detector = cv2.dnn.readNetFromTFLite(str(folder / DETECTOR), classic)
        self._landmarker = cv2.dnn.readNetFromTFLite(str(folder / LANDMARKER), classic)
        self._anchors = _anchors()

    def find(self, picture: Pixels) -> Found:
        """The only face. Raises PictureRefused: no_face, several_faces, too_small, turned."""
        boxes = self._detect(picture)
        if not boxes:
            raise refused("no_face", "No face was found: send a portrait, seen from the front.")
        boxes.sort(key=lambda box: -box.side)
        first = boxes[0]
        others = [
            box
            for box in boxes[1:]
            if box.score >= SECOND and box.side**2 >= SECOND_AREA * first.side**2
        ]
        if others:
            raise refused("several_faces", "More than one face was found: send one person's.")
        if first.side < MIN_FACE:
            raise refused("too_small", f"The face needs at least {MIN_FACE:.0f} pixels across.")
        return self._places(picture, first)

    def _detect(self, picture: Pixels) -> list[_Box]:
        high, wide = picture.shape[:2]
        side = max(high, wide)
        square = np.zeros((side, side, 3), np.uint8)
        square[:high, :wide] = picture
        self._detector.setInput(
            cv2.dnn.blobFromImage(square, 1 / 127.5, (128, 128), (127.5, 127.5, 127.5))
        )
        rough, scores = self._detector.forward(["regressors", "classificators"])
        sure = 1 / (1 + np.exp(-np.clip(np.asarray(scores).reshape(-1), -60, 60)))
        rough = np.asarray(rough).reshape(-1, 16)
        keep = np.flatnonzero(sure > SURE)
        boxes: list[_Box] = []
        for i in keep[np.argsort(-sure[keep])]:
            x, y = (rough[i, :2] / 128 + self._anchors[i]) * side
            eyes = rough[i, 4:8].reshape(2, 2)
            roll = math.atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0])
            across = float(max(rough[i, 2:4])) / 128 * side
            box = _Box(float(sure[i]), float(x), float(y), across, roll)
            if all(_apart(box, other) for other in boxes):
                boxes.append(box)
        return boxes

    def _places(self, picture: Pixels, box: _Box) -> Found:
        """Twice: the first pass centres and turns the window for the second."""
        points = np.empty((0, 2), np.float32)
        for _ in range(2):
            degrees = math.degrees(box.roll)
            window = cv2.getRotationMatrix2D((box.x, box.y), degrees, 192 / (box.side * 1.5))
            window[:, 2] += 96 - np.array([box.x, box.y])
            part = cv2.warpAffine(picture, window, (192, 192), borderMode=cv2.BORDER_REPLICATE)
            self._landmarker.setInput(cv2.dnn.blobFromImage(part, 1 / 255, (192, 192)))
            places, flag = self._landmarker.forward(["conv2d_21", "conv2d_31"])
            if 1 / (1 + math.exp(-float(np.asarray(flag).ravel()[0]))) < FLAG:
                raise refused("no_face", "No face was found: send a portrait, seen from the front.")
            back = cv2.invertAffineTransform(window)
            flat = np.asarray(places, np.float32).reshape(POINTS, 3)[:, :2]
            points = (flat @ back[:, :2].T + back[:, 2]).astype(np.float32)
            box = _around(points, box.score)
        _check_turned(points)
        return Found(points, math.degrees(box.roll))


def _around(points: Floats, score: float) -> _Box:
    low, high = points.min(axis=0), points.max(axis=0)
    across = points[263] - points[33]
    x, y = (low + high) / 2
    side = float(max(high - low)) * 1.0
    return _Box(score, float(x), float(y), side, math.atan2(across[1], across[0]))


def _check_turned(points: Floats) -> None:
    left, right, nose = points[234], points[454], points[1]
    along = right - left
    place = float((nose - left) @ along / (along @ along))
    if not TURNED < place < 1 - TURNED:
        raise refused("turned", "The face looks too far aside: send one seen from the front.")


def _apart(one: _Box, other: _Box) -> bool:
    reach = (one.side + other.side) / 2
    inside_x = max(0.0, reach - abs(one.x - other.x))
    inside_y = max(0.0, reach - abs(one.y - other.y))
    shared = min(inside_x, one.side, other.side) * min(inside_y, one.side, other.side)
    return shared < 0.3 * min(one.side, other.side) ** 2


def _anchors() -> Floats:
    places = []
    for cells, each in ((16, 2), (8, 6)):
        for y in range(cells):
            for x in range(cells):
                places += [((x + 0.5) / cells, (y + 0.5) / cells)] * each
    return np.array(places, np.float32)
