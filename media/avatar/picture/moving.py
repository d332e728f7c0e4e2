"""Moving a picture: the same rows of state that move the drawn face bend a portrait.

First the face as it was taken: skin is carried by the jaw, lips part over the picture's own
teeth, lids come down from the skin above the crease. Then everything turns with the head. A
picture bears less than a drawing: poses are small and the jaw stops at half.
"""

from typing import Any, Final

import cv2
import numpy as np

from media.avatar.fields import State
from media.avatar.grids import Coarse, Floats, Pixels
from media.avatar.picture.mesh import Eye, Mesh
from media.avatar.picture.opening import Opening, inside, opening
from media.avatar.state import NAMES, Rows

RADIANS: Final = np.pi / 180
POSE: Final = 0.42  # of the turn asked for: 20 degrees become 8
CELL: Final = 8


class MovingPicture:
    """A portrait ready to move: an asset beside the drawn one's."""

    def __init__(self, digest: str, frame: Pixels, mesh: Mesh) -> None:
        self.digest, self.size = digest, int(frame.shape[0])
        self._picture, self._mesh = frame, mesh
        self.held_bytes = frame.nbytes * 2
        size, m = self.size, mesh
        self._all = Coarse(0, 0, size, size, CELL)
        self._jaw = _Part(
            m.face_x - m.face * 1.1, m.mouth_y - 1.9 * m.mouth,
            m.face_x + m.face * 1.1, m.chin_y + 0.55 * m.half_height, size,
        )  # fmt: skip
        high = m.half_height * 0.17
        self._eyes = tuple(
            _Part(eye.left - 6, float(eye.upper[_mid(eye, size)]) - high - 4,
                  eye.right + 6, float(eye.lower[_mid(eye, size)]) + 10, size)
            for eye in m.eyes
        )  # fmt: skip
        brow = float(m.brows[:, 1].mean())
        self._brow = _Part(
            m.face_x - m.face, brow - 0.30 * m.half_height,
            m.face_x + m.face, brow + 0.17 * m.half_height, size,
        )  # fmt: skip
        self._light = _light(frame, m)

    def frame(self, rows: Rows) -> Pixels:
        """RGB of one state."""
        state = {name: float(rows[0, place]) for place, name in enumerate(NAMES)}
        face = self._picture.copy()
        self._lower_face(face, rows)
        self._brows(face, state)
        for place, eye in enumerate(self._mesh.eyes):
            self._eye(face, place, eye, state)
        return self._posed(face, state)

    def _lower_face(self, face: Pixels, rows: Rows) -> None:
        at, m = self._jaw, self._mesh
        now = opening(m, State(rows), at.columns)
        if now.still:
            return
        part = _read(self._picture, at.coarse, _lower_field(m, now, at.coarse))
        above = _read(self._picture, at.coarse, _upper_field(m, now, at.coarse))
        middle = (now.upper + now.lower) / 2 - at.y[0, 0]
        first = min(len(part), max(0, int(middle.min()) - 1))
        last = min(len(part), max(first, int(middle.max()) + 2))
        part[:first] = above[:first]
        line = np.clip(at.y[first:last] - at.y[0, 0] - middle[None, :] + 0.5, 0.0, 1.0)
        _lay(part[first:last], above[first:last], 1 - line)
        inside(part, self._picture, m, now, at.x, at.y, self._light)
        face[at.rows, at.columns_slice] = part

    def _brows(self, face: Pixels, state: dict[str, float]) -> None:
        m, at = self._mesh, self._brow
        lift, inner = state["brow"] * 0.075, state["inner_brow"] * 0.07 - state["anger"] * 0.06
        if abs(lift) + abs(inner) < 0.002:
            return
        x, y = at.coarse.x[0], at.coarse.y[0]
        dy = np.zeros((y.shape[0], x.shape[1]), np.float32)
        for side, (bx, by) in zip((1, -1), m.brows, strict=True):
            near = np.exp(-(((x - bx) / (m.face * 0.42)) ** 2))
            near = near * np.exp(-(((y - by) / (m.half_height * 0.105)) ** 2))
            towards = 1 / (1 + np.exp(-side * (x - bx) / (m.face * 0.12)))
            dy += near * (lift + inner * towards) * m.half_height
        places = np.stack([np.broadcast_to(x, dy.shape), y + dy], axis=-1)
        face[at.rows, at.columns_slice] = _read(face, at.coarse, places)

    def _eye(self, face: Pixels, place: int, eye: Eye, state: dict[str, float]) -> None:
        shut = min(1.0, max(0.0, state["blink_left" if place == 0 else "blink_right"]))
        squint = min(1.0, state["squint"] + 0.25 * max(0.0, state["smile"]))
        if shut < 0.01 and squint < 0.02 and abs(state["gaze_x"]) + abs(state["gaze_y"]) < 0.01:
            return
        at, m = self._eyes[place], self._mesh
        upper, lower = eye.upper[at.columns][None], eye.lower[at.columns][None]
        half = (eye.right - eye.left) / 2
        u = (at.x - (eye.left + eye.right) / 2) / half
        bow = np.clip(1 - u * u, 0, None) ** 0.5
        tall = np.maximum(lower - upper, 1.0) * 1.0
        crease = upper - m.half_height * 0.135
        lid = upper + (tall + 1.2) * shut * (bow > 0)
        y = at.y
        skin_end = upper - 0.38 * tall * min(1.0, 3 * shut)  # above the lashes of the picture
        from_lid = crease + (y - crease) * (skin_end - crease) / np.maximum(lid - crease, 1.0)
        sy = np.where((y > crease) & (y < lid), from_lid, y)
        rise = 0.30 * squint * tall * bow
        sy = np.where(y >= lid, sy + rise * np.exp(-(((y - lower) / (0.5 * tall)) ** 2)), sy)
        seen = np.clip(1 - u * u * 1.1, 0, None) * np.clip(
            1 - ((y - (upper + lower) / 2) / tall) ** 2 * 2.2, 0, None
        )
        sx = at.x - state["gaze_x"] * half * 0.26 * seen * (y > lid)
        sy = sy + state["gaze_y"] * tall * 0.20 * seen * (y > lid)
        part = _remap(face, sx - 0.5, sy - 0.5)
        line = np.clip(1.25 - np.abs(y - lid) / (0.5 + half * 0.055), 0, 1) * bow
        strength = np.clip(shut * 1.5 - 0.15, 0, 0.82) * line * (np.abs(u) < 1)
        _lay(part, self._light["lash"], strength)
        face[at.rows, at.columns_slice] = part

    def _posed(self, face: Pixels, state: dict[str, float]) -> Pixels:
        """Turn, nod, lean and breathe: near parts move more, the background stays."""
        m, coarse = self._mesh, self._all
        x, y = coarse.x[0], coarse.y[0]
        turn = np.sin(state["yaw"] * POSE * RADIANS)
        nod = np.sin(state["pitch"] * POSE * RADIANS)
        lean = state["roll"] * POSE * RADIANS
        away = np.sqrt(
            ((x - m.face_x) / (m.face * 2.3)) ** 2 + ((y - m.face_y) / (m.half_height * 2.1)) ** 2
        )
        mask = np.clip(1.28 - away, 0, 1)
        mask = mask * mask * (3 - 2 * mask)
        rx, ry = (x - m.face_x) / (m.face * 1.2), (y - m.face_y) / (m.half_height * 1.3)
        depth = np.sqrt(np.clip(1 - rx * rx - ry * ry, 0, None))
        nose = ((x - m.nose_x) / (m.face * 0.24)) ** 2 + (
            (y - m.nose_y) / (m.half_height * 0.26)
        ) ** 2
        depth = (depth + 0.42 * np.exp(-nose)) * m.face
        pivot = m.chin_y + m.half_height * 0.4
        dx, dy = x - m.face_x, y - pivot
        sx = x - turn * (0.95 * depth + 0.35 * m.face * mask) + lean * dy * mask
        sy = y + nod * (0.75 * depth + 0.30 * m.face * mask) - lean * dx * mask
        body = np.clip((y - m.chin_y) / (m.half_height * 0.8), 0, 1)
        sy = sy + state["breath"] * self.size / 512 * (1.0 + 1.6 * body)
        places = np.stack(np.broadcast_arrays(sx, sy), axis=-1)
        return _read(face, coarse, places)


class _Part:
    """A box of the frame: its pixels' places, and a coarse grid over it."""

    def __init__(self, left: float, top: float, right: float, low: float, size: int) -> None:
        x0, x1 = max(0, int(left)), min(size, int(right) + 1)
        y0, y1 = max(0, int(top)), min(size, int(low) + 1)
        self.rows, self.columns_slice = slice(y0, y1), slice(x0, x1)
        self.columns = np.arange(x0, x1)
        self.x: Floats = (np.arange(x0, x1, dtype=np.float32) + 0.5)[None, :]
        self.y: Floats = (np.arange(y0, y1, dtype=np.float32) + 0.5)[:, None]
        self.coarse = Coarse(x0, y0, x1, y1, 4)


def _mid(eye: Eye, size: int) -> int:
    return min(size - 1, max(0, int((eye.left + eye.right) / 2)))


def _lower_field(m: Mesh, now: Opening, coarse: Coarse) -> Floats:
    """Backward: the jaw and the lower lip go down, most in the middle, the chin less."""
    x, y = coarse.x[0], coarse.y[0]
    drop = np.interp(x[0], now.x, now.lower_shift)[None, :]
    edge = np.interp(x[0], now.x, now.lower)[None, :]
    across = np.clip(1 - ((x - m.face_x) / (m.face * 1.02)) ** 2, 0, None) ** 1.1
    chin = now.chin_drop * across
    below = np.clip((y - edge) / (m.chin_y - m.mouth_y), 0, None)
    fade = np.exp(-below * 3.0)
    end = np.clip(1 - (y - m.chin_y - now.chin_drop) / (m.half_height * 0.45), 0, 1)
    end = end * end * (3 - 2 * end)
    start = np.clip((y - (m.mouth_y - 0.5 * m.mouth)) / (1.0 * m.mouth), 0, 1)
    start = start * start * (3 - 2 * start)
    inside_mouth = np.clip(1.08 - np.abs(x - m.mouth_x) / now.half, 0, 0.2) * 5
    weight = start + (1 - start) * np.clip(inside_mouth, 0, 1)
    down = (drop * fade + chin * (1 - fade) * weight) * end
    sx, sy = _beside(m, now, x, y)
    return np.stack(np.broadcast_arrays(sx, sy - down), axis=-1).astype(np.float32)


def _upper_field(m: Mesh, now: Opening, coarse: Coarse) -> Floats:
    """Backward: the upper lip goes up a little and the skin above it follows less and less."""
    x, y = coarse.x[0], coarse.y[0]
    rise = np.interp(x[0], now.x, now.upper_shift)[None, :]
    edge = np.interp(x[0], now.x, now.upper)[None, :]
    above = np.clip((edge - y) / (0.62 * m.mouth), 0, None)
    sx, sy = _beside(m, now, x, y)
    return np.stack(np.broadcast_arrays(sx, sy - rise * np.exp(-(above**2))), axis=-1).astype(
        np.float32
    )


def _beside(m: Mesh, now: Opening, x: Floats, y: Floats) -> tuple[Any, Any]:
    """Corners drawn apart, rounded, raised: both lips and the cheeks beside them."""
    around = np.exp(-(((y - m.mouth_y) / (0.95 * m.mouth)) ** 2))
    around = around * np.clip((y - m.mouth_y + 1.75 * m.mouth) / (0.6 * m.mouth), 0, 1)
    around = around * np.exp(-(((x - m.mouth_x) / (1.75 * m.mouth)) ** 2))
    scale = 1 + (now.half / m.mouth - 1) * around
    sx = m.mouth_x + (x - m.mouth_x) / scale
    away = (np.abs(x - m.mouth_x) - now.half) / (0.62 * m.mouth)
    corner = np.exp(-(away**2) - ((y - m.mouth_y) / (0.62 * m.mouth)) ** 2)
    return sx, y + now.corner_rise * corner


def _lay(part: Pixels, over: Any, alpha: Floats) -> None:
    """Blend `over` on a part of a picture, in place."""
    mixed = part.astype(np.float32)
    mixed += (over - mixed) * alpha[..., None]
    part[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _read(picture: Pixels, coarse: Coarse, places: Floats) -> Pixels:
    full = coarse.spread(np.ascontiguousarray(places, np.float32) - np.float32(0.5))
    second: Any = None
    read = cv2.remap(picture, full, second, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.uint8)


def _remap(picture: Pixels, x: Any, y: Any) -> Pixels:
    across, along = np.broadcast_arrays(x, y)
    return np.asarray(
        cv2.remap(
            picture, np.ascontiguousarray(across, np.float32),
            np.ascontiguousarray(along, np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ), np.uint8,
    )  # fmt: skip


def _light(picture: Pixels, m: Mesh) -> dict[str, Floats]:
    """Colours for what the picture does not show: teeth and throat under its own light."""
    y, x = int(m.nose_base), int(m.face_x)
    reach = max(2, int(m.face * 0.3))
    skin = picture[max(0, y - reach) : y, max(0, x - reach) : x + reach].reshape(-1, 3)
    bright = float(np.percentile(skin.astype(np.float32).mean(axis=1), 75)) / 255
    teeth = np.array([235, 226, 214], np.float32) * min(1.0, 0.42 + 0.72 * bright)
    throat = np.array([62, 20, 24], np.float32) * (0.5 + 0.7 * bright)
    lash = np.array([34, 24, 22], np.float32)
    tongue = np.array([168, 84, 86], np.float32) * (0.4 + 0.75 * bright)
    return {"teeth": teeth, "throat": throat, "tongue": tongue, "lash": lash}
