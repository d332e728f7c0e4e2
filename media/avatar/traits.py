"""What a painter needs of one face, as plain numbers and colours: the still's own measures.

The moving features are drawn from the same measures and the same colours as the portrait, so
that the person in the call is the person on the card. Lengths are pixels of the 512 canvas.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from media.avatar.colour import IRIS, mix, shift, skin_shadow
from media.avatar.eyes import CREASES, LIDS
from media.avatar.face import Face
from media.avatar.mouth import lip_colour

Values = npt.NDArray[np.float32]


def numbers(face: Face) -> dict[str, float]:
    """Measures of the face, and how it rests."""
    look = face.look
    eyes, rest = look.eyes, look.expression
    above, below = LIDS[eyes.shape]
    rise, strength = CREASES[eyes.shape]
    grow = 0.93 + 0.28 * eyes.size
    mono = eyes.shape == "monolid"
    return {
        "crown": face.crown, "chin": face.chin, "width": face.width, "height": face.height,
        "eye_y": face.eye_y, "eye_x": face.eye_x, "eye_width": face.eye_width,
        "brow_y": face.brow_y, "mouth_y": face.mouth_y, "mouth_width": face.mouth_width,
        "nose_y": face.nose_y, "jaw": face.jaw, "neck": face.neck,
        "lid_above": above * grow * (1 - 0.1 * rest.warmth),
        "lid_below": below * grow * (1 - 0.34 * rest.warmth),
        "lid_lean": 0.12 if mono else -0.16, "lid_tilt": (eyes.tilt - 0.42) * 6.5,
        "lashes": eyes.lashes, "crease_rise": rise, "crease": strength,
        "iris": 8.7 + 1.2 * eyes.size, "gaze": (rest.gaze - 0.5) * 7,
        "brow_thick": 3.0 + 4.6 * look.brows.thickness, "brow_arch": 1.5 + 5.5 * look.brows.arch,
        "brow_start": face.eye_x - face.eye_width * (1.02 - 0.2 * (look.brows.gap - 0.5)),
        "brow_end": face.eye_x + face.eye_width * 1.38,
        "fullness": look.mouth.fullness, "smile": rest.smile, "parted": rest.parted,
        "beard": float(look.facial_hair.style != "none"), "age": look.skin.age_lines,
    }  # fmt: skip


def colours(face: Face) -> dict[str, str]:
    """Colours of what moves."""
    look, lip = face.look, lip_colour(face)
    iris = IRIS[look.eyes.colour]
    shade = 1 - 0.45 * look.skin.tone  # on deep skin a shaded lid stands out as a patch
    hair_shade = shift(face.hair, light=-0.03 - 0.05 * (1 - look.hair.grey))
    return {
        "lip": lip, "lip_dark": shift(lip, light=-0.055), "lip_light": shift(lip, light=0.045),
        "lip_shine": shift(lip, light=0.17, chroma=0.7),
        "seam": mix(shift(lip, light=-0.22), "#2a0f14", 0.25),
        "skin": face.skin, "shadow": face.shadow, "glow": face.glow,
        "corner": skin_shadow(face.skin, 1.9), "crease": skin_shadow(face.skin, 1.6),
        "lid": mix(face.skin, face.shadow, 0.42 * shade),
        "lid_low": mix(face.skin, face.shadow, 0.8 * shade),
        "white": mix("#f6f1ec", face.shadow, 0.10), "white_edge": mix("#b9aaa8", face.shadow, 0.3),
        "iris": iris, "iris_dark": shift(iris, light=-0.13),
        "iris_rim": shift(iris, light=-0.2),
        "iris_light": shift(iris, light=0.13, chroma=1.15),
        "iris_glow": shift(iris, light=0.24, chroma=1.1),
        "lash": mix("#1b1216", face.hair, 0.12), "brow": mix(hair_shade, face.shadow, 0.16),
        "teeth": "#f5eee7", "throat": "#3a1218", "tongue": "#b8606a", "pupil": "#120c10",
        "tear": "#c9807a",
    }  # fmt: skip


NUMBERS: Final = (
    "crown", "chin", "width", "height", "eye_y", "eye_x", "eye_width", "brow_y", "mouth_y",
    "mouth_width", "nose_y", "jaw", "neck", "lid_above", "lid_below", "lid_lean", "lid_tilt",
    "lashes", "crease_rise", "crease", "iris", "gaze", "brow_thick", "brow_arch", "brow_start",
    "brow_end", "fullness", "smile", "parted", "beard", "age",
)  # fmt: skip
COLOURS: Final = (
    "lip", "lip_dark", "lip_light", "lip_shine", "seam", "skin", "shadow", "glow", "corner",
    "crease", "lid", "lid_low", "white", "white_edge", "iris", "iris_dark", "iris_rim",
    "iris_light", "iris_glow", "lash", "brow", "teeth", "throat", "tongue", "pupil", "tear",
)  # fmt: skip


def number_row(face: Face) -> Values:
    """The measures in the order of NUMBERS."""
    found = numbers(face)
    return np.array([found[name] for name in NUMBERS], np.float32)


def colour_rows(face: Face) -> Values:
    """The colours in the order of COLOURS, (C, 3), 0..1 of sRGB."""
    found = colours(face)
    return np.array(
        [[int(found[name][i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in COLOURS],
        np.float32,
    )


class Traits:
    """Measures by name, each (N, 1, 1), and colours (N, 3, 1, 1): numpy or torch alike.

    The colours may be told in any way that mixing is linear in; `black` and `white` are the same.
    """

    def __init__(
        self, number_rows: Any, colour_rows: Any, black: Any = 0.0, white: Any = 1.0
    ) -> None:
        count = number_rows.shape[0]
        self.black, self.white = black, white
        self._numbers = {
            name: number_rows[:, i].reshape(count, 1, 1) for i, name in enumerate(NUMBERS)
        }
        self._colours = {
            name: colour_rows[:, i].reshape(count, 3, 1, 1) for i, name in enumerate(COLOURS)
        }

    def __getitem__(self, name: str) -> Any:
        return self._numbers[name]

    def colour(self, name: str) -> Any:
        """One colour of every face."""
        return self._colours[name]
