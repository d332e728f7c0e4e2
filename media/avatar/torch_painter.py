"""The painter for many faces on one device: the same formulas, evaluated by torch for a batch.

Companions lie on the device once and are read in place, so that faces of different ones are one
batch: painted, warped, laid and turned to I420 without coming back to the host in between, in the
colours of video and only where something shows. torch is the `gpu` extra; nothing default needs it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from media.avatar import planes, pose
from media.avatar.appearance import Appearance
from media.avatar.fields import State
from media.avatar.layers import RigShelf
from media.avatar.painter import Asset, AvatarError, Caps, Frames, Layout
from media.avatar.reach import Part, Pose, seen
from media.avatar.rig_file import rig_digest
from media.avatar.sketch import VIEW
from media.avatar.state import Rows, within
from media.avatar.torch_atlas import Atlas, TorchAsset
from media.avatar.torch_head import HeadPainter
from media.avatar.torch_warp import Warp
from media.avatar.traits import Traits

CELL: Final = 16  # pixels from one place of a pose's map to the next
HELD_BYTES: Final = 24 * 2**30


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
        self._atlases: dict[int, Atlas] = {}
        self._held: OrderedDict[tuple[str, int], TorchAsset] = OrderedDict()
        self._warp = Warp(torch)
        self._head = HeadPainter(torch, self._warp)
        self._black, self._white = (
            torch.from_numpy(colour.reshape(1, 3, 1, 1).copy()).to(device)
            for colour in (planes.BLACK, planes.WHITE)
        )

    def prepare(self, appearance: Appearance, size: int) -> Asset:
        """The face on the device. Raises AvatarError."""
        key = (rig_digest(appearance), size)
        if key not in self._held:
            rig = self._shelf.get(appearance, size)
            if size not in self._atlases:
                self._atlases[size] = Atlas(self._torch, self.caps.device, size)
            self._held[key] = self._atlases[size].add(rig)
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
            told = i420(self._torch, *frames) if layout == "i420" else rgb(self._torch, *frames)
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

    def _frames(self, assets: Sequence[TorchAsset], states: Rows) -> tuple[Any, Any]:
        """Brightness (N, 1, size, size) and differences (N, 2, size / 2, size / 2)."""
        torch, size, atlas = self._torch, assets[0].size, assets[0].atlas
        told = torch.from_numpy(np.ascontiguousarray(states)).to(self.caps.device)
        slots = torch.tensor([one.slot for one in assets]).to(self.caps.device)
        state = State(told)
        numbers, colours = (held.index_select(0, slots) for held in (atlas.numbers, atlas.colours))
        traits = Traits(numbers, colours, self._black, self._white)
        frame = atlas.backs.index_select(0, slots), atlas.backs_half.index_select(0, slots)
        for name in pose.LAYERS:
            at = _shown(name, assets, states, size)
            if at is None or not at.wide or not at.high:
                continue  # a layer that nobody in this batch has
            x, y = self._warp.lattice(at, CELL, size / VIEW, self.caps.device)
            sx, sy = pose.source(torch, name, x, y, state, traits)
            if name == "head":
                over = self._head.seen(assets, slots, state, traits, at, (sx, sy))
            else:
                over = self._warp.laid(atlas, name, slots, at, (sx, sy))
            for plane, one in zip(frame, over, strict=True):
                scale = size // plane.shape[-1]
                rows = slice(at.y0 // scale, at.y1 // scale)
                view = plane[:, :, rows, at.x0 // scale : at.x1 // scale]
                through, colour = one[:, :1], one[:, -view.shape[1] :]
                torch.addcmul(colour, view, through, out=view)
        return frame


def _shown(name: str, assets: Sequence[TorchAsset], states: Rows, size: int) -> Part | None:
    """Where in the frame a layer of any of these shows."""
    wearing = [place for place, one in enumerate(assets) if name in one.drawn]
    if not wearing:
        return None
    measures = [assets[place].measures for place in wearing]
    wildest = Pose.of(
        states[wearing], max(one["width"] for one in measures), max(one["chin"] for one in measures)
    )
    drawn = assets[wearing[0]].drawn[name]
    for place in wearing[1:]:
        drawn = drawn.joined(assets[place].drawn[name])
    return seen(name, drawn, wildest, size).whole(CELL, size)


def rgb(torch: Any, bright: Any, differing: Any) -> Any:
    """(N, H, W, 3) bytes."""
    full = torch.nn.functional.interpolate(differing, scale_factor=2, mode="bilinear")
    told = torch.cat([bright, full], dim=1).permute(0, 2, 3, 1)
    zero, turn = (torch.from_numpy(one).to(told.device) for one in (planes.ZERO, planes.TO_RGB))
    return ((told - zero) @ turn.T + 0.5).clamp(0, 255).to(torch.uint8).contiguous()


def i420(torch: Any, bright: Any, differing: Any) -> Any:
    """I420 (BT.601, limited range), (N, H * 3 / 2, W) bytes."""
    count, side = bright.shape[0], bright.shape[-1]
    told = torch.empty((count, side * 3 // 2, side), dtype=torch.uint8, device=bright.device)
    told[:, :side].copy_(bright[:, 0])
    told[:, side:].view(count, 2, side // 2, side // 2).copy_(differing)
    return told
