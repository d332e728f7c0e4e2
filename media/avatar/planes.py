"""Pictures in the colours that video is made of: brightness, and two differences at half the size.

Laying drawings over each other is linear, so it may be done in these colours from the beginning:
nothing is converted for any frame, and two of three planes have a quarter of the places. Values
are those of the bytes (BT.601, limited range) and a half, so that cutting them off rounds them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

# Rows: brightness, blue, red; columns: of red, green, blue in 0..255.
FROM_RGB: Final[Floats] = np.array(
    [
        [0.256788, 0.504129, 0.097906],
        [-0.148223, -0.290993, 0.439216],
        [0.439216, -0.367788, -0.071427],
    ],
    np.float32,
)
ZERO: Final[Floats] = np.array([16.5, 128.5, 128.5], np.float32)
TO_RGB: Final[Floats] = np.linalg.inv(FROM_RGB).astype(np.float32)
BLACK: Final[Floats] = ZERO
WHITE: Final[Floats] = FROM_RGB @ np.full(3, 255, np.float32) + ZERO


def of_rgb(colours: npt.NDArray[np.generic]) -> Floats:
    """(..., 3) of 0..255 as brightness, blue, red."""
    told: Floats = colours.astype(np.float32) @ FROM_RGB.T + ZERO
    return told


def of_layer(pixels: Pixels) -> Floats:
    """Premultiplied RGBA (h, w, 4) as (4, h, w): what shows through it, and its three planes.

    What lies over a picture P is then `planes + P * through`.
    """
    solid = pixels[..., 3:].astype(np.float32) / 255
    told = pixels[..., :3].astype(np.float32) @ FROM_RGB.T + ZERO * solid
    return np.ascontiguousarray(np.concatenate([1 - solid, told], axis=2).transpose(2, 0, 1))


def halved(planes: Floats) -> Floats:
    """(..., h, w), both even, with the mean of every four places."""
    shape = planes.shape
    four = planes.reshape(*shape[:-2], shape[-2] // 2, 2, shape[-1] // 2, 2)
    made: Floats = four.mean(axis=(-3, -1), dtype=np.float32)
    return made
