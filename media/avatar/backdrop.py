"""The background: a quiet field of the companion's own hue, so that a room takes their colour."""

from media.avatar.colour import oklch
from media.avatar.face import Face
from media.avatar.sketch import Sketch


def draw_background(sketch: Sketch, face: Face) -> None:
    """Paint a soft gradient with a halo of light behind the head."""
    look, group = face.look.background, sketch["background"]
    light = 0.93 - 0.42 * look.depth
    top, low = oklch(light, 0.072, look.hue), oklch(light - 0.17, 0.100, look.hue + 8)
    fill = sketch.linear((90, 0), (420, 512), ((0.0, top, 1.0), (1.0, low, 1.0)))
    group.path("M0 0H512V512H0Z", fill)
    disc = oklch(min(0.97, light + 0.06), 0.05, look.hue - 6)
    group.ellipse((372, 118), (164, 164), disc, 0.22)
    halo = ((0.0, oklch(0.97, 0.03, look.hue), 0.62), (1.0, oklch(0.97, 0.03, look.hue), 0.0))
    group.ellipse((226, 190), (236, 236), sketch.radial((226, 190), 236, halo))
