"""What a kept face is called, without what it takes to draw one.

A gateway asks whether a face lies ready; it must not load an image library for that.
"""

from typing import Final

from media.avatar.appearance import Appearance, content_hash
from media.avatar.still import DRAWING_VERSION

RIG_VERSION: Final = 1
ENDING: Final = ".rig.npz"


def rig_digest(look: Appearance) -> str:
    """Changes exactly when what moves may look different."""
    return content_hash(look, DRAWING_VERSION * 1000 + RIG_VERSION)


def rig_file(look: Appearance, size: int) -> str:
    """The name of its file at one size."""
    return f"{rig_digest(look)}-{size}{ENDING}"
