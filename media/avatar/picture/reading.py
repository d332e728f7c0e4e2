"""Unpacking a picture that a stranger sent, after what it claims to be was checked (claims.py)."""

import resource
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from media.avatar.picture.claims import READING_SECONDS, check, refused

UNPACKED_SIDE: Final = 2048
READING_BYTES: Final = 3 * 2**30  # of address space: most of it is libraries
Pixels = npt.NDArray[np.uint8]


def unpack(data: bytes) -> Pixels:
    """RGB, turned as the camera was held. Raises PictureRefused. For the child process."""
    claim = check(data)
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        found = None
    if found is None or found.ndim != 3:
        raise refused("unreadable", "This picture is damaged.")
    high, wide = found.shape[:2]
    if {high, wide} != {claim.height, claim.width}:
        raise refused("unreadable", "This picture is not what its header says.")
    return np.ascontiguousarray(found[..., ::-1]).astype(np.uint8, copy=False)


def smaller(picture: Pixels) -> Pixels:
    """At most UNPACKED_SIDE on a side: nothing that is shown needs more."""
    scale = UNPACKED_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(
        cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def limit_self() -> None:
    """Bound this process before it touches the picture."""
    resource.setrlimit(resource.RLIMIT_AS, (READING_BYTES, READING_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(READING_SECONDS), int(READING_SECONDS)))
