"""Pictures encoded once, as VP8 or H.264, for as many receivers as there are.

One encoder belongs to one face and one thread at a time. Its rate follows what the receiver
reports; what cannot be changed in a running encoder makes a new one, which begins with a keyframe.
"""

from fractions import Fraction
from typing import Any, Final, NamedTuple

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from media.avatar.painter import Frames
from media.avatar.rendering.wire import Codec

CLOCK: Final = 90_000  # of video in RTP
LEAST_KBPS: Final = 80
MOST_KBPS: Final = 4_000
KEY_EVERY_SECONDS: Final = 20  # a receiver that missed a report heals by itself
_NAMES: Final = {"vp8": "libvpx", "h264": "libx264"}
_WORTH: Final = 0.25  # a smaller change of rate is not worth a new encoder


class Coded(NamedTuple):
    """One frame's bytes."""

    data: bytes
    key: bool


class FrameEncoder:
    """One face's encoder."""

    def __init__(self, codec: Codec, size: int, fps: int, kbps: int) -> None:
        self.codec: Codec = codec
        self.size = size
        self.fps = fps
        self.kbps = _within(kbps)
        self._context: VideoCodecContext | None = None
        self._key = True
        self._last_pts = -1

    def follow(self, kbps: int) -> None:
        """The rate the receiver can take. Neither codec heeds a rate set while it runs."""
        wanted = _within(kbps)
        if self._context is not None:
            if abs(wanted - self.kbps) < _WORTH * self.kbps:
                return
            self._context = None
        self.kbps = wanted

    def want_key(self) -> None:
        """The next frame stands alone."""
        self._key = True

    def shape(self, size: int, fps: int) -> None:
        """Another size or rate of frames."""
        if size != self.size:
            self._context = None
        self.size, self.fps = size, fps

    def encode(self, i420: Frames, pts_us: int) -> Coded | None:
        """Encode one frame of (size * 3 / 2, size). None when the rate control dropped it."""
        context = self._context or self._open()
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        pts = max(self._last_pts + 1, pts_us * CLOCK // 1_000_000)
        frame.pts, frame.time_base = pts, Fraction(1, CLOCK)
        frame.pict_type = PictureType.I if self._key else PictureType.NONE
        self._last_pts = pts
        packets = context.encode(frame)
        if not packets:
            return None
        key = any(packet.is_keyframe for packet in packets)
        self._key = self._key and not key
        return Coded(b"".join(bytes(packet) for packet in packets), key)

    def _open(self) -> VideoCodecContext:
        made: Any = av.CodecContext.create(_NAMES[self.codec], "w")
        context: VideoCodecContext = made
        context.width = context.height = self.size
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, CLOCK)
        context.framerate = Fraction(self.fps)
        context.bit_rate = self.kbps * 1000
        context.gop_size = KEY_EVERY_SECONDS * self.fps
        context.thread_count = 1
        context.options = _options(self.codec, self.kbps)
        self._context, self._key = context, True
        return context


def _options(codec: Codec, kbps: int) -> dict[str, str]:
    """Made for a call: no frame waits for another, no frame is split over threads."""
    if codec == "h264":
        return {
            "preset": "superfast", "tune": "zerolatency", "profile": "baseline",
            "forced-idr": "1", "threads": "1",
            "maxrate": str(kbps * 1500), "bufsize": str(kbps * 1000),
        }  # fmt: skip
    return {
        "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1",
        "auto-alt-ref": "0", "static-thresh": "100", "undershoot-pct": "100",
        "qmin": "4", "qmax": "52",
    }  # fmt: skip


def _within(kbps: int) -> int:
    return max(LEAST_KBPS, min(MOST_KBPS, kbps))
