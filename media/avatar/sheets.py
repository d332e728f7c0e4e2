"""Sheets of living faces on demand: a child process makes one, everybody else waits for the same.

A companion's sheet is kept in a folder by its content; that of a picture somebody gave is made
for them alone and kept nowhere.
"""

import asyncio
import base64
import contextlib
import secrets
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import structlog

from media.avatar.appearance import Appearance, content_hash
from media.avatar.drawing import drawn
from media.avatar.folders import SHEETS, sweep, trim, used
from media.avatar.painter import AvatarError
from media.avatar.picture.claims import told
from media.avatar.sheet_form import SHEET_VERSION, Order, nearest_sheet
from media.avatar.still import DRAWING_VERSION

logger = structlog.get_logger(__name__)
MAKING_SECONDS: Final = 120.0
AT_ONCE: Final = 2
WAITING: Final = 48
ENDING: Final = ".face.webp"
_REFUSED: Final = 2  # the child's answer to a picture that will not do


def sheet_version(look: Appearance) -> str:
    """Changes exactly when the sheet of this document may."""
    return content_hash(look, DRAWING_VERSION * 1000 + SHEET_VERSION)


class Sheets:
    """Sheets by appearance. `folder` is safe to share between processes, and to delete."""

    def __init__(self, folder: Path, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._folder = folder
        self._turns = asyncio.Semaphore(at_once)
        self._hurried = asyncio.Semaphore(at_once)
        self._most = waiting
        self._waiting = 0
        self._making: dict[Path, asyncio.Task[None]] = {}

    async def of(self, look: Appearance, size: int, *, hurry: bool = False) -> bytes:
        """The sheet at the smallest offered size that is at least `size`. Raises AvatarError.

        `hurry`: somebody waits for this very face; it is not drawn behind a page full of others.
        """
        pixels = nearest_sheet(size)
        path = self._folder / f"{sheet_version(look)}-{pixels}{ENDING}"
        try:
            return await asyncio.to_thread(_taken, path)
        except FileNotFoundError:
            await self._made(path, Order(pixels, look), hurry)
        return await asyncio.to_thread(_taken, path)

    async def of_picture(self, picture: bytes, size: int) -> bytes:
        """The sheet of a portrait; it is never kept. Raises PictureRefused, AvatarError."""
        order = Order(nearest_sheet(size), picture=base64.b64encode(picture).decode())
        with tempfile.TemporaryDirectory(prefix="kindred-face-") as passing:
            path = Path(passing) / "face.webp"
            await self._make(order, path, hurry=True)
            return await asyncio.to_thread(path.read_bytes)

    async def _made(self, path: Path, order: Order, hurry: bool) -> None:
        """Wait for the one task that makes this sheet; it outlives whoever asked first."""
        task = self._making.get(path)
        if task is None:
            task = asyncio.create_task(self._keep(path, order, hurry), name="a face sheet")
            self._making[path] = task
            task.add_done_callback(lambda _: self._making.pop(path, None))
        await asyncio.shield(task)

    async def _keep(self, path: Path, order: Order, hurry: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{secrets.token_hex(8)}.part"
        try:
            await self._make(order, part, hurry=hurry)
            await asyncio.to_thread(self._settle, part, path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def _settle(self, part: Path, path: Path) -> None:
        part.replace(path)
        sweep(self._folder)
        trim(self._folder, ENDING, SHEETS)

    async def _make(self, order: Order, path: Path, *, hurry: bool) -> None:
        if self._waiting >= self._most:
            raise AvatarError("Too many faces are being drawn.", reason="busy")
        self._waiting += 1
        try:
            async with self._hurried if hurry else self._turns:
                await _in_child(order, path, () if hurry else ("nice",))
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """End what is being made."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)


def _taken(path: Path) -> bytes:
    sheet = path.read_bytes()
    used(path)
    return sheet


async def _in_child(order: Order, path: Path, before: tuple[str, ...]) -> None:
    try:
        status, out, err = await drawn(
            "media.avatar.sheet",
            msgspec.json.encode(order),
            path,
            seconds=MAKING_SECONDS,
            before=before,
        )
    except TimeoutError:
        raise AvatarError("A face took too long to draw.", reason="slow") from None
    if status == _REFUSED:
        raise told(out)
    if status:
        logger.warning("a face sheet was not made", error=err.decode(errors="replace")[-300:])
        raise AvatarError("A face could not be drawn.", reason="drawing")
