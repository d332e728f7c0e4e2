"""Faces from pictures, found in a child process with limits, and never kept on disk.

A decoder that is fed by strangers may crash or grow; the child has a memory and a time limit and
nothing to lose. What it finds, the upright square and 468 places, passes through a file that is
deleted when it has been read: a worker must not remember a face that its owner has taken back.
"""

import base64
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from media.avatar.painter import SIZES, AvatarError
from media.avatar.picture import models
from media.avatar.picture.claims import (
    READING_SECONDS,
    PictureRefused,
    Refusal,
    check,
    refused,
    told,
)
from media.avatar.picture.landmarks import POINTS, Finder, Floats, Found
from media.avatar.picture.mesh import measure, square
from media.avatar.picture.moving import MovingPicture
from media.avatar.picture.reading import Pixels, limit_self, smaller, unpack

PICTURE_VERSION: Final = 1
ROOT: Final = Path(__file__).parents[3]


class Order(msgspec.Struct, frozen=True):
    """One picture to make a face of."""

    picture: str  # base64
    size: int
    path: str
    models: str


def picture_digest(data: bytes) -> str:
    """Names a face by the picture it was made from."""
    return hashlib.sha256(data + b"/%d" % PICTURE_VERSION).hexdigest()[:32]


class PictureShelf:
    """Finds the face in a picture; a second or so each time. Blocking."""

    def __init__(self, folder: Path, model_folder: Path | None = None) -> None:
        self._folder = folder
        self._models = model_folder or models.default_folder()

    def find(self, data: bytes, size: int) -> MovingPicture:
        """The face in this picture. Raises PictureRefused (the picture's fault, or there are no
        networks to look with: `no_finder`) or AvatarError."""
        if size not in SIZES:
            raise AvatarError(f"frames come in {SIZES}, not {size}", reason="size")
        check(data)
        if not models.present(self._models):
            raise refused("no_finder", "This server cannot find faces in pictures.")
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="picture-", dir=self._folder) as passing:
            path = Path(passing) / "face.npz"
            self._find_in_child(data, size, path)
            return load(path, picture_digest(data), size)

    def _find_in_child(self, data: bytes, size: int, path: Path) -> None:
        order = Order(
            base64.b64encode(data).decode(), size, str(path.absolute()), str(self._models)
        )
        try:
            done = subprocess.run(
                [sys.executable, "-m", "media.avatar.picture.shelf"],
                input=msgspec.json.encode(order), cwd=ROOT, capture_output=True,
                timeout=READING_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise refused("unreadable", "This picture takes too long to read.") from None
        if done.returncode == 0:
            return
        raise told(done.stdout)


def save(path: Path, frame: Pixels, places: Floats) -> None:
    """Write whole or not at all."""
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, frame=frame, places=places)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getbuffer())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: Path, digest: str, size: int) -> MovingPicture:
    """What the child found. Raises AvatarError `broken_rig`."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            frame, places = kept["frame"], kept["places"]
        if frame.shape != (size, size, 3) or frame.dtype != np.uint8:
            raise ValueError("the picture has another shape")
        if places.shape != (POINTS, 2) or not np.isfinite(places).all():
            raise ValueError("the places have another shape")
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise AvatarError(f"a kept face cannot be read: {error}", reason="broken_rig") from error
    return MovingPicture(digest, frame, measure(places, size))


def make(data: bytes, size: int, path: Path, finder: Finder) -> None:
    """Unpack, find, keep. Raises PictureRefused."""
    picture = smaller(unpack(data))
    found: Found = finder.find(picture)
    frame, places = square(picture, found, size)
    save(path, frame, places)


def main() -> int:
    """Make the face ordered on standard input; a refusal goes to standard output."""
    limit_self()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        make(
            base64.b64decode(order.picture), order.size, Path(order.path),
            Finder(Path(order.models)),
        )  # fmt: skip
    except PictureRefused as why:
        sys.stdout.buffer.write(msgspec.json.encode(Refusal(why.reason, str(why))))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
