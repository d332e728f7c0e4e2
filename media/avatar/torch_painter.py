"""The painter for many faces on one device: the same formulas, evaluated by torch for a batch.

Every layer of a companion lies on the device once, on a canvas of one shape, so that faces of
different companions are one batch: gathered, painted, warped, blended and turned to I420 without
coming back to the host in between. torch is the `gpu` extra; nothing default needs it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from media.avatar import pose
from media.avatar.appearance import Appearance
from media.avatar.fields import State
from media.avatar.layers import Layer, Rig, RigShelf, rig_digest
from media.avatar.paint_eyes import BROW_REACH, EYE_REACH, paint_brows, paint_eye
from media.avatar.paint_mouth import (
    FOLDS_REACH,
    INSIDE_REACH,
    LIPS_REACH,
    paint_folds,
    paint_inside,
    paint_lips,
)
from media.avatar.painter import Asset, AvatarError, Caps, Frames, Layout
from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y
from media.avatar.state import Rows, within
from media.avatar.traits import NUMBERS, Traits

MARGIN_SHARE: Final = 8  # a layer may reach so much of a side beyond the frame
CELL: Final = 16  # pixels from one place of a pose's map to the next
JAW_CELL: Final = 4
HELD_BYTES: Final = 8 * 2**30
_AT: Final = {name: place for place, name in enumerate(NUMBERS)}
_BODY: Final = pose.LAYERS.index("head")


class TorchAsset:
    """One companion on the device."""

    def __init__(self, rig: Rig, textures: Any, background: Any, torch: Any) -> None:
        self.digest, self.size = rig.digest, rig.size
        self.textures, self.background = textures, background
        self.layers = frozenset(layer.name for layer in rig.layers)
        self.traits = rig.numbers  # on the host too: where to paint is decided there
        self.numbers = torch.from_numpy(rig.numbers).to(textures.device)
        self.colours = torch.from_numpy(rig.colours).to(textures.device)
        self.held_bytes = textures.numel() + background.numel()


class Box:
    """A part of the canvas, in pixels of it."""

    def __init__(self, left: float, top: float, right: float, low: float, side: int) -> None:
        self.x0, self.y0 = max(0, int(left)), max(0, int(top))
        self.x1, self.y1 = min(side, int(right) + 1), min(side, int(low) + 1)
        self.of = (slice(None), slice(None), slice(self.y0, self.y1), slice(self.x0, self.x1))


class TorchPainter:
    """Draws batches of drawn companions with torch."""

    def __init__(self, folder: Path, device: str = "cpu", *, max_batch: int = 64) -> None:
        """Raises AvatarError: no_library, no_device."""
        try:
            import torch
        except ImportError as error:
            raise AvatarError("Painting with torch needs it.", reason="no_library") from error
        if device != "cpu" and not torch.cuda.is_available():
            raise AvatarError(f"There is no device {device} here.", reason="no_device")
        self.caps = Caps(name=f"rig-{device}", device=device, max_batch=max_batch)
        self._torch: Any = torch
        self._shelf = RigShelf(folder)
        self._held: OrderedDict[tuple[str, int], TorchAsset] = OrderedDict()

    def prepare(self, appearance: Appearance, size: int) -> Asset:
        """The face on the device. Raises AvatarError."""
        key = (rig_digest(appearance), size)
        if key not in self._held:
            self._held[key] = self._upload(self._shelf.get(appearance, size))
        self._held.move_to_end(key)
        while len(self._held) > 1 and sum(a.held_bytes for a in self._held.values()) > HELD_BYTES:
            self._held.popitem(last=False)
        return self._held[key]

    def paint(
        self,
        assets: Sequence[Asset],
        states: Rows,
        *,
        layout: Layout = "i420",
        changed: npt.NDArray[np.bool_] | None = None,
        into: Frames | None = None,
    ) -> Frames:
        """See media/avatar/painter.py."""
        if any(one.size != assets[0].size for one in assets) or len(assets) != len(states):
            raise ValueError("a batch has one size, and a row of state for every asset")
        with self._torch.inference_mode():
            frames = self._frames([a for a in assets if isinstance(a, TorchAsset)], within(states))
            told = i420(self._torch, frames) if layout == "i420" else rgb(self._torch, frames)
            made = self._brought(told)
        if into is None:
            return made
        chosen = slice(None) if changed is None else changed
        into[chosen] = made[chosen]
        return into

    def _brought(self, told: Any) -> Frames:
        """From the device: through pinned memory, and waiting for this alone."""
        if self.caps.device == "cpu":
            made: Frames = told.numpy()
            return made
        torch = self._torch
        with torch.cuda.device(told.device):
            held = torch.empty(told.shape, dtype=told.dtype, pin_memory=True)
            held.copy_(told, non_blocking=True)
            torch.cuda.current_stream().synchronize()
        brought: Frames = held.numpy()
        return brought

    def _upload(self, rig: Rig) -> TorchAsset:
        margin = rig.size // MARGIN_SHARE
        side = rig.size + 2 * margin
        canvas = np.zeros((len(pose.LAYERS), 4, side, side), np.uint8)
        for layer in rig.layers:
            _lay(canvas[pose.LAYERS.index(layer.name)], layer, margin)
        torch, device = self._torch, self.caps.device
        background = torch.from_numpy(rig.background.transpose(2, 0, 1).copy()).to(device)
        return TorchAsset(rig, torch.from_numpy(canvas).to(device), background, torch)

    def _frames(self, assets: Sequence[TorchAsset], states: Rows) -> Any:
        """(N, 3, size, size), 0..255."""
        torch, size = self._torch, assets[0].size
        device = self.caps.device
        state = State(torch.from_numpy(np.ascontiguousarray(states)).to(device))
        numbers = torch.stack([one.numbers for one in assets])
        traits = Traits(numbers, torch.stack([one.colours for one in assets]))
        head = torch.stack([one.textures[_BODY] for one in assets]).to(torch.float32) / 255
        head = self._head(head, np.stack([one.traits for one in assets]), state, traits, size)
        frame = torch.stack([one.background for one in assets]).to(torch.float32) / 255
        k, margin = size / VIEW, size // MARGIN_SHARE
        x, y = self._coarse(0, 0, size, size, CELL, k)
        worn = frozenset[str]().union(*(one.layers for one in assets))
        for place, name in enumerate(pose.LAYERS):
            if name not in worn:
                continue  # a layer that nobody in this batch has
            layer = head
            if place != _BODY:
                layer = torch.stack([one.textures[place] for one in assets]).to(torch.float32) / 255
            sx, sy = pose.source(torch, name, x, y, state, traits)
            places = self._spread((sx, sy), CELL, size, size)
            px, py = (
                (place - view) * k + margin - 0.5
                for place, view in zip(places, (VIEW_X, VIEW_Y), strict=True)
            )
            seen = self._read(layer, px, py)
            frame = frame * (1 - seen[:, 3:]) + seen[:, :3]
        return frame * 255

    def _head(self, head: Any, numbers: Rows, state: State, traits: Traits, size: int) -> Any:
        """The head with its skin carried by the jaw, its eyes, brows and mouth painted."""
        k, torch = size / VIEW, self._torch
        side = int(head.shape[-1])

        def box(left: Any, top: Any, right: Any, low: Any) -> Box:
            edge = size // MARGIN_SHARE
            x0, y0 = (left - VIEW_X) * k + edge, (top - VIEW_Y) * k + edge
            x1, y1 = (right - VIEW_X) * k + edge, (low - VIEW_Y) * k + edge
            return Box(x0.min(), y0.min(), x1.max(), y1.max(), side)

        n = {name: numbers[:, place] for name, place in _AT.items()}
        wide, above, below = pose.REACH_JAW
        reach = wide * n["width"]
        at = box(256 - reach, n["mouth_y"] - above, 256 + reach, n["chin"] + below)
        _, _, px, py = self._places(at, size)
        wide_px, high_px, edge = at.x1 - at.x0, at.y1 - at.y0, size // MARGIN_SHARE
        x, y = self._coarse(at.x0 - edge, at.y0 - edge, wide_px, high_px, JAW_CELL, k)
        down = pose.jaw_shift(torch, x, y, state, traits)
        dx, dy = pose.cheek_shift(torch, x, y, state, traits)
        dx, dy = self._spread((dx, dy - down), JAW_CELL, wide_px, high_px)
        carried = self._read(head, px + dx * k, py + dy * k)
        head[at.of] = carried
        for part, paint in self._parts(n, box):
            x, y, _, _ = self._places(part, size)
            field = head[:, :3, part.y0 : part.y1, part.x0 : part.x1]
            paint(field, x, y, state, traits, k)
            field.clamp_(0, 1)
        return head

    def _parts(self, n: dict[str, Any], box: Any) -> list[tuple[Box, Any]]:
        """What is painted on the head, in order, and where."""
        torch, parts = self._torch, []
        for side in (-1.0, 1.0):
            wide, above, below = EYE_REACH
            x, reach = 256 + side * n["eye_x"], wide * n["eye_width"]
            at = box(x - reach, n["eye_y"] - above, x + reach, n["eye_y"] + below)
            parts.append((at, lambda f, x, y, *more, s=side: paint_eye(torch, f, x, y, s, *more)))
        beyond, above, below = BROW_REACH
        end = n["brow_end"] + beyond
        at = box(256 - end, n["brow_y"] - above, 256 + end, n["brow_y"] + below)
        parts.append((at, lambda *told: paint_brows(torch, *told)))
        for reach, paint in (
            (FOLDS_REACH, paint_folds), (INSIDE_REACH, paint_inside), (LIPS_REACH, paint_lips),
        ):  # fmt: skip
            width, above, below = reach
            middle = n["mouth_y"] * 0 + 256
            at = box(middle - width, n["mouth_y"] - above, middle + width, n["mouth_y"] + below)
            parts.append((at, lambda *told, p=paint: p(torch, *told)))
        return parts

    def _places(self, at: Box, size: int) -> tuple[Any, Any, Any, Any]:
        """Canvas coordinates of a box, (1, 1, w) and (1, h, 1), and the same in its pixels."""
        torch, k, margin = self._torch, size / VIEW, size // MARGIN_SHARE
        device = self.caps.device
        px = torch.arange(at.x0, at.x1, device=device, dtype=torch.float32).reshape(1, 1, -1)
        py = torch.arange(at.y0, at.y1, device=device, dtype=torch.float32).reshape(1, -1, 1)
        return (px - margin + 0.5) / k + VIEW_X, (py - margin + 0.5) / k + VIEW_Y, px, py

    def _coarse(
        self, left: int, top: int, wide: int, high: int, cell: int, k: float
    ) -> tuple[Any, Any]:
        """Every `cell` pixels of a box of the frame, and one beyond it, in canvas pixels: a pose
        bends a drawing so gently that those are enough, as in media/avatar/grids.py."""
        torch, device = self._torch, self.caps.device
        columns = torch.arange(-(-wide // cell) + 2, device=device, dtype=torch.float32)
        rows = torch.arange(-(-high // cell) + 2, device=device, dtype=torch.float32)
        x = (left + (columns - 0.5) * cell) / k + VIEW_X
        y = (top + (rows - 0.5) * cell) / k + VIEW_Y
        return x.reshape(1, 1, -1), y.reshape(1, -1, 1)

    def _spread(self, fields: tuple[Any, Any], cell: int, wide: int, high: int) -> tuple[Any, Any]:
        """From cells to every pixel of the box."""
        both = self._torch.stack(self._torch.broadcast_tensors(*fields), dim=1)
        full = self._torch.nn.functional.interpolate(
            both, scale_factor=cell, mode="bilinear", align_corners=False
        )
        part = full[:, :, cell : cell + high, cell : cell + wide]
        return part[:, 0], part[:, 1]

    def _read(self, layer: Any, px: Any, py: Any) -> Any:
        """`layer` (N, 4, S, S) read at pixels (N, h, w); nothing lies beyond its edge."""
        torch, side = self._torch, layer.shape[-1]
        grid = torch.stack(torch.broadcast_tensors(px, py), dim=-1)
        grid = (grid + 0.5) * (2 / side) - 1
        return torch.nn.functional.grid_sample(
            layer, grid.expand(layer.shape[0], -1, -1, -1), mode="bilinear",
            padding_mode="zeros", align_corners=False,
        )  # fmt: skip


def rgb(torch: Any, frames: Any) -> Any:
    """(N, 3, H, W) 0..255 as (N, H, W, 3) bytes."""
    return (frames + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def i420(torch: Any, frames: Any) -> Any:
    """(N, 3, H, W) 0..255 as I420 (BT.601, limited range), (N, H * 3 / 2, W) bytes."""
    count, side = frames.shape[0], frames.shape[-1]
    r, g, b = frames[:, 0], frames[:, 1], frames[:, 2]
    luma = 16 + 0.256788 * r + 0.504129 * g + 0.097906 * b
    half = torch.nn.functional.avg_pool2d(frames, 2)
    r, g, b = half[:, 0], half[:, 1], half[:, 2]
    blue = 128 - 0.148223 * r - 0.290993 * g + 0.439216 * b
    red = 128 + 0.439216 * r - 0.367788 * g - 0.071427 * b
    planes = torch.cat([part.reshape(count, -1) for part in (luma, blue, red)], dim=1)
    return (planes + 0.5).clamp(0, 255).to(torch.uint8).reshape(count, side * 3 // 2, side)


def _lay(canvas: Frames, layer: Layer, margin: int) -> None:
    """A cropped layer at its place on a canvas (4, S, S); what lies beyond it is cut off."""
    side = canvas.shape[-1]
    high, wide = layer.pixels.shape[:2]
    left, top = layer.left + margin, layer.top + margin
    x0, y0, x1, y1 = max(0, left), max(0, top), min(side, left + wide), min(side, top + high)
    part = layer.pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    canvas[:, y0:y1, x0:x1] = part.transpose(2, 0, 1)
