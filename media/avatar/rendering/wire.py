"""What a room's holder and a render worker say to each other: length-prefixed msgpack frames.

One link carries many faces. Times are CLOCK_MONOTONIC microseconds of the leg's host, sound is
counted in samples at 24 kHz from the beginning of its epoch.
"""

import asyncio
from typing import Final, Literal

import msgspec
from msgspec import Struct

from media.avatar.motion.attitudes import Attitude
from media.calls.leg import LegAddress
from media.speech.ports import Viseme

MOST_BYTES: Final = 16_000_000  # a portrait that a face is made from
_LENGTH_BYTES: Final = 4
Codec = Literal["vp8", "h264"]


class WireBroken(Exception):
    """The other side sent what is no frame, or too much of it."""


class Hello(Struct, frozen=True, tag="hello"):
    """The first frame of a link. `key` is the worker's own; a wrong one ends the link."""

    key: str


class OpenFace(Struct, frozen=True, kw_only=True, tag="open"):
    """A face begins. appearance: its document as JSON; picture: a portrait instead.

    seed: of its blinks and glances, so that a companion moves like itself. attitude: how it
    begins; a face that only moved to another worker does not greet again. leg: where its pictures
    go, and who says what codec; without one they come back on this link.
    """

    face: str
    appearance: bytes = b""
    picture: bytes = b""
    seed: str = ""
    attitude: Attitude = "greeting"
    size: int = 512
    fps: int = 25
    codec: Codec = "vp8"
    kbps: int = 600
    leg: LegAddress | None = None


class Speak(Struct, frozen=True, kw_only=True, tag="speak"):
    """Sound that will play at `at_sample` of the epoch; told as soon as it is synthesised."""

    face: str
    epoch: int
    at_sample: int
    pcm: bytes
    visemes: tuple[Viseme, ...] = ()


class Flush(Struct, frozen=True, kw_only=True, tag="flush"):
    """Interrupted: `epoch` begins, in silence."""

    face: str
    epoch: int


class Sounding(Struct, frozen=True, kw_only=True, tag="sounding"):
    """Where the leg is: what `Played` tells, and whether it plays at all."""

    face: str
    epoch: int
    samples: int
    clock_us: int
    playing: bool = True


class Behave(Struct, frozen=True, kw_only=True, tag="behave"):
    """Listen, think, greet, ..."""

    face: str
    attitude: Attitude


class Feel(Struct, frozen=True, kw_only=True, tag="feel"):
    """Show an expression, now or when `at_sample` of the epoch sounds."""

    face: str
    name: str
    strength: float = 1.0
    at_sample: int | None = None


class Tune(Struct, frozen=True, kw_only=True, tag="tune"):
    """What the receiver wants: a bitrate it can take, a keyframe, nothing while it is hidden."""

    face: str
    kbps: int | None = None
    key: bool = False
    hidden: bool | None = None


class CloseFace(Struct, frozen=True, kw_only=True, tag="close"):
    """The call is over."""

    face: str


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """It shows from now on."""

    face: str
    size: int
    fps: int
    codec: Codec


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """It does not: `reason` is one word, the message a sentence without anybody's words."""

    face: str
    reason: str
    message: str


class Picture(Struct, frozen=True, kw_only=True, tag="picture"):
    """One encoded frame. It belongs to `play_at_us`; `position` is the sample of the epoch that
    sounds then, None in silence. Frames build on one another: send all of them, in order."""

    face: str
    epoch: int
    position: int | None
    play_at_us: int
    key: bool
    codec: Codec
    size: int
    data: bytes


class WorkerLoad(Struct, frozen=True, kw_only=True, tag="load"):
    """Every second: how many faces, how busy (0..1), and the rung it works on (0: the best)."""

    faces: int
    most: int
    busy: float
    level: int


ToWorker = Hello | OpenFace | Speak | Flush | Sounding | Behave | Feel | Tune | CloseFace
FromWorker = Opened | Refused | Picture | WorkerLoad
_encoder = msgspec.msgpack.Encoder()
to_worker: Final = msgspec.msgpack.Decoder(ToWorker)
from_worker: Final = msgspec.msgpack.Decoder(FromWorker)


def pack(message: ToWorker | FromWorker) -> bytes:
    """A message as it travels."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next message's bytes. Raises EOFError at the end and WireBroken on nonsense."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > MOST_BYTES:
            raise WireBroken(f"a frame of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError from error


def split_address(where: str) -> tuple[str, int]:
    """`host:port`, `[::1]:port` too. Raises OSError on anything else."""
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal():
        raise OSError(f"no address of a render worker: {where!r}")
    return host.strip("[]"), int(port)


async def dial(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to `unix:/path` or `tcp:host:port`. Raises OSError."""
    kind, _, where = address.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection(*split_address(where))
