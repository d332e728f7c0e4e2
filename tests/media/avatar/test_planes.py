"""The colours of video: those that OpenCV makes, and laid over each other as red, green, blue."""

import cv2
import numpy as np

from media.avatar import planes
from media.avatar.layers import Pixels


def told(picture: Pixels) -> tuple[planes.Floats, planes.Floats]:
    """Brightness, and the differences' means of every four places, of an RGB picture."""
    full = planes.of_rgb(picture).transpose(2, 0, 1) - np.float32(0.5)
    return full[0], planes.halved(full[1:])


def test_they_are_those_that_opencv_makes_and_lead_back() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    picture = np.repeat(np.repeat(picture, 2, 0), 2, 1)
    theirs = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    bright, differing = told(picture)
    assert np.abs(theirs[:16] - bright).max() <= 1
    assert np.abs(theirs[16:].reshape(2, 8, 8) - differing).max() <= 1
    back = (planes.of_rgb(picture) - planes.ZERO) @ planes.TO_RGB.T
    assert np.abs(back - picture).max() < 0.1
    assert np.allclose(planes.WHITE, planes.of_rgb(np.full(3, 255)))


def test_a_layer_laid_in_them_is_the_layer_laid_in_rgb() -> None:
    chance = np.random.default_rng(2)
    under = chance.integers(0, 256, (6, 8, 3)).astype(np.float32)
    solid = chance.integers(0, 256, (6, 8, 1)).astype(np.float32)
    colour = np.floor(chance.random((6, 8, 3)) * solid)
    pixels = np.concatenate([colour, solid], axis=2).astype(np.uint8)
    laid = planes.of_layer(pixels)
    found = laid[1:] + planes.of_rgb(under).transpose(2, 0, 1) * laid[0]
    wanted = planes.of_rgb(colour + under * (1 - solid / 255)).transpose(2, 0, 1)
    assert np.abs(found - wanted).max() < 0.01
