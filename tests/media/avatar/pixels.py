"""Reading the PNG that resvg writes, to compare pictures by their pixels."""

import struct
import zlib

import numpy as np
import numpy.typing as npt


def read_png(data: bytes) -> npt.NDArray[np.uint8]:
    """An 8-bit RGBA picture as (height, width, 4)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, packed, width, height = 8, b"", 0, 0
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, colour, interlaced) == (8, 6, 0)
        elif kind == b"IDAT":
            packed += body
        place += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * 4)
    return _unfilter(rows, width, height)


def _unfilter(rows: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    out = np.zeros((height + 1, width + 1, 4), np.int64)
    for y in range(height):
        kind, row = rows[y, 0], rows[y, 1:].reshape(width, 4).astype(np.int64)
        above = out[y]
        if kind in (0, 2):
            out[y + 1, 1:] = (row + (above[1:] if kind == 2 else 0)) & 255
            continue
        for x in range(width):
            left, up, corner = out[y + 1, x], above[x + 1], above[x]
            out[y + 1, x + 1] = (row[x] + _guess(kind, left, up, corner)) & 255
    return out[1:, 1:].astype(np.uint8)


def _guess(
    kind: np.uint8,
    left: npt.NDArray[np.int64],
    up: npt.NDArray[np.int64],
    corner: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    if kind == 1:
        return left
    if kind == 3:
        return (left + up) // 2
    p = left + up - corner
    a, b, c = abs(p - left), abs(p - up), abs(p - corner)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
