"""Puts one whole keyframe together out of a camera's packets, so that nothing else need be decoded.

A keyframe stands alone: whoever wants one still asks the peer for one, and every packet before and
after it is dropped unread.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RtpPacket

from media.calls.wire import Codec

MOST_PACKETS: Final = 400
MOST_BYTES: Final = 500_000
_CODECS: Final[dict[str, Codec]] = {"video/vp8": "vp8", "video/h264": "h264"}
_SPS: Final = 7
_WRAP: Final = 1 << 16


class Keyframes:
    """Fed with packets until it gives a picture; then it begins anew."""

    def __init__(self) -> None:
        self._stamp: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._pieces: dict[int, bytes] = {}
        self._bytes = 0

    def add(self, mime: str, packet: RtpPacket) -> tuple[Codec, bytes] | None:
        """The keyframe, once its last packet is here. Damaged packets are passed over."""
        codec = _CODECS.get(mime)
        if codec is None or not packet.payload:
            return None
        if self._stamp is not None and _before(packet.timestamp, self._stamp):
            return None
        try:
            piece, opens = _opened(codec, packet.payload)
        except ValueError:
            return None
        if packet.timestamp != self._stamp:
            self._begin(packet.timestamp)
        if opens:
            self._first = packet.sequence_number
        if packet.marker:
            self._last = packet.sequence_number
        self._pieces[packet.sequence_number] = piece
        self._bytes += len(piece)
        if len(self._pieces) > MOST_PACKETS or self._bytes > MOST_BYTES:
            self._begin(None)
            return None
        whole = self._whole()
        if whole is not None:
            self._begin(None)
            return codec, whole
        return None

    def _begin(self, stamp: int | None) -> None:
        self._stamp, self._first, self._last = stamp, None, None
        self._pieces.clear()
        self._bytes = 0

    def _whole(self) -> bytes | None:
        """Every packet from the one that opens a keyframe to its last, if none is missing."""
        if self._first is None or self._last is None:
            return None
        count = (self._last - self._first) % _WRAP + 1
        numbers = [(self._first + at) % _WRAP for at in range(min(count, MOST_PACKETS + 1))]
        if any(number not in self._pieces for number in numbers):
            return None
        return b"".join(self._pieces[number] for number in numbers)


class Film:
    """The pictures a peer sends: dropped unread, but for the one keyframe that is wanted."""

    def __init__(self, came: Callable[[Codec, bytes], None]) -> None:
        self.ask: Callable[[int], Awaitable[None]] | None = None  # for a keyframe of this source
        self._came = came
        self._source: int | None = None
        self._keyframes: Keyframes | None = None  # while a picture is wanted
        self._asking: set[asyncio.Future[None]] = set()

    def want(self) -> None:
        """Ask for a keyframe, as if a picture had been lost."""
        self._keyframes = self._keyframes or Keyframes()
        if self.ask is not None and self._source is not None:
            asking = asyncio.ensure_future(self.ask(self._source))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)

    def want_none(self) -> None:
        """No more."""
        self._keyframes = None

    def take(self, mime: str, packet: RtpPacket) -> None:
        """A packet came."""
        self._source = packet.ssrc
        if self._keyframes is None:
            return
        whole = self._keyframes.add(mime, packet)
        if whole is not None:
            self._keyframes = None
            self._came(*whole)


def _opened(codec: Codec, payload: bytes) -> tuple[bytes, bool]:
    """What a packet holds of a picture, and whether it opens a keyframe. Raises ValueError."""
    if codec == "h264":
        piece = bytes(h264_depayload(payload))
        return piece, len(piece) > 4 and piece[4] & 0x1F == _SPS
    told, piece = VpxPayloadDescriptor.parse(payload)
    opens = bool(told.partition_start) and told.partition_id == 0
    return piece, opens and bool(piece) and not piece[0] & 1


def _before(stamp: int, other: int) -> bool:
    """Whether an RTP timestamp lies before another, around the wrap."""
    return stamp != other and (other - stamp) % (1 << 32) < 1 << 31
