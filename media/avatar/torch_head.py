"""The head of every instant by torch: skin carried by the jaw, eyes, brows and mouth painted on it.

It is the one layer that differs from frame to frame, so it alone is copied before it is warped.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from media.avatar import pose
from media.avatar.fields import State
from media.avatar.paint_eyes import BROW_REACH, EYE_REACH, paint_brows, paint_eye
from media.avatar.paint_mouth import (
    FOLDS_REACH,
    INSIDE_REACH,
    LIPS_REACH,
    paint_folds,
    paint_inside,
    paint_lips,
)
from media.avatar.reach import Part
from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y
from media.avatar.torch_atlas import TorchAsset
from media.avatar.torch_warp import Places, Warp
from media.avatar.traits import NUMBERS, Traits

JAW_CELL: Final = 4
RING: Final = 2  # of nothing around a head, even
_AT: Final = {name: place for place, name in enumerate(NUMBERS)}


class HeadPainter:
    """Paints heads of a batch."""

    def __init__(self, torch: Any, warp: Warp) -> None:
        self._torch, self._warp = torch, warp

    def seen(
        self,
        assets: Sequence[TorchAsset],
        slots: Any,
        state: State,
        traits: Traits,
        at: Part,
        source: Places,
    ) -> tuple[Any, Any]:
        """The heads as they show in a part of the frame, for both planes."""
        atlas = assets[0].atlas
        k, crop = atlas.size / VIEW, self._crop(assets)
        cut = atlas.part(crop)
        heads = atlas.heads[:, :, cut.y0 : cut.y1, cut.x0 : cut.x1].index_select(0, slots)
        self._paint(heads, crop, np.stack([one.numbers for one in assets]), state, traits, k)
        half = self._torch.nn.functional.avg_pool2d(heads, 2)
        places = tuple(
            (place - view) * k - (begin + 0.5)
            for place, view, begin in zip(source, (VIEW_X, VIEW_Y), crop[:2], strict=True)
        )
        span = crop.wide, crop.high
        return (
            self._warp.read(heads[:, :2], places, span, at, 1),
            self._warp.read(half, places, span, at, 2),
        )

    def _crop(self, assets: Sequence[TorchAsset]) -> Part:
        """All heads of the batch, and nothing around them; every edge is even."""
        found = assets[0].drawn["head"]
        for one in assets[1:]:
            found = found.joined(one.drawn["head"])
        margin, size = assets[0].atlas.margin, assets[0].size
        moved = Part(*(edge + margin for edge in found))
        wider = Part(moved.x0 - RING, moved.y0 - RING, moved.x1 + RING, moved.y1 + RING)
        return Part(*(edge - margin for edge in wider.whole(2, size + 2 * margin)))

    def _paint(
        self, heads: Any, crop: Part, numbers: Any, state: State, traits: Traits, k: float
    ) -> None:
        n = {name: numbers[:, place] for name, place in _AT.items()}
        self._carry_skin(heads, crop, n, state, traits, k)
        for box, paint in self._parts(n):
            part = _pixels(box, crop, k)
            x, y = self._places(heads, part, crop, k)
            paint(heads[:, 1:, part.y0 : part.y1, part.x0 : part.x1], x, y, state, traits, k)

    def _carry_skin(
        self, heads: Any, crop: Part, n: dict[str, Any], state: State, traits: Traits, k: float
    ) -> None:
        """Move the lower face with the jaw and the cheeks."""
        torch = self._torch
        wide, above, below = pose.REACH_JAW
        reach = wide * n["width"]
        box = (256 - reach, n["mouth_y"] - above, 256 + reach, n["chin"] + below)
        at = _pixels(box, crop, k, JAW_CELL)
        frame = Part(at.x0 + crop.x0, at.y0 + crop.y0, at.x1 + crop.x0, at.y1 + crop.y0)
        x, y = self._warp.lattice(frame, JAW_CELL, k, heads.device)
        down = pose.jaw_shift(torch, x, y, state, traits)
        dx, dy = pose.cheek_shift(torch, x, y, state, traits)
        px = (x + dx - VIEW_X) * k - (crop.x0 + 0.5)
        py = (y + dy - down - VIEW_Y) * k - (crop.y0 + 0.5)
        carried = self._warp.read(heads, (px, py), (crop.wide, crop.high), at, 1)
        heads[:, :, at.y0 : at.y1, at.x0 : at.x1].copy_(carried)

    def _parts(self, n: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """What is painted on the head, in order, and where, in canvas pixels."""
        torch = self._torch
        for side in (-1.0, 1.0):
            wide, above, below = EYE_REACH
            x, reach = 256 + side * n["eye_x"], wide * n["eye_width"]
            box = (x - reach, n["eye_y"] - above, x + reach, n["eye_y"] + below)
            yield box, lambda f, x, y, *more, s=side: paint_eye(torch, f, x, y, s, *more)
        beyond, above, below = BROW_REACH
        end = n["brow_end"] + beyond
        box = (256 - end, n["brow_y"] - above, 256 + end, n["brow_y"] + below)
        yield box, lambda *told: paint_brows(torch, *told)
        for (width, above, below), paint in (
            (FOLDS_REACH, paint_folds), (INSIDE_REACH, paint_inside), (LIPS_REACH, paint_lips),
        ):  # fmt: skip
            box = (n["mouth_y"] * 0 + (256 - width), n["mouth_y"] - above,
                   n["mouth_y"] * 0 + (256 + width), n["mouth_y"] + below)  # fmt: skip
            yield box, lambda *told, p=paint: p(torch, *told)

    def _places(self, heads: Any, at: Part, crop: Part, k: float) -> Places:
        """Canvas coordinates of a part of the heads, (1, 1, w) and (1, h, 1)."""
        torch = self._torch
        px = torch.arange(at.x0, at.x1, device=heads.device, dtype=torch.float32)
        py = torch.arange(at.y0, at.y1, device=heads.device, dtype=torch.float32)
        x = (px + (crop.x0 + 0.5)) / k + VIEW_X
        y = (py + (crop.y0 + 0.5)) / k + VIEW_Y
        return x.reshape(1, 1, -1), y.reshape(1, -1, 1)


def _pixels(box: tuple[Any, ...], crop: Part, k: float, step: int = 1) -> Part:
    """A box of the canvas, of every face of a batch, in pixels of the heads."""
    left, top, right, low = box
    x0, y0 = (float(left.min()) - VIEW_X) * k - crop.x0, (float(top.min()) - VIEW_Y) * k - crop.y0
    x1, y1 = (float(right.max()) - VIEW_X) * k - crop.x0, (float(low.max()) - VIEW_Y) * k - crop.y0
    x0, y0 = max(0.0, x0), max(0.0, y0)
    wide = (min(crop.wide, int(x1) + 1) - int(x0)) // step * step
    high = (min(crop.high, int(y1) + 1) - int(y0)) // step * step
    return Part(int(x0), int(y0), int(x0) + max(0, wide), int(y0) + max(0, high))
