"""The measures of one face: where everything sits, worked out once from the document.

Every part is drawn from these numbers, and the moving rig reads the same ones as anchors, so
that a blink closes exactly the eye that was painted. The canvas is 512 by 512.
"""

import random
from dataclasses import dataclass

from media.avatar.appearance import Appearance
from media.avatar.colour import hair_colour, shift, skin_colour, skin_shadow
from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y, Point, mirror, smooth

CENTRE = 256.0


@dataclass(frozen=True, slots=True)
class Face:
    """Lengths in pixels of the 512 canvas; half-widths unless named otherwise."""

    look: Appearance
    crown: float
    chin: float
    width: float
    jaw: float
    chin_width: float
    eye_y: float
    eye_x: float
    eye_width: float
    brow_y: float
    hairline: float
    nose_y: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    neck: float
    shoulder: float
    skin: str
    shadow: str
    glow: str
    hair: str

    @property
    def height(self) -> float:
        """From crown to chin."""
        return self.chin - self.crown

    def chance(self, purpose: str) -> random.Random:
        """A seeded source of strands and freckles, separate for each purpose."""
        return random.Random(f"{self.look.seed}/{purpose}")

    def right_side(self) -> list[Point]:
        """The outline of the face from crown to chin, on the viewer's right."""
        full = self.look.shape.cheeks
        high, w = self.height, self.width
        along = (
            (0.0, 0.0),
            (0.52 * w, 0.035),
            (0.86 * w, 0.16),
            (0.985 * w, 0.34),
            ((0.975 + 0.02 * full) * w, 0.52),
            ((0.915 + 0.06 * full) * w, 0.66),
            (self.jaw, 0.80),
            ((self.jaw * 0.40 + self.chin_width * 0.80), 0.918),
            (self.chin_width * 0.62, 0.985),
            (0.0, 1.0),
        )
        return [(CENTRE + x, self.crown + y * high) for x, y in along]

    def outline(self) -> str:
        """The whole outline of the face as path data."""
        right = self.right_side()
        return smooth([*right, *mirror(right)[-2:0:-1]], closed=True)


def measure(look: Appearance) -> Face:
    """Turn 0..1 into pixels."""
    shape, eyes, nose, mouth = look.shape, look.eyes, look.nose, look.mouth
    high = 216 + 26 * shape.length
    crown = 100 - 8 * (shape.length - 0.5)
    width = 74 + 11 * shape.width
    skin = skin_colour(look.skin.tone, look.skin.undertone)
    eye_width = 17.4 + 3.6 * eyes.size
    return Face(
        look=look,
        crown=crown,
        chin=crown + high,
        width=width,
        jaw=width * (0.655 + 0.225 * shape.jaw + 0.03 * shape.cheeks),
        chin_width=width * (0.26 + 0.22 * shape.chin + 0.06 * shape.jaw),
        eye_y=crown + high * 0.505,
        eye_x=31.0 + 7.5 * eyes.spacing + 0.10 * (width - 78),
        eye_width=eye_width,
        brow_y=crown + high * 0.505 - 19.5 - 3.0 * eyes.size - 2.0 * look.expression.brows,
        hairline=crown + high * (0.155 + 0.085 * look.hair.hairline),
        nose_y=crown + high * (0.695 + 0.035 * nose.length),
        nose_width=12.5 + 8.5 * nose.width,
        mouth_y=crown + high * (0.808 + 0.012 * nose.length),
        mouth_width=25.5 + 8.5 * mouth.width,
        neck=width * (0.395 + 0.23 * look.build.neck),
        shoulder=124 + 58 * look.build.frame,
        skin=skin,
        shadow=skin_shadow(skin),
        glow=shift(
            skin, light=0.05 + 0.04 * look.skin.tone, chroma=0.85 + 0.3 * look.skin.tone, hue=6
        ),
        hair=hair_colour(look.hair.colour, look.hair.grey),
    )


def anchors(face: Face) -> dict[str, list[float]]:
    """Named places for the rig, as fractions of the picture: [x, y] or, for lengths, [length]."""
    places: dict[str, Point] = {
        "crown": (CENTRE, face.crown),
        "chin": (CENTRE, face.chin),
        "neck_pivot": (CENTRE, face.chin + 34),
        "nose_tip": (CENTRE, face.nose_y - 7),
        "mouth": (CENTRE, face.mouth_y),
        "eye_left": (CENTRE - face.eye_x, face.eye_y),
        "eye_right": (CENTRE + face.eye_x, face.eye_y),
        "brow_left": (CENTRE - face.eye_x, face.brow_y),
        "brow_right": (CENTRE + face.eye_x, face.brow_y),
    }
    lengths = {
        "face_width": face.width,
        "eye_width": face.eye_width,
        "mouth_width": face.mouth_width,
        "shoulder_width": face.shoulder,
    }
    found = {
        name: [round((x - VIEW_X) / VIEW, 4), round((y - VIEW_Y) / VIEW, 4)]
        for name, (x, y) in places.items()
    }
    return found | {name: [round(length / VIEW, 4)] for name, length in lengths.items()}
