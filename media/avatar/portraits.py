"""Portraits on demand without holding up the loop: a few threads draw, everyone else waits or hits.

Two people asking for the same new portrait wait for one drawing.
"""

import asyncio
from pathlib import Path

from media.avatar.appearance import Appearance, content_hash
from media.avatar.raster import nearest_size, portrait_png
from media.avatar.still import DRAWING_VERSION, draw

DRAWING_AT_ONCE = 2
SVG_KEPT = 128


class Portraits:
    """Stills by appearance. `folder` holds PNG files named by content, safe to share and delete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns = asyncio.Semaphore(DRAWING_AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}
        self._svg: dict[str, str] = {}

    async def png(self, look: Appearance, size: int) -> bytes:
        """The portrait at the smallest offered size that is at least `size`."""
        pixels = nearest_size(size)
        key = f"{content_hash(look, DRAWING_VERSION)}-{pixels}"
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock, self._turns:
                return await asyncio.to_thread(portrait_png, look, pixels, self._folder)
        finally:
            if not lock.locked():
                self._locks.pop(key, None)

    async def svg(self, look: Appearance) -> str:
        """The layered drawing itself."""
        key = content_hash(look, DRAWING_VERSION)
        if key not in self._svg:
            drawing = await asyncio.to_thread(draw, look)
            while len(self._svg) >= SVG_KEPT:
                self._svg.pop(next(iter(self._svg)))
            self._svg[key] = drawing.svg
        return self._svg[key]
