"""Colours of skin, hair, eyes and cloth, mixed in OKLab so that shadows stay alive.

Mixing in sRGB turns skin shadows grey and gradients muddy; in OKLab, lightness, chroma and
hue move separately. Formulas: Björn Ottosson, "A perceptual color space for image
processing" (2020).
"""

import math
from collections.abc import Sequence

Lab = tuple[float, float, float]

SKIN_RAMP = (
    "#fae3d4", "#f5d2b8", "#ecbd98", "#dca479", "#c6885c", "#ab6e45", "#8f5737", "#71432c",
    "#563224",
)  # fmt: skip
HAIR = {
    "black": "#1c181c", "soft_black": "#2a211f", "dark_brown": "#3c2a22", "brown": "#5a3d2b",
    "chestnut": "#6e3f28", "auburn": "#7d3a22", "copper": "#b05c2c", "dark_blond": "#98744a",
    "blond": "#cfa564", "white": "#e4e0da",
}  # fmt: skip
IRIS = {
    "dark": "#33211a", "brown": "#5a3821", "amber": "#8a5a24", "hazel": "#77683a",
    "green": "#5b7b4e", "grey": "#6f7f86", "blue": "#4f7fa6",
}  # fmt: skip
GREY = "#c9c6c4"


def to_lab(colour: str) -> Lab:
    """A #rrggbb colour as OKLab."""
    r, g, b = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def from_lab(lab: Lab) -> str:
    """OKLab as the nearest #rrggbb."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _gamma(value)):02x}" for value in channels)


def oklch(lightness: float, chroma: float, hue_degrees: float) -> str:
    """The colour the web app's `oklch()` gives, clipped to sRGB."""
    angle = math.radians(hue_degrees)
    return from_lab((lightness, chroma * math.cos(angle), chroma * math.sin(angle)))


def mix(one: str, other: str, amount: float) -> str:
    """`amount` of the way from `one` to `other`."""
    a, b = to_lab(one), to_lab(other)
    return from_lab(
        (
            a[0] + (b[0] - a[0]) * amount,
            a[1] + (b[1] - a[1]) * amount,
            a[2] + (b[2] - a[2]) * amount,
        )
    )


def shift(colour: str, light: float = 0.0, chroma: float = 1.0, hue: float = 0.0) -> str:
    """Lighter or darker by `light`, `chroma` times as vivid, turned by `hue` degrees."""
    lightness, a, b = to_lab(colour)
    radius, angle = math.hypot(a, b) * chroma, math.atan2(b, a) + math.radians(hue)
    lightness = min(1.0, max(0.0, lightness + light))
    return from_lab((lightness, radius * math.cos(angle), radius * math.sin(angle)))


def ramp(colours: Sequence[str], at: float) -> str:
    """The colour at 0..1 along `colours`."""
    place = min(max(at, 0.0), 1.0) * (len(colours) - 1)
    index = min(int(place), len(colours) - 2)
    return mix(colours[index], colours[index + 1], place - index)


def skin_colour(tone: float, undertone: float) -> str:
    """Fair to deep by `tone`; rosy to golden by `undertone`."""
    return shift(ramp(SKIN_RAMP, tone), chroma=0.94 + 0.14 * undertone, hue=14 * (undertone - 0.5))


def skin_shadow(skin: str, depth: float = 1.0) -> str:
    """Skin where light does not reach: darker, redder, more vivid."""
    lightness = to_lab(skin)[0]
    return shift(
        skin, light=-depth * (0.065 + 0.085 * lightness), chroma=1.02 + 0.2 * lightness, hue=-9
    )


def hair_colour(name: str, grey: float) -> str:
    """A named hair colour with `grey` of it gone."""
    return mix(HAIR[name], GREY, 0.92 * grey)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _gamma(value: float) -> float:
    value = min(max(value, 0.0), 1.0)
    return 12.92 * value if value <= 0.0031308 else float(1.055 * value ** (1 / 2.4) - 0.055)
