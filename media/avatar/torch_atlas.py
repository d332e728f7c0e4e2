"""Where companions lie on a device: one place in a few large tensors for each, and given back.

A batch of different faces is then read from these tensors in place. Gathering their drawings
first, as bytes or as numbers, would move more memory than painting them.
"""

import weakref
from typing import Any, Final

import numpy as np

from media.avatar import planes, pose
from media.avatar.layers import Layer, Rig
from media.avatar.reach import Part
from media.avatar.traits import COLOURS, NUMBERS

MARGIN_SHARE: Final = 8  # a layer may reach so much of a side beyond the frame
GAP: Final = 16  # nothing lies so far around every drawing, in pixels
ACROSS: Final = 8  # drawings side by side
LAID: Final = tuple(name for name in pose.LAYERS if name != "head")


class TorchAsset:
    """One companion on the device: `slot` of `atlas`, for as long as this lives."""

    def __init__(self, rig: Rig, atlas: "Atlas", slot: int) -> None:
        self.digest, self.size = rig.digest, rig.size
        self.atlas, self.slot = atlas, slot
        self.drawn = {layer.name: _drawn(layer) for layer in rig.layers}
        self.numbers = rig.numbers  # on the host: where to paint is decided there
        self.measures = dict(zip(NUMBERS, rig.numbers.tolist(), strict=True))
        self.held_bytes = atlas.slot_bytes
        weakref.finalize(self, atlas.free.append, slot)


class Atlas:
    """All companions of one size. It grows; what it has grown to it keeps."""

    def __init__(self, torch: Any, device: str, size: int) -> None:
        self.size, self.margin = size, size // MARGIN_SHARE
        self.side = size + 2 * self.margin
        self.free: list[int] = []
        self.laid: dict[str, tuple[Any, Any]] = {}  # by layer: brightness, differences
        self._torch, self._device = torch, device
        self._rows = 0
        laid = len(LAID) * self.pitch**2 * 11 // 4  # two of brightness, three of a quarter
        self.slot_bytes = 4 * (4 * self.side**2 + size**2 * 3 // 2 + laid)

    @property
    def pitch(self) -> int:
        """Pixels from one drawing to the next."""
        return self.side + 2 * GAP

    def add(self, rig: Rig) -> TorchAsset:
        """Bring a companion to the device."""
        with self._torch.inference_mode():
            if not self.free:
                self._grow()
            slot = self.free.pop()
            self._fill(slot, rig)
        return TorchAsset(rig, self, slot)

    def _fill(self, slot: int, rig: Rig) -> None:
        self._put(self.heads, slot, self._canvas(rig, "head"))
        for name in LAID:
            canvas = self._canvas(rig, name)
            half = planes.halved(canvas)
            bright, differing = self.laid[name]
            self._at(bright, slot, 1).copy_(self._torch.from_numpy(canvas[:2]))
            told = self._torch.from_numpy(np.ascontiguousarray(half[[0, 2, 3]]))
            self._at(differing, slot, 2).copy_(told)
        back = np.ascontiguousarray(planes.of_rgb(rig.background).transpose(2, 0, 1))
        self._put(self.backs, slot, back[:1])
        self._put(self.backs_half, slot, planes.halved(back[1:]))
        self._put(self.numbers, slot, rig.numbers)
        self._put(self.colours, slot, planes.of_rgb(rig.colours * 255))

    def place(self, slots: Any) -> tuple[Any, Any]:
        """Where the drawings of `slots` begin, in pixels of brightness: x and y, (N, 1, 1)."""
        x, y = slots % ACROSS * self.pitch + GAP, slots // ACROSS * self.pitch + GAP
        return x.reshape(-1, 1, 1), y.reshape(-1, 1, 1)

    def part(self, drawn: Part) -> Part:
        """A part of the frame as one of a drawing's canvas."""
        return Part(*(edge + self.margin for edge in drawn))

    def _grow(self) -> None:
        """Twice as many rows of drawings, all that are there copied."""
        before, self._rows = self._rows, max(1, self._rows * 2)
        size, side, count = self.size, self.side, self._rows * ACROSS
        wide, high = ACROSS * self.pitch, self._rows * self.pitch
        self.heads = self._more("heads", (count, 4, side, side))
        self.backs = self._more("backs", (count, 1, size, size))
        self.backs_half = self._more("backs_half", (count, 2, size // 2, size // 2))
        self.numbers = self._more("numbers", (count, len(NUMBERS)))
        self.colours = self._more("colours", (count, len(COLOURS), 3))
        for name in LAID:
            held = self.laid.get(name, (None, None))
            self.laid[name] = (
                self._wider(held[0], (1, 2, high, wide)),
                self._wider(held[1], (1, 3, high // 2, wide // 2)),
            )
        self.free += range(count - 1, before * ACROSS - 1, -1)

    def _more(self, name: str, shape: tuple[int, ...]) -> Any:
        made = self._torch.zeros(shape, device=self._device)
        held = getattr(self, name, None)
        if held is not None:
            made[: held.shape[0]] = held
        return made

    def _wider(self, held: Any, shape: tuple[int, ...]) -> Any:
        made = self._torch.zeros(shape, device=self._device)
        made[:, 0] = 1  # everything shows through nothing
        if held is not None:
            made[:, :, : held.shape[2]] = held
        return made

    def _put(self, held: Any, slot: int, what: Any) -> None:
        held[slot] = self._torch.from_numpy(np.ascontiguousarray(what))

    def _at(self, held: Any, slot: int, scale: int) -> Any:
        """The drawing of a slot; `scale` is 2 where there is a place for every four pixels."""
        x = (slot % ACROSS * self.pitch + GAP) // scale
        y = (slot // ACROSS * self.pitch + GAP) // scale
        side = self.side // scale
        return held[0, :, y : y + side, x : x + side]

    def _canvas(self, rig: Rig, name: str) -> planes.Floats:
        """One layer on a canvas (4, side, side); what lies beyond it is cut off."""
        canvas = np.zeros((4, self.side, self.side), np.float32)
        canvas[0] = 1
        for layer in rig.layers:
            if layer.name == name:
                _lay(canvas, layer, self.margin)
        return canvas


def _drawn(layer: Layer) -> Part:
    high, wide = layer.pixels.shape[:2]
    return Part(layer.left, layer.top, layer.left + wide, layer.top + high)


def _lay(canvas: planes.Floats, layer: Layer, margin: int) -> None:
    side = canvas.shape[-1]
    at = Part(*(edge + margin for edge in _drawn(layer)))
    seen = at.whole(1, side)
    part = planes.of_layer(layer.pixels)
    rows = slice(seen.y0 - at.y0, seen.y1 - at.y0)
    columns = slice(seen.x0 - at.x0, seen.x1 - at.x0)
    canvas[:, seen.y0 : seen.y1, seen.x0 : seen.x1] = part[:, rows, columns]
