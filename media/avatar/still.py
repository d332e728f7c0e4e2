"""The still portrait of a companion: the appearance document drawn as layered SVG.

Deterministic, without outside references, its ids prefixed by the document's hash. The rig
asks for single layers, warps them, and paints the features itself over the head.
"""

from collections.abc import Mapping, Sequence

import msgspec

from media.avatar.appearance import Appearance, content_hash
from media.avatar.backdrop import draw_background
from media.avatar.beard import draw_beard
from media.avatar.clothes import draw_body, draw_neck_shadow
from media.avatar.eyes import draw_brows, draw_eyes
from media.avatar.face import anchors, measure
from media.avatar.hair import draw_back_hair, draw_front_hair
from media.avatar.head import draw_head
from media.avatar.headwear import draw_headwear_back
from media.avatar.mouth import draw_mouth
from media.avatar.sketch import Sketch
from media.avatar.wear import draw_wear

DRAWING_VERSION = 5

LAYERS = (
    "background", "back-hair", "body", "neck-shadow", "head", "beard", "eyes", "brows", "mouth",
    "front-hair", "accessories",
)  # fmt: skip


class Drawing(msgspec.Struct, frozen=True):
    """A finished drawing: the SVG, and the named places a rig needs, in 512ths of its side."""

    svg: str
    digest: str
    anchors: dict[str, list[float]]


def draw(look: Appearance) -> Drawing:
    """Draw the whole portrait."""
    digest = content_hash(look, DRAWING_VERSION)
    return Drawing(
        svg=_sketch(look, digest).markup(), digest=digest, anchors=anchors(measure(look))
    )


def draw_layers(look: Appearance) -> dict[str, str]:
    """Each layer as its own SVG document, for the rig."""
    sketch = _sketch(look, content_hash(look, DRAWING_VERSION))
    return {name: sketch.markup([name]) for name in LAYERS}


def draw_parts(
    look: Appearance, parts: Mapping[str, Sequence[str]], margin: float
) -> dict[str, str]:
    """Groups of layers, each as one SVG document with `margin` around it, for the rig."""
    sketch = _sketch(look, content_hash(look, DRAWING_VERSION))
    return {name: sketch.markup(layers, margin) for name, layers in parts.items()}


def _sketch(look: Appearance, digest: str) -> Sketch:
    sketch, face = Sketch(f"k{digest[:10]}-", LAYERS), measure(look)
    draw_background(sketch, face)
    draw_headwear_back(sketch, face)
    draw_back_hair(sketch, face)
    draw_body(sketch, face)
    draw_neck_shadow(sketch, face)
    draw_head(sketch, face)
    draw_beard(sketch, face)
    draw_eyes(sketch, face)
    draw_brows(sketch, face)
    draw_mouth(sketch, face)
    draw_front_hair(sketch, face)
    draw_wear(sketch, face)
    return sketch
