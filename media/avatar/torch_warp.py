"""Reading drawings where a pose moved them, by torch: maps worked out on few places, then spread.

Everything that can be said of a map is said where it is coarse; what is as large as a picture is
written once and read once.
"""

from typing import Any, Final

from media.avatar.reach import Part
from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y
from media.avatar.torch_atlas import GAP, Atlas

Places = tuple[Any, Any]
_INSIDE: Final = GAP - 1


class Warp:
    """Warps of batches."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def lattice(self, at: Part, cell: int, k: float, device: str) -> Places:
        """Every `cell` pixels of a part of the frame, its last edge too, in canvas pixels."""
        torch = self._torch
        columns = torch.arange(at.wide // cell + 1, device=device, dtype=torch.float32)
        rows = torch.arange(at.high // cell + 1, device=device, dtype=torch.float32)
        x = (columns * cell + (at.x0 + 0.5)) / k + VIEW_X
        y = (rows * cell + (at.y0 + 0.5)) / k + VIEW_Y
        return x.reshape(1, 1, -1), y.reshape(1, -1, 1)

    def laid(
        self, atlas: Atlas, name: str, slots: Any, at: Part, source: Places
    ) -> tuple[Any, Any]:
        """A layer of every slot as it shows in a part of the frame, for both planes."""
        k, margin, limit = atlas.size / VIEW, atlas.margin, atlas.side + _INSIDE
        starts = atlas.place(slots)
        px, py = (
            self._torch.clip((place - view) * k + (margin - 0.5), -_INSIDE, limit - 1.0) + start
            for place, view, start in zip(source, (VIEW_X, VIEW_Y), starts, strict=True)
        )
        bright, differing = atlas.laid[name]
        count = slots.shape[0]
        high, wide = bright.shape[2:]
        return (
            self.read(bright.expand(count, -1, -1, -1), (px, py), (wide, high), at, 1),
            self.read(differing.expand(count, -1, -1, -1), (px, py), (wide, high), at, 2),
        )

    def read(
        self, drawing: Any, places: Places, span: tuple[int, int], at: Part, scale: int
    ) -> Any:
        """`drawing` read at pixels (N, rows, columns) of something that is `span` large.

        It may itself be smaller: `scale` 2 reads every second place, between four pixels.
        """
        grid = self.spread(
            tuple(
                (place + (0.5 + 0.5 * (scale - 1))) * (2.0 / whole) - 1.0
                for place, whole in zip(places, span, strict=True)
            ),
            at, scale,
        )  # fmt: skip
        return self._torch.nn.functional.grid_sample(
            drawing, grid, mode="bilinear", padding_mode="border", align_corners=False
        )

    def spread(self, places: tuple[Any, ...], at: Part, scale: int) -> Any:
        """From a lattice to every place, (N, h, w, 2)."""
        torch = self._torch
        both = torch.stack(torch.broadcast_tensors(*places), dim=1)
        high, wide = at.high // scale, at.wide // scale
        full = torch.nn.functional.interpolate(
            both, size=(high + 1, wide + 1), mode="bilinear", align_corners=True
        )
        return full[:, :, :high, :wide].permute(0, 2, 3, 1)
