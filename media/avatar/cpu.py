"""The painter without a device: numpy evaluates the curves, OpenCV warps and lays the layers.

Every frame is made of the same steps: skin carried by the jaw, eyes, brows and mouth painted on
it, then each layer warped for the pose and laid over the last: seven to ten milliseconds of one
idle thread at 512, four at 256.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from media.avatar import pose
from media.avatar.appearance import Appearance
from media.avatar.fields import State
from media.avatar.grids import Coarse, Floats, warped
from media.avatar.layers import Layer, Pixels, Rig, RigShelf
from media.avatar.paint_eyes import BROW_REACH, EYE_REACH, paint_brows, paint_eye
from media.avatar.paint_mouth import (
    FOLDS_REACH,
    INSIDE_REACH,
    LIPS_REACH,
    paint_folds,
    paint_inside,
    paint_lips,
)
from media.avatar.painter import Caps, Frames, Layout, frame_shape
from media.avatar.picture.moving import MovingPicture
from media.avatar.picture.shelf import PictureShelf, picture_digest
from media.avatar.rig_file import rig_digest
from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y
from media.avatar.state import NAMES, Rows, within
from media.avatar.traits import NUMBERS, Traits

CELL: Final = 16  # frame pixels between two places that the pose is worked out for
HELD_BYTES: Final = 192 * 2**20
UPPER_KEPT: Final = 6
Paint = Callable[..., Any]


def _upper_steps() -> Floats:
    """Steps per unit of what moves eyes and brows; 0 for what does not."""
    of = dict.fromkeys(("blink_left", "blink_right", "gaze_x", "gaze_y", "brow"), 50)
    of |= dict.fromkeys(("inner_brow", "anger", "squint"), 40) | {"smile": 25}
    return np.array([of.get(name, 0) for name in NAMES], np.float32)


UPPER_STEPS: Final = _upper_steps()


class CpuPainter:
    """Draws with numpy and OpenCV. Assets are held up to HELD_BYTES, least used dropped first."""

    caps = Caps(name="rig-cpu", device="cpu", max_batch=16)

    def __init__(self, folder: Path, held_bytes: int = HELD_BYTES) -> None:
        cv2.setNumThreads(1)
        self._shelf = RigShelf(folder)
        self._limit = held_bytes
        self._pictures = PictureShelf(folder)
        self._held: OrderedDict[tuple[str, int], CpuAsset | MovingPicture] = OrderedDict()

    def prepare(self, appearance: Appearance, size: int) -> "CpuAsset | MovingPicture":
        """The face at one of SIZES, from memory, from disk, or drawn. Raises AvatarError."""
        return self._hold(
            (rig_digest(appearance), size), lambda: CpuAsset(self._shelf.get(appearance, size))
        )

    def prepare_picture(self, picture: bytes, size: int) -> "CpuAsset | MovingPicture":
        """The face in a portrait. Raises PictureRefused, an AvatarError with its reason."""
        return self._hold(
            (picture_digest(picture), size), lambda: self._pictures.find(picture, size)
        )

    def _hold(
        self, key: tuple[str, int], make: "Callable[[], CpuAsset | MovingPicture]"
    ) -> "CpuAsset | MovingPicture":
        if key not in self._held:
            self._held[key] = make()
        self._held.move_to_end(key)
        while len(self._held) > 1 and self.held_bytes > self._limit:
            self._held.popitem(last=False)
        return self._held[key]

    @property
    def held_bytes(self) -> int:
        """What the assets in memory take."""
        return sum(asset.held_bytes for asset in self._held.values())

    def paint(
        self,
        assets: "Sequence[CpuAsset | MovingPicture]",
        states: Rows,
        *,
        layout: Layout = "i420",
        changed: npt.NDArray[np.bool_] | None = None,
        into: Frames | None = None,
    ) -> Frames:
        """One frame for each asset and row."""
        size = assets[0].size
        if any(asset.size != size for asset in assets) or len(assets) != len(states):
            raise ValueError("a batch has one size, and a row of state for every asset")
        if into is None:
            into = np.zeros((len(assets), *frame_shape(size, layout)), np.uint8)
        rows = within(states)
        for place, asset in enumerate(assets):
            if changed is None or changed[place]:
                frame = asset.frame(rows[place : place + 1])
                into[place] = (
                    frame if layout == "rgb" else cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
                )
        return into


class CpuAsset:
    """A rig with everything that does not change between frames worked out."""

    def __init__(self, rig: Rig) -> None:
        self.digest, self.size, self.held_bytes = rig.digest, rig.size, rig.held_bytes
        self._k = rig.size / VIEW
        self._background = rig.background
        self._traits = Traits(rig.numbers[None], rig.colours[None])
        self._boxes = [_Box(layer, rig.size) for layer in rig.layers]
        head = next(layer for layer in rig.layers if layer.name == "head")
        self._head = head
        n = dict(zip(NUMBERS, rig.numbers.tolist(), strict=True))
        self._upper, self._lower = self._upper_regions(n), self._lower_regions(n)
        self._kept: OrderedDict[bytes, list[Pixels]] = OrderedDict()
        wide, above, below = pose.REACH_JAW
        wide *= n["width"]
        self._jaw = self._region(256 - wide, n["mouth_y"] - above, 256 + wide, n["chin"] + below)

    def _upper_regions(self, n: Mapping[str, float]) -> "list[tuple[_Region, Paint]]":
        found: list[tuple[_Region, Paint]] = []
        for side in (-1.0, 1.0):
            wide, above, below = EYE_REACH
            x, wide = 256 + side * n["eye_x"], wide * n["eye_width"]
            at = self._region(x - wide, n["eye_y"] - above, x + wide, n["eye_y"] + below)
            found.append((at, partial(_paint_eye, side)))
        beyond, above, below = BROW_REACH
        end = n["brow_end"] + beyond
        at = self._region(256 - end, n["brow_y"] - above, 256 + end, n["brow_y"] + below)
        return [*found, (at, paint_brows)]

    def _lower_regions(self, n: Mapping[str, float]) -> "list[tuple[_Region, Paint]]":
        found: list[tuple[_Region, Paint]] = []
        for reach, paint in (
            (FOLDS_REACH, paint_folds), (INSIDE_REACH, paint_inside), (LIPS_REACH, paint_lips),
        ):  # fmt: skip
            side, above, below = reach
            at = self._region(256 - side, n["mouth_y"] - above, 256 + side, n["mouth_y"] + below)
            found.append((at, paint))
        return found

    @property
    def background(self) -> Pixels:
        """What lies behind everything, RGB."""
        return self._background

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The drawn layers, the rearmost first; the head's has no features on it."""
        return tuple(box.layer for box in self._boxes)

    def head(self, rows: Rows) -> Pixels:
        """The head's layer with the features of one state on it, before it turns."""
        return self._painted_head(rows, State(rows))

    @property
    def pivot(self) -> tuple[float, float]:
        """Where the head leans about, in pixels of the frame."""
        n = self._traits
        return (256 - VIEW_X) * self._k, (float(n["chin"][0, 0, 0]) + 30 - VIEW_Y) * self._k

    def frame(self, rows: Rows) -> Pixels:
        """RGB of one state."""
        state = State(rows)
        head = self._painted_head(rows, state)
        frame = self._background.copy()
        for box in self._boxes:
            layer = head if box.layer.name == "head" else box.layer.pixels
            self._lay(frame, box, layer, state)
        return frame

    def _region(self, left: float, top: float, right: float, low: float) -> "_Region":
        """A box of the canvas in pixels of the head's texture, and its canvas coordinates."""
        k, head = self._k, self._head
        high, wide = head.pixels.shape[:2]
        x0 = max(0, int((left - VIEW_X) * k) - head.left)
        y0 = max(0, int((top - VIEW_Y) * k) - head.top)
        x1 = min(wide, int((right - VIEW_X) * k) - head.left)
        y1 = min(high, int((low - VIEW_Y) * k) - head.top)
        return _Region(x0, y0, x1, y1, head, k)

    def _painted_head(self, rows: Rows, state: State) -> Pixels:
        head = self._head.pixels.copy()
        self._carry_skin(head, state)
        self._upper_face(head, rows)
        for region, paint in self._lower:
            if paint is not paint_folds or float(state["smile"][0, 0, 0]) > 0.0:
                self._paint(head, region, paint, state)
        return head

    def _upper_face(self, head: Pixels, rows: Rows) -> None:
        """Eyes and brows: in steps too small to see, so that what was painted can be kept."""
        steps = np.rint(rows * UPPER_STEPS).astype(np.int32)
        key = steps.tobytes()
        kept = self._kept.get(key)
        if kept is None:
            state = State((steps / np.maximum(UPPER_STEPS, 1e-9)).astype(np.float32))
            for region, paint in self._upper:
                self._paint(head, region, paint, state)
            if len(self._kept) >= UPPER_KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = [head[at.rows, at.columns].copy() for at, _ in self._upper]
            return
        for (at, _), part in zip(self._upper, kept, strict=True):
            head[at.rows, at.columns] = part

    def _paint(self, head: Pixels, region: "_Region", paint: Paint, state: State) -> None:
        part = head[region.rows, region.columns]
        planes = cv2.split(part)
        field = np.empty((1, 3, *part.shape[:2]), np.float32)
        for place in range(3):
            np.multiply(planes[place], np.float32(1 / 255), out=field[0, place])
        paint(np, field, region.x, region.y, state, self._traits, self._k)
        field *= 255.0
        field += 0.5
        painted = np.clip(field[0], 0, 255, out=field[0]).astype(np.uint8)
        part[:] = cv2.merge((painted[0], painted[1], painted[2], planes[3]))

    def _carry_skin(self, head: Pixels, state: State) -> None:
        """Move the lower face with the jaw and the cheeks, in place."""
        at, coarse = self._jaw, self._jaw.coarse
        down = pose.jaw_shift(np, coarse.x, coarse.y, state, self._traits)
        dx, dy = pose.cheek_shift(np, coarse.x, coarse.y, state, self._traits)
        moved = max(float(np.abs(part).max()) for part in (down, dx, dy))
        if moved < 0.05:
            return
        shift = np.empty((*down.shape[1:], 2), np.float32)
        shift[..., 0], shift[..., 1] = dx[0] * self._k, (dy - down)[0] * self._k
        places = coarse.spread(shift) + at.places
        head[at.rows, at.columns] = warped(self._head.pixels, places)

    def _lay(self, frame: Pixels, box: "_Box", pixels: Pixels, state: State) -> None:
        coarse = box.coarse
        sx, sy = pose.source(np, box.layer.name, coarse.x, coarse.y, state, self._traits)
        places = np.empty((coarse.y.shape[1], coarse.x.shape[2], 2), np.float32)
        places[..., 0] = (sx[0] - VIEW_X) * self._k - box.layer.left - 0.5
        places[..., 1] = (sy[0] - VIEW_Y) * self._k - box.layer.top - 0.5
        rows, columns = _shown(places, pixels)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        shown = warped(pixels, coarse.spread(places)[rows, columns])
        view = frame[box.rows, box.columns][rows, columns]
        alpha = cv2.extractChannel(shown, 3)
        rest = cv2.bitwise_not(alpha)
        under = cv2.multiply(view, cv2.merge((rest, rest, rest)), scale=1 / 255)
        view[:] = cv2.add(under, cv2.cvtColor(shown, cv2.COLOR_RGBA2RGB))


class _Box:
    """Where a layer can appear in the frame."""

    def __init__(self, layer: Layer, size: int) -> None:
        self.layer = layer
        reach = size // 10
        high, wide = layer.pixels.shape[:2]
        left, right = max(0, layer.left - reach), min(size, layer.left + wide + reach)
        top, low = max(0, layer.top - reach), min(size, layer.top + high + reach)
        self.rows, self.columns = slice(top, low), slice(left, right)
        self.coarse = Coarse(left, top, right, low, CELL, size / VIEW)


class _Region:
    """A box of the head's texture that is painted on."""

    def __init__(self, x0: int, y0: int, x1: int, y1: int, head: Layer, k: float) -> None:
        self.rows, self.columns = slice(y0, y1), slice(x0, x1)
        x = np.arange(x0, x1, dtype=np.float32) + np.float32(head.left + 0.5)
        y = np.arange(y0, y1, dtype=np.float32) + np.float32(head.top + 0.5)
        self.x: Floats = (x / np.float32(k) + VIEW_X).reshape(1, 1, -1)
        self.y: Floats = (y / np.float32(k) + VIEW_Y).reshape(1, -1, 1)
        self.coarse = Coarse(x0 + head.left, y0 + head.top, x1 + head.left, y1 + head.top, 4, k)
        inner = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        self.places: Floats = np.stack(inner, axis=-1).astype(np.float32)


def _paint_eye(side: float, xp: Any, picture: Any, x: Any, y: Any, *more: Any) -> None:
    paint_eye(xp, picture, x, y, side, *more)


def _shown(places: Floats, pixels: Pixels) -> tuple[slice, slice]:
    """The part of a box where the layer is, whole cells of it."""
    high, wide = pixels.shape[:2]
    x, y = places[..., 0], places[..., 1]
    inside = (x > -CELL) & (x < wide + CELL) & (y > -CELL) & (y < high + CELL)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, int(rows[0]) - 1) * CELL, int(rows[-1]) * CELL),
        slice(max(0, int(columns[0]) - 1) * CELL, int(columns[-1]) * CELL),
    )
