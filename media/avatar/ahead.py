"""Faces drawn before anybody calls: whoever opens a conversation may call in it next.

A face that was never drawn costs the first seconds of a call. Here it is drawn behind everything
else, one at a time, where the render workers of this machine will look for it.
"""

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec
import structlog

from media.avatar.appearance import Appearance
from media.avatar.drawing import drawn
from media.avatar.folders import RIGS, trim
from media.avatar.rig_file import ENDING, rig_file

logger = structlog.get_logger(__name__)
SIZES: Final = (512, 256)  # what a call begins with, and what it falls back to
DRAWING_SECONDS: Final = 120.0
WAITING: Final = 32
_BEHIND: Final = ("nice", "-n", "15")


class Ahead:
    """`folder` is the one render workers keep faces in; where it is missing there are none here."""

    def __init__(self, folder: Path, *, waiting: int = WAITING) -> None:
        self._folder = folder
        self._most = waiting
        self._wanted: OrderedDict[Path, bytes] = OrderedDict()
        self._drawing: asyncio.Task[None] | None = None

    def want(self, look: Appearance) -> None:
        """This face may be called soon. Of too many, those that were wanted first are left out."""
        if not self._folder.is_dir():
            return
        for size in SIZES:
            path = self._folder / rig_file(look, size)
            if not path.exists():
                self._wanted.setdefault(path, msgspec.json.encode({"look": look, "size": size}))
        while len(self._wanted) > self._most:
            self._wanted.popitem(last=False)
        if self._wanted and self._drawing is None:
            self._drawing = asyncio.create_task(self._draw(), name="faces ahead")

    async def aclose(self) -> None:
        """End what is being drawn."""
        self._wanted.clear()
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.gather(self._drawing, return_exceptions=True)

    async def _draw(self) -> None:
        try:
            while self._wanted:
                path = next(iter(self._wanted))
                if not path.exists():  # somebody called meanwhile
                    await _in_child(self._wanted[path], path)
                    await asyncio.to_thread(trim, self._folder, ENDING, RIGS)
                self._wanted.pop(path, None)
        finally:
            self._drawing = None


async def _in_child(order: bytes, path: Path) -> None:
    """One face, behind everything else; one that fails is drawn when somebody calls."""
    try:
        status, _, err = await drawn(
            "media.avatar.layers", order, path, seconds=DRAWING_SECONDS, before=_BEHIND
        )
    except (TimeoutError, OSError) as error:
        logger.warning("a face was not drawn ahead", error=type(error).__name__)
        return
    if status:
        logger.warning("a face was not drawn ahead", error=err.decode(errors="replace")[-300:])
