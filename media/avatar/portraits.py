"""Portraits on demand without holding up the loop: a child process draws, everyone else waits.

Two people asking for the same new portrait wait for one drawing. The cast is drawn ahead, so
that nobody has to wait at all.
"""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import structlog

from media.avatar.appearance import Appearance, content_hash
from media.avatar.folders import PORTRAITS, sweep, trim, used
from media.avatar.provenance import drawn, svg_marked
from media.avatar.raster import Order, RasterFailed, kept_name, nearest_size
from media.avatar.still import DRAWING_VERSION, draw

logger = structlog.get_logger(__name__)
DRAWING_AT_ONCE = 1
DRAWING_SECONDS = 120.0
ROOT = Path(__file__).parents[2]
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
        path = self._path(look, pixels)
        key = path.name
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if not path.exists():
                    await self._draw([Order(look, pixels)])
                return await asyncio.to_thread(_taken, path)
        finally:
            if not lock.locked():
                self._locks.pop(key, None)

    def _path(self, look: Appearance, pixels: int) -> Path:
        return self._folder / kept_name(look, pixels)

    async def draw_ahead(self, looks: Iterable[Appearance], sizes: Sequence[int]) -> None:
        """Draw what is missing of these, one look after another, for whoever comes first."""
        for look in looks:
            missing = [Order(look, size) for size in sizes if not self._path(look, size).exists()]
            if missing:
                try:
                    await self._draw(missing)
                except RasterFailed as error:
                    logger.warning("a portrait was not drawn ahead", error=str(error))

    async def _draw(self, orders: list[Order]) -> None:
        """A child at low priority; it is ended when we are cancelled. Raises RasterFailed."""
        async with self._turns:
            if all(self._path(order.look, order.size).exists() for order in orders):
                return
            child = await asyncio.create_subprocess_exec(
                "nice",
                sys.executable,
                "-m",
                "media.avatar.raster",
                str(self._folder.absolute()),
                stdin=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=ROOT,
            )
            try:
                async with asyncio.timeout(DRAWING_SECONDS):
                    _, told = await child.communicate(msgspec.json.encode(orders))
            except TimeoutError:
                raise RasterFailed("drawing took too long") from None
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
            if child.returncode:
                raise RasterFailed(told.decode(errors="replace")[-300:])
            await asyncio.to_thread(_bound, self._folder)

    async def svg(self, look: Appearance) -> str:
        """The layered drawing itself."""
        key = content_hash(look, DRAWING_VERSION)
        if key not in self._svg:
            drawing = await asyncio.to_thread(draw, look)
            while len(self._svg) >= SVG_KEPT:
                self._svg.pop(next(iter(self._svg)))
            self._svg[key] = svg_marked(drawing.svg, drawn())
        return self._svg[key]


def _taken(path: Path) -> bytes:
    png = path.read_bytes()
    used(path)
    return png


def _bound(folder: Path) -> None:
    sweep(folder)
    trim(folder, ".png", PORTRAITS)
