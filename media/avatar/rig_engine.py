"""The drawn face behind the engine port: a painter, and the memory of what each slot last showed.

A slot whose row nobody could tell from the last one is not painted at all.
"""

from collections.abc import Sequence

import numpy as np
import structlog

from media.avatar.engine import EngineCaps, Rendered, Source, Step, bucket
from media.avatar.painter import (
    Asset,
    AvatarError,
    Frames,
    Painter,
    PicturePainter,
    frame_shape,
)
from media.avatar.state import K, Rows, changed

logger = structlog.get_logger(__name__)


class RigEngine:
    """Engine over a Painter."""

    def __init__(self, painter: Painter, *, fps: int = 25) -> None:
        known = painter.caps
        self.caps = EngineCaps(
            name=known.name,
            device=known.device,
            fps=fps,
            sizes=known.sizes,
            max_batch=known.max_batch,
            lookahead_ms=known.lookahead_ms,
        )
        self._painter = painter
        self._slots: dict[int, Asset] = {}
        self._shown: dict[int, Rows] = {}

    def prepare(self, source: Source, size: int) -> Asset:
        """The painter's asset of a picture, where it can, or of a drawn companion."""
        if size not in self.caps.sizes:
            raise AvatarError(f"Faces come in {self.caps.sizes}, not {size}.", reason="bad_size")
        if source.picture and isinstance(self._painter, PicturePainter):
            try:
                return self._painter.prepare_picture(source.picture, size)
            except AvatarError as error:
                if source.appearance is None:
                    raise
                logger.warning("a picture cannot be shown", reason=error.reason)
        if source.appearance is None:
            raise AvatarError("This engine draws faces from an appearance.", reason="unsupported")
        return self._painter.prepare(source.appearance, size)

    def open(self, slot: int, asset: Asset) -> None:
        """Show this face from now on."""
        self._slots[slot] = asset
        self._shown.pop(slot, None)

    def listen(self, slot: int, epoch: int, at_sample: int, pcm: bytes) -> None:
        """The drawn face moves by its rows."""

    def close(self, slot: int) -> None:
        """Forget the slot."""
        self._slots.pop(slot, None)
        self._shown.pop(slot, None)

    def step(self, batch: Sequence[Step]) -> Rendered:
        """Paint the slots that anybody could see change."""
        mask = np.array([self._differs(step) for step in batch], np.bool_)
        todo = [step for step, differs in zip(batch, mask, strict=True) if differs]
        size = self._slots[batch[0].slot].size if batch else 0
        frames: Frames = np.empty((0, *frame_shape(size, "i420")), np.uint8)
        if todo:
            frames = self._paint(todo)
            for step in todo:
                self._shown[step.slot] = step.row
        spread = np.cumsum(mask) - 1
        whole = frames if mask.all() else frames[np.maximum(spread, 0)] if todo else frames
        return Rendered(frames=whole, pts=tuple(step.pts for step in batch), changed=mask)

    def paint_rgb(self, asset: Asset, row: Rows) -> Frames:
        """One frame in colour, (size, size, 3), for engines that begin with a drawing."""
        frame: Frames = self._painter.paint([asset], row, layout="rgb")[0]
        return frame

    def _differs(self, step: Step) -> bool:
        shown = self._shown.get(step.slot)
        return shown is None or step.fresh or bool(changed(shown, step.row))

    def _paint(self, todo: Sequence[Step]) -> Frames:
        count = len(todo)
        padded = count if self.caps.device == "cpu" else bucket(count, self.caps.max_batch)
        rows = np.zeros((padded, K), np.float32)
        for place, step in enumerate(todo):
            rows[place] = step.row
        assets = [self._slots[step.slot] for step in todo]
        assets += assets[:1] * (padded - count)
        return self._painter.paint(assets, rows)[:count]
