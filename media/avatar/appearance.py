"""How a companion looks, as one versioned document that people can edit and machines can draw.

The still portrait (still.py) is drawn from it today and a moving rig animates the same
document later, so nothing here is a picture: every continuous value is 0..1, every choice a
name, and the drawing alone decides what 0.3 of a jaw means in pixels.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

VERSION = 1

Unit = Annotated[float, Meta(ge=0.0, le=1.0)]
Hue = Annotated[int, Meta(ge=0, le=360)]
Colour = Annotated[str, Meta(pattern=r"\A#[0-9a-f]{6}\Z")]

Origin = Literal[
    "african",
    "east_asian",
    "european",
    "indigenous_american",
    "latin_american",
    "middle_eastern",
    "pacific",
    "south_asian",
]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every part of the document: immutable, unknown keys refused."""


class Skin(Part, frozen=True, kw_only=True):
    """tone: fair to deep. undertone: cool to warm. age_lines: none to well lived in."""

    tone: Unit = 0.4
    undertone: Unit = 0.5
    blush: Unit = 0.4
    freckles: Unit = 0.0
    age_lines: Unit = 0.1


class Shape(Part, frozen=True, kw_only=True):
    """The head. length and width of the face, jaw narrow to square, cheeks flat to full."""

    length: Unit = 0.5
    width: Unit = 0.5
    jaw: Unit = 0.4
    cheeks: Unit = 0.5
    chin: Unit = 0.4


class Eyes(Part, frozen=True, kw_only=True):
    """shape, size, spacing close to wide, tilt of the outer corner down to up, lashes."""

    shape: Literal["almond", "round", "hooded", "monolid"] = "almond"
    size: Unit = 0.5
    spacing: Unit = 0.5
    tilt: Unit = 0.5
    lashes: Unit = 0.4
    colour: Literal["dark", "brown", "amber", "hazel", "green", "grey", "blue"] = "brown"


class Brows(Part, frozen=True, kw_only=True):
    """thickness, arch flat to high, gap between them."""

    thickness: Unit = 0.5
    arch: Unit = 0.5
    gap: Unit = 0.5


class Nose(Part, frozen=True, kw_only=True):
    """bridge low to strong, width of the wings, tip fine to round, length."""

    bridge: Unit = 0.5
    width: Unit = 0.5
    tip: Unit = 0.5
    length: Unit = 0.5


class Mouth(Part, frozen=True, kw_only=True):
    """width, fullness of the lips, tint from bare to painted."""

    width: Unit = 0.5
    fullness: Unit = 0.5
    tint: Unit = 0.3


class Hair(Part, frozen=True, kw_only=True):
    """style is the cut; texture how it grows; hairline low to receded; part left to right."""

    style: Literal[
        "long", "bob", "bun", "ponytail", "braids", "pixie", "side", "swept", "crop", "fade",
        "afro", "bald",
    ] = "long"  # fmt: skip
    texture: Literal["straight", "wavy", "curly", "coily"] = "straight"
    colour: Literal[
        "black", "soft_black", "dark_brown", "brown", "chestnut", "auburn", "copper",
        "dark_blond", "blond", "white",
    ] = "dark_brown"  # fmt: skip
    length: Unit = 0.6
    volume: Unit = 0.5
    hairline: Unit = 0.3
    parting: Unit = 0.4
    grey: Unit = 0.0
    fringe: bool = False


class FacialHair(Part, frozen=True, kw_only=True):
    """style and how dense it grows; grey runs ahead of the head's by this much."""

    style: Literal["none", "stubble", "moustache", "goatee", "short", "full"] = "none"
    density: Unit = 0.6
    grey: Unit = 0.0


class Wear(Part, frozen=True, kw_only=True):
    """What is put on: glasses, something on the head, earrings."""

    glasses: Literal["none", "round", "square", "half_rim"] = "none"
    glasses_colour: Colour = "#2c2630"
    headwear: Literal["none", "headscarf", "loose_scarf", "turban", "beanie"] = "none"
    headwear_colour: Colour = "#6b4f7a"
    earrings: Literal["none", "studs", "hoops", "drops"] = "none"
    earrings_colour: Colour = "#d8ab52"


class Clothing(Part, frozen=True, kw_only=True):
    """neckline, cloth colour, a second colour for trim and pattern."""

    neckline: Literal["crew", "scoop", "vee", "collar", "turtle", "band", "jacket"] = "crew"
    colour: Colour = "#3d6b7e"
    accent: Colour = "#e8d9c0"
    pattern: Literal["plain", "stripes", "dots", "weave"] = "plain"


class Build(Part, frozen=True, kw_only=True):
    """frame narrow to broad shoulders, neck slender to strong."""

    frame: Unit = 0.4
    neck: Unit = 0.4


class Background(Part, frozen=True, kw_only=True):
    """hue on the OKLCH circle, the same circle the web app colours a room with; depth of it."""

    hue: Hue = 200
    depth: Unit = 0.4


class Expression(Part, frozen=True, kw_only=True):
    """The face at rest: smile, lips parted, eyes narrowed by warmth, brows raised, gaze."""

    smile: Unit = 0.5
    parted: Unit = 0.0
    warmth: Unit = 0.4
    brows: Unit = 0.4
    gaze: Unit = 0.5


class Appearance(Part, frozen=True, kw_only=True):
    """The whole document. `seed` decides strands and freckles, nothing that has a name."""

    version: Annotated[int, Meta(ge=1, le=VERSION)] = VERSION
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    origin: Origin
    skin: Skin = Skin()
    shape: Shape = Shape()
    eyes: Eyes = Eyes()
    brows: Brows = Brows()
    nose: Nose = Nose()
    mouth: Mouth = Mouth()
    ears: Unit = 0.5
    hair: Hair = Hair()
    facial_hair: FacialHair = FacialHair()
    wear: Wear = Wear()
    clothing: Clothing = Clothing()
    build: Build = Build()
    background: Background = Background()
    expression: Expression = Expression()


def content_hash(look: Appearance, drawing_version: int) -> str:
    """32 hex digits that change exactly when the drawing of this document may change."""
    document = msgspec.json.encode([drawing_version, look], order="sorted")
    return hashlib.sha256(document).hexdigest()[:32]
