"""The port behind which faces are made: our rig, and neural engines of MuseTalk's or Ditto's kind.

An engine gets rows of state (and, if it listens, features of the sound) and gives frames. It is
blocking and belongs to one thread; `prepare` alone may be called from another one.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from media.avatar.appearance import Appearance
from media.avatar.painter import Asset, Frames
from media.avatar.state import Rows

Listens = Literal["nothing", "mel", "whisper_tiny", "hubert"]


class EngineCaps(Struct, frozen=True, kw_only=True):
    """What an engine can do and what it needs.

    listens: the features of the sound it wants. visemes: it moves by rows of state. idle: it has
    something to show in silence. lookahead_ms: how much sound after a frame it must know.
    commercial_ok: its code and its weights may both be used commercially.
    """

    name: str
    device: str
    fps: int
    sizes: tuple[int, ...]
    max_batch: int
    lookahead_ms: int = 0
    listens: Listens = "nothing"
    visemes: bool = True
    idle: bool = True
    output: Literal["i420", "rgb"] = "i420"
    commercial_ok: bool = True
    licence: str = "Apache-2.0"


class Source(Struct, frozen=True, kw_only=True):
    """What a face is made from: an appearance that is drawn, or a picture of somebody."""

    appearance: Appearance | None = None
    picture: bytes = b""


class Step(Struct, frozen=True, kw_only=True):
    """One frame to be made. `pts` counts samples at 24 kHz; `fresh`: also if nothing changed.

    epoch, position: what sounds then; None is silence.
    """

    slot: int
    row: Rows
    pts: int
    epoch: int = 0
    position: int | None = None
    fresh: bool = False


class Rendered(Struct, frozen=True, kw_only=True):
    """Frames of a batch, in its order. A frame whose `changed` is False holds nothing: show the
    last one again, which costs neither encoding nor sending."""

    frames: Frames
    pts: tuple[int, ...]
    changed: npt.NDArray[np.bool_]


class Engine(Protocol):
    """Makes faces on one device. Raises AvatarError from `prepare` and `open` alone."""

    caps: EngineCaps

    def prepare(self, source: Source, size: int) -> Asset:
        """What is made once for a face, cached by content. May take a second."""
        ...

    def open(self, slot: int, asset: Asset) -> None:
        """From now on `slot` shows this face; opening it again exchanges the face."""
        ...

    def listen(self, slot: int, epoch: int, at_sample: int, pcm: bytes) -> None:
        """Sound that will play on an open slot; for engines that listen, once per piece."""
        ...

    def close(self, slot: int) -> None:
        """The slot is free; a slot that is not open is fine."""
        ...

    def step(self, batch: Sequence[Step]) -> Rendered:
        """The next frames of some open slots of one size, at most `max_batch`."""
        ...


def bucket(count: int, most: int) -> int:
    """The batch to run for `count` frames: sizes 1, 2, 4, ... so that a device keeps few graphs."""
    size = 1
    while size < count:
        size *= 2
    return max(count, min(size, most))
