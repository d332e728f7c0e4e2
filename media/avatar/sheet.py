"""A face for pages: what a browser needs to show it alive, as one WebP that is drawn once.

A card must cost the server nothing while somebody looks at it, so nothing is streamed. The sheet
holds the drawing's layers, mouths and eyes in the place of the head, and the numbers that say
where they belong; the page lays them over each other, leans the head and moves the mouth.
"""

import base64
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuAsset
from media.avatar.layers import draw_rig
from media.avatar.motion.aims import MOUTH
from media.avatar.picture.claims import PictureRefused, Refusal
from media.avatar.picture.moving import MovingPicture
from media.avatar.provenance import drawn, moved, webp_marked
from media.avatar.sheet_form import CHUNK, Cell, Eyes, Form, Mouths, Order, Part
from media.avatar.state import Rows, row

Pixels = npt.NDArray[np.uint8]
QUALITY: Final = 82
PAD: Final = 2
BLEED: Final = 4  # each picture goes on beyond its edge, so that none takes colour from the next
WIDEST: Final = 1280
# What the mouths of a sheet are, in the order of MOUTH: near enough to each other that the page
# may go from one to the next without a pop.
MOUTH_CELLS: Final = (
    (0.00, 0.00, 0.00, 0.00, 0.0, 0.0), (0.00, -0.05, 0.00, 0.00, 1.0, 0.0),
    (0.10, 0.05, 0.35, 0.00, 0.0, 1.0), (0.10, 0.00, 0.25, 0.00, 0.0, 0.0),
    (0.20, 0.05, 0.35, 0.00, 0.0, 0.0), (0.34, 0.05, 0.30, 0.00, 0.0, 0.0),
    (0.52, 0.08, 0.30, 0.00, 0.0, 0.0), (0.75, 0.10, 0.30, 0.00, 0.0, 0.0),
    (0.10, 0.25, 0.70, 0.00, 0.0, 0.0), (0.16, 0.50, 0.55, 0.00, 0.0, 0.0),
    (0.32, 0.55, 0.50, 0.00, 0.0, 0.0), (0.50, 0.42, 0.45, 0.00, 0.0, 0.0),
    (0.12, -0.40, 0.40, 0.00, 0.0, 0.0), (0.30, -0.45, 0.15, 0.00, 0.0, 0.0),
    (0.52, -0.60, 0.10, 0.00, 0.0, 0.0), (0.16, -0.90, 0.00, 0.00, 0.0, 0.0),
    (0.30, -0.92, 0.00, 0.00, 0.0, 0.0), (0.18, 0.06, 0.45, 0.75, 0.0, 0.0),
)  # fmt: skip
EYE_CELLS: Final = {
    "half": {"blink_left": 0.5, "blink_right": 0.5},
    "shut": {"blink_left": 1.0, "blink_right": 1.0},
    "left": {"gaze_x": -0.45}, "right": {"gaze_x": 0.45},
    "down": {"gaze_y": -0.35}, "up": {"gaze_y": 0.4, "gaze_x": 0.3, "brow": 0.15},
    "brows": {"brow": 0.5},
    "glad": {"squint": 0.45, "brow": 0.2},
}  # fmt: skip


def drawn_sheet(look: Appearance, size: int) -> bytes:
    """The sheet of a drawn face. Blocking, about two seconds."""
    asset = CpuAsset(draw_rig(look, size))
    bottom = _opaque(asset.background)
    parts = [("background", bottom, 0, 0)]
    home = next(layer for layer in asset.layers if layer.name == "head")
    rest = asset.head(_one({}))
    for layer in asset.layers:
        pixels = rest if layer.name == "head" else layer.pixels
        parts.append((layer.name, pixels, layer.left, layer.top))
    mouths = [asset.head(_mouth(cell)) for cell in MOUTH_CELLS]
    eyes = [asset.head(_one(values)) for values in EYE_CELLS.values()]
    sheet = _Sheet(size, asset.pivot, reach=0.17)
    return webp_marked(sheet.made(parts, rest, (home.left, home.top), mouths, eyes), drawn())


def picture_sheet(picture: MovingPicture) -> bytes:
    """The sheet of a face from a picture: one layer, that hardly leans."""

    def frame(rows: Rows) -> Pixels:
        return _opaque(picture.frame(rows))

    rest, size = frame(_one({})), picture.size
    mouths = [frame(_mouth(cell)) for cell in MOUTH_CELLS]
    eyes = [frame(_one(values)) for values in EYE_CELLS.values()]
    sheet = _Sheet(size, (size / 2, size * 0.9), reach=0.03)
    parts = [("head", rest, 0, 0)]
    return webp_marked(sheet.made(parts, rest, (0, 0), mouths, eyes), moved())


def _opaque(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)


def _one(values: dict[str, float]) -> Rows:
    return row(**values)[None]


def _mouth(cell: Sequence[float]) -> Rows:
    return _one(dict(zip(MOUTH, cell, strict=True)))


class _Sheet:
    """Places the pictures beside each other and tells where each lies."""

    def __init__(self, size: int, pivot: tuple[float, float], reach: float) -> None:
        self._size, self._pivot, self._reach = size, pivot, reach
        self._pictures: list[Pixels] = []

    def made(
        self, parts: list[tuple[str, Pixels, int, int]], rest: Pixels, home: tuple[int, int],
        mouths: list[Pixels], eyes: list[Pixels],
    ) -> bytes:  # fmt: skip
        """A WebP with its form in a chunk of its own."""
        eye_box, mouth_box = _changed(rest, eyes), _changed(rest, mouths)
        mouth_box[1] = max(mouth_box[1], eye_box[3])
        for _, pixels, _, _ in parts:
            self._pictures.append(pixels)
        self._pictures += [_cut(one, mouth_box) for one in mouths]
        self._pictures += [_cut(one, eye_box) for one in eyes]
        places, high = _packed([(one.shape[1], one.shape[0]) for one in self._pictures])
        form = self._form(parts, places, home, mouth_box, eye_box)
        wide = max(x + one.shape[1] for (x, _), one in zip(places, self._pictures, strict=True))
        page = np.zeros((high + BLEED, wide + BLEED, 4), np.uint8)
        for (x, y), one in zip(places, self._pictures, strict=True):
            more = cv2.copyMakeBorder(
                _straight(one), BLEED, BLEED, BLEED, BLEED, cv2.BORDER_REPLICATE
            )
            x, y = x - BLEED, y - BLEED
            page[y : y + more.shape[0], x : x + more.shape[1]] = more
        ok, packed = cv2.imencode(
            ".webp", cv2.cvtColor(page, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
        )
        if not ok:
            raise ValueError("the sheet was not packed")
        return _with_form(packed.tobytes(), form)

    def _form(
        self, parts: list[tuple[str, Pixels, int, int]], places: list[tuple[int, int]],
        home: tuple[int, int], mouth_box: list[int], eye_box: list[int],
    ) -> Form:  # fmt: skip
        count, mouths = len(parts), len(MOUTH_CELLS)
        layers = [
            Part(name, x, y, pixels.shape[1], pixels.shape[0], left, top)
            for (name, pixels, left, top), (x, y) in zip(parts, places, strict=False)
        ]
        mouth_places, eye_places = places[count : count + mouths], places[count + mouths :]
        cells = [Cell(x, y, one) for (x, y), one in zip(mouth_places, MOUTH_CELLS, strict=True)]
        return Form(
            size=self._size,
            pivot=(round(self._pivot[0], 1), round(self._pivot[1], 1)),
            reach=self._reach,
            layers=layers,
            mouths=Mouths(
                mouth_box[0] + home[0], mouth_box[1] + home[1],
                mouth_box[2] - mouth_box[0], mouth_box[3] - mouth_box[1],
                cells,
            ),
            eyes=Eyes(
                eye_box[0] + home[0], eye_box[1] + home[1],
                eye_box[2] - eye_box[0], eye_box[3] - eye_box[1],
                {name: (x, y) for name, (x, y) in zip(EYE_CELLS, eye_places, strict=True)},
            ),
        )  # fmt: skip


def _changed(rest: Pixels, others: list[Pixels]) -> list[int]:
    """The box [left, top, right, low) outside of which no picture differs from the first."""
    differs = np.zeros(rest.shape[:2], np.bool_)
    for one in others:
        differs |= (np.abs(one.astype(np.int16) - rest.astype(np.int16)) > 1).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not rows.size:
        return [0, 0, 1, 1]
    high, wide = rest.shape[:2]
    return [
        max(0, int(columns[0]) - PAD), max(0, int(rows[0]) - PAD),
        min(wide, int(columns[-1]) + 1 + PAD), min(high, int(rows[-1]) + 1 + PAD),
    ]  # fmt: skip


def _cut(picture: Pixels, box: list[int]) -> Pixels:
    return picture[box[1] : box[3], box[0] : box[2]]


def _packed(sizes: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """Where each picture lies, in rows, the tallest first, and how high they are together."""
    places: list[tuple[int, int]] = [(0, 0)] * len(sizes)
    x = y = high = 0
    for at in sorted(range(len(sizes)), key=lambda one: -sizes[one][1]):
        wide, tall = sizes[at]
        if x and x + wide + 2 * BLEED > WIDEST:
            x, y, high = 0, y + high, 0
        places[at] = (x + BLEED, y + BLEED)
        x, high = _even(x + wide + 2 * BLEED), max(high, _even(tall + 2 * BLEED))
    return places, y + high


def _even(value: int) -> int:
    """Packing with losses shares colours between two pixels; no two pictures share any."""
    return value + value % 2


def _straight(pixels: Pixels) -> Pixels:
    """Colours no longer multiplied by alpha, and run out beyond the edge, so that packing with
    losses leaves no dark rim."""
    alpha = pixels[..., 3:].astype(np.float32)
    if alpha.min() == 255:
        return pixels
    soft = cv2.blur(pixels.astype(np.float32), (9, 9))
    beyond = soft[..., :3] * 255 / np.maximum(soft[..., 3:], 1)
    own = pixels[..., :3].astype(np.float32) * 255 / np.maximum(alpha, 1)
    colour = np.where(alpha > 8, own, beyond)
    out = np.concatenate([np.clip(colour + 0.5, 0, 255), alpha], axis=2)
    return np.asarray(out, np.uint8)


def _with_form(webp: bytes, form: Form) -> bytes:
    body = msgspec.json.encode(form)
    chunk = CHUNK + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
    whole = webp[8:] + chunk
    return b"RIFF" + len(whole).to_bytes(4, "little") + whole


def main() -> int:
    """Make the sheet ordered on standard input, to the path named; a refusal goes to standard
    output. A process of its own: the drawing holds the interpreter's lock."""
    from media.avatar.picture.models import default_folder
    from media.avatar.picture.shelf import PictureShelf

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    path = Path(sys.argv[1])
    cv2.setNumThreads(1)
    try:
        if order.look is not None:
            sheet = drawn_sheet(order.look, order.size)
        else:
            with tempfile.TemporaryDirectory() as passing:
                shelf = PictureShelf(Path(passing), default_folder())
                sheet = picture_sheet(shelf.find(base64.b64decode(order.picture), order.size))
    except PictureRefused as why:
        sys.stdout.buffer.write(msgspec.json.encode(Refusal(why.reason, str(why))))
        return 2
    path.write_bytes(sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
