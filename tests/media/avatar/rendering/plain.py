"""A painter as plain as can be: a grey face whose mouth is a dark bar as high as the jaw is open.

It keeps the painter's promises, so that schedules, encoders and links are tested without art.
"""

import threading
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from media.avatar.appearance import Appearance
from media.avatar.painter import Asset, AvatarError, Caps, Frames, Layout, frame_shape
from media.avatar.state import COLUMN, Rows


class PlainAsset(msgspec.Struct):
    """A size and a shade."""

    digest: str
    size: int
    held_bytes: int = 0


class PlainPainter:
    """Counts what it is asked to do."""

    def __init__(self, *, max_batch: int = 8) -> None:
        self.caps = Caps(name="plain", device="cpu", max_batch=max_batch)
        self.painted: list[int] = []
        self.prepared: list[int] = []
        self.fail_on: int | None = None
        self.threads: set[str] = set()

    def prepare(self, appearance: Appearance, size: int) -> Asset:
        self.prepared.append(size)
        if appearance.seed == self.fail_on:
            raise AvatarError("no", reason="no_face")
        return PlainAsset(digest=str(appearance.seed), size=size)

    def paint(
        self,
        assets: Sequence[Asset],
        states: Rows,
        *,
        layout: Layout = "i420",
        changed: npt.NDArray[np.bool_] | None = None,
        into: Frames | None = None,
    ) -> Frames:
        self.painted.append(len(assets))
        self.threads.add(threading.current_thread().name)
        size = assets[0].size
        frames = np.full((len(assets), *frame_shape(size, layout)), 128, np.uint8)
        for frame, row in zip(frames, states, strict=True):
            if row[COLUMN["tongue"]] == 1:
                raise ValueError("a face nobody can paint")
            frame[:size] = 150 + np.uint8(5 * row[COLUMN["breath"]])
            high = int(row[COLUMN["jaw"]] * (1 - row[COLUMN["press"]]) * size / 4)
            frame[size // 2 : size // 2 + high, size // 3 : 2 * size // 3] = 30
        return frames


def opening(luma: npt.NDArray[np.uint8]) -> float:
    """How far the mouth of a plain picture is open, 0..1: its dark rows."""
    size = luma.shape[1]
    strip = luma[size // 2 : size // 2 + size // 4, size // 2 - 8 : size // 2 + 8]
    return float((strip < 90).mean())
