"""A stranger's picture becomes a portrait of our own making: upright, square, the face in it.

Only this portrait is stored, never what was sent: no other people, no place, no camera's notes.
Whoever asks holds no decoder: a child process with limits does the work.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec

from media.avatar.picture.claims import (
    READING_SECONDS,
    PictureRefused,
    Refusal,
    check,
    refused,
    told,
)

SIDE: Final = 768
QUALITY: Final = 92
AT_ONCE: Final = 1
WAITING: Final = 4  # each holds its picture in memory
ROOT: Final = Path(__file__).parents[3]


class PortraitMaker:
    """Asks children, one at a time."""

    def __init__(self, model_folder: Path | None = None) -> None:
        self._models = model_folder
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def make(self, data: bytes) -> bytes:
        """The portrait as JPEG. Raises PictureRefused."""
        check(data)
        if self._waiting >= WAITING:
            raise refused("busy", "Too many pictures are being read: try again in a minute.")
        self._waiting += 1
        try:
            async with self._turns:
                return await self._ask_child(data)
        finally:
            self._waiting -= 1

    async def _ask_child(self, data: bytes) -> bytes:
        child = await asyncio.create_subprocess_exec(
            "nice", sys.executable, "-m", "media.avatar.picture.portrait",
            *([str(self._models)] if self._models else []),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(READING_SECONDS):
                out, _ = await child.communicate(data)
        except TimeoutError:
            raise refused("unreadable", "This picture takes too long to read.") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            raise told(out)
        return out


def portrait(data: bytes, models: Path) -> bytes:
    """Find the face and cut it out; what came of it must show a face too."""
    import cv2

    from media.avatar.picture.landmarks import Finder
    from media.avatar.picture.mesh import square
    from media.avatar.picture.reading import smaller, unpack

    picture, finder = smaller(unpack(data)), Finder(models)
    frame, _ = square(picture, finder.find(picture), SIDE)
    finder.find(frame)
    ok, packed = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not ok:
        raise refused("unreadable", "This picture cannot be read.")
    return bytes(packed.tobytes())


def main() -> int:
    """The picture on standard input; the portrait, or a refusal, on standard output."""
    from media.avatar.picture import models
    from media.avatar.picture.reading import limit_self

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else models.default_folder()
    limit_self()
    try:
        if not models.present(folder):
            raise refused("no_finder", "This server cannot find faces in pictures.")
        sys.stdout.buffer.write(portrait(sys.stdin.buffer.read(), folder))
    except PictureRefused as why:
        sys.stdout.buffer.write(msgspec.json.encode(Refusal(why.reason, str(why))))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
