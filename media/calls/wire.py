"""What is said on a media worker's socket: length-prefixed msgpack frames, three kinds of caller.

A gateway that opens legs (`control`), the holder of a leg's call (`holder`) and whoever draws the
companion's face (`face`) each say `Hello` first. Times are CLOCK_MONOTONIC microseconds of the
worker's host; what is played counts at 24 kHz from the beginning of its epoch.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec import Struct

from media.calls.leg import (
    Blocked,
    Connected,
    Gone,
    GoneReason,
    Heard,
    LegQuality,
    Played,
    Seen,
    Typed,
)

MOST_BYTES: Final = 1_000_000  # five seconds of sound, or a large keyframe
LENGTH_BYTES: Final = 4
Codec = Literal["vp8", "h264"]
CallKind = Literal["voice", "video"]


class WireBroken(Exception):
    """The other side sent what is no frame, or too much of it."""


class Hello(Struct, frozen=True, kw_only=True, tag="hello"):
    """The first frame of a link. `key` is the worker's for `control`, the leg's otherwise."""

    role: Literal["control", "holder", "face"]
    key: str
    leg: str = ""


class IceServer(Struct, frozen=True, kw_only=True):
    """Where a peer may find its own address, or a relay."""

    urls: list[str]
    username: str = ""
    credential: str = ""


# --- control


class OpenLeg(Struct, frozen=True, kw_only=True, tag="open"):
    """An offer that wants an answer. `id` names the question on this link.

    `camera`: the peer may send pictures of its own; otherwise the answer asks it not to.
    """

    id: int
    offer: str
    kind: CallKind = "voice"
    ice: tuple[IceServer, ...] = ()
    camera: bool = False


class OpenRoom(Struct, frozen=True, kw_only=True, tag="open_room"):
    """A LiveKit room to join as its companion; `person` is whom to hear."""

    id: int
    url: str
    token: str
    person: str
    kind: CallKind = "voice"


class Trickle(Struct, frozen=True, kw_only=True, tag="trickle"):
    """Further candidates of the peer, as an SDP fragment."""

    id: int
    leg: str
    fragment: str


class CloseLeg(Struct, frozen=True, kw_only=True, tag="close"):
    """The peer hung up, or nobody came for the leg."""

    leg: str
    reason: GoneReason = "hung_up"


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """A leg waits, and holds its peer's answer."""

    id: int
    leg: str
    key: str
    answer: str


class Done(Struct, frozen=True, kw_only=True, tag="done"):
    """A question without an answer of its own was carried out."""

    id: int


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """It was not: `code` is one word for programs, `message` a sentence for people."""

    id: int
    code: str
    message: str


# --- the holder of a leg's call; what it is told are the events of media/calls/leg.py


class Play(Struct, frozen=True, tag="play", array_like=True):
    """24 kHz sound behind what is queued."""

    epoch: int
    pcm: bytes


class Flush(Struct, frozen=True, tag="flush", array_like=True):
    """`epoch` begins."""

    epoch: int


class Pause(Struct, frozen=True, tag="pause", array_like=True):
    """Silence at once, keeping what is queued."""


class Resume(Struct, frozen=True, tag="resume", array_like=True):
    """Go on."""


class Gather(Struct, frozen=True, tag="gather", array_like=True):
    """Sound below this level may come late, in larger pieces; None: everything at once."""

    below_db: float | None


class Tell(Struct, frozen=True, tag="tell", array_like=True):
    """A message for the data channel `events`."""

    data: bytes


class Watch(Struct, frozen=True, tag="watch", array_like=True):
    """Whether the person's camera may be looked at."""

    on: bool
    pixels: int
    most_bytes: int


class Look(Struct, frozen=True, tag="look", array_like=True):
    """Take one still of it."""


class HangUp(Struct, frozen=True, tag="hang_up", array_like=True):
    """The call is over."""

    reason: str


# --- the face


class Picture(Struct, frozen=True, kw_only=True, tag="picture"):
    """One encoded frame; frames build on one another, and a keyframe stands alone.

    It leaves when sample `position` of `epoch` does; without a position (silence), or while
    nothing sounds, at `play_at_us`.
    """

    epoch: int
    position: int | None
    play_at_us: int
    key: bool
    codec: Codec
    data: bytes


class FaceWanted(Struct, frozen=True, kw_only=True, tag="face_wanted"):
    """What the peer can show; the first frame a face is told. None: no picture at all."""

    codec: Codec | None


class KeyframeWanted(Struct, frozen=True, kw_only=True, tag="keyframe_wanted"):
    """The peer lost a picture, or one was dropped here: nothing is sent until a keyframe comes."""


class Bandwidth(Struct, frozen=True, kw_only=True, tag="bandwidth"):
    """What the peer believes it can receive."""

    bits_per_second: int


ToWorker = Hello | OpenLeg | OpenRoom | Trickle | CloseLeg | Picture
# What is said thousands of times a second travels as arrays, and so by a decoder of its own.
ToLeg = Play | Flush | Pause | Resume | Gather | Tell | Watch | Look | HangUp
ToControl = Opened | Done | Refused
ToHolder = Heard | Played | Connected | Typed | Blocked | LegQuality | Seen | Gone
ToFace = FaceWanted | KeyframeWanted | Bandwidth | Played | Gone

_encoder = msgspec.msgpack.Encoder()
to_worker: Final = msgspec.msgpack.Decoder(ToWorker)
to_leg: Final = msgspec.msgpack.Decoder(ToLeg)
to_control: Final = msgspec.msgpack.Decoder(ToControl)
to_holder: Final = msgspec.msgpack.Decoder(ToHolder)
to_face: Final = msgspec.msgpack.Decoder(ToFace)


def pack(message: Struct) -> bytes:
    """A message as it travels."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class Frames:
    """Cuts what arrives into frames, whatever the pieces are."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now. Raises WireBroken for one that is too large."""
        kept = self._kept
        kept += data
        frames, at = [], 0
        while len(kept) - at >= LENGTH_BYTES:
            length = int.from_bytes(kept[at : at + LENGTH_BYTES], "big")
            if length > MOST_BYTES:
                raise WireBroken(f"a frame of {length} bytes")
            if len(kept) - at - LENGTH_BYTES < length:
                break
            at += LENGTH_BYTES
            frames.append(bytes(kept[at : at + length]))
            at += length
        del kept[:at]
        return frames


async def dial(
    address: str, protocol: Callable[[], asyncio.Protocol]
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    """Connect to `unix:/path` or `tcp:host:port`. Raises OSError."""
    loop = asyncio.get_running_loop()
    kind, _, where = address.partition(":")
    if kind == "unix":
        return await loop.create_unix_connection(protocol, where)
    host, _, port = where.rpartition(":")
    if kind != "tcp" or not port.isdecimal():
        raise OSError(f"no address of a worker: {address!r}")
    return await loop.create_connection(protocol, host.strip("[]"), int(port))
