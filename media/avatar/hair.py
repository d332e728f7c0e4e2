"""Choosing how hair is drawn: each cut has a painter for behind the head and for before it."""

from collections.abc import Callable

from media.avatar.face import Face
from media.avatar.hair_coily import draw_afro, draw_afro_back, draw_braids, draw_braids_back
from media.avatar.hair_gathered import draw_gathered, draw_gathered_back
from media.avatar.hair_long import draw_loose, draw_loose_back
from media.avatar.hair_short import draw_shaved, draw_short
from media.avatar.sketch import Sketch

Painter = Callable[[Sketch, Face], None]


def _nothing(sketch: Sketch, face: Face) -> None:
    """Short cuts have nothing behind the head."""


_PAINTERS: dict[str, tuple[Painter, Painter]] = {
    "long": (draw_loose_back, draw_loose),
    "bob": (draw_loose_back, draw_loose),
    "bun": (draw_gathered_back, draw_gathered),
    "ponytail": (draw_gathered_back, draw_gathered),
    "braids": (draw_braids_back, draw_braids),
    "afro": (draw_afro_back, draw_afro),
    "bald": (_nothing, draw_shaved),
}


def draw_back_hair(sketch: Sketch, face: Face) -> None:
    """Hair behind head and shoulders; a full headscarf covers it."""
    if face.look.wear.headwear in ("none", "loose_scarf", "beanie"):
        _PAINTERS.get(face.look.hair.style, (_nothing, draw_short))[0](sketch, face)


def draw_front_hair(sketch: Sketch, face: Face) -> None:
    """Hair before the head."""
    if face.look.wear.headwear in ("none", "loose_scarf", "beanie"):
        _PAINTERS.get(face.look.hair.style, (_nothing, draw_short))[1](sketch, face)
