"""One still of a person's camera: a keyframe decoded, made small, and written as a JPEG.

It is done on a thread, for it takes a few milliseconds. Nothing is kept: the picture goes to
whoever asked for it and is then nowhere.
"""

from fractions import Fraction
from typing import Any, Final, cast

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from media.calls.leg import Seen
from media.calls.wire import Codec

MOST_SIDE: Final = 1_920
MOST_PIXELS: Final = MOST_SIDE * 1_080
LEAST_SIDE: Final = 16
_DECODERS: Final = {"vp8": "vp8", "h264": "h264"}
_QUALITIES: Final = (3, 7, 15, 31)  # of mjpeg: a smaller number is a finer picture


def still(codec: Codec, data: bytes, pixels: int, most_bytes: int) -> Seen | None:
    """The picture with its longer side at `pixels` at most; None where there is none to be had."""
    if codec == "vp8" and not _sensible(data):
        return None
    try:
        frame = _decoded(codec, data)
        if frame is None or min(frame.width, frame.height) < LEAST_SIDE:
            return None
        return _written(_smaller(frame, pixels), most_bytes)
    except (FFmpegError, ValueError, MemoryError):
        return None


def _sensible(data: bytes) -> bool:
    """A VP8 keyframe says its size in its head: a monster is not even begun."""
    if len(data) < 10 or data[3:6] != b"\x9d\x01\x2a":
        return False
    width = int.from_bytes(data[6:8], "little") & 0x3FFF
    height = int.from_bytes(data[8:10], "little") & 0x3FFF
    return min(width, height) >= LEAST_SIDE and width * height <= MOST_PIXELS


def _decoded(codec: Codec, data: bytes) -> VideoFrame | None:
    decoder: Any = CodecContext.create(_DECODERS[codec], "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(MOST_PIXELS)}
    frames = [*decoder.decode(Packet(data)), *decoder.decode(None)]
    return cast("VideoFrame", frames[0]) if frames else None


def _smaller(frame: VideoFrame, pixels: int) -> VideoFrame:
    """Within `pixels`, its sides even, as JPEG's colours want them."""
    share = min(1.0, pixels / max(frame.width, frame.height))
    width = max(2, round(frame.width * share) // 2 * 2)
    height = max(2, round(frame.height * share) // 2 * 2)
    return frame.reformat(width=width, height=height, format="yuvj420p")


def _written(frame: VideoFrame, most_bytes: int) -> Seen | None:
    for quality in _QUALITIES:
        encoder: Any = CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
        encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
        encoder.options = {"qmin": str(quality), "qmax": str(quality)}
        frame.pts = 0
        jpeg = b"".join(bytes(one) for one in [*encoder.encode(frame), *encoder.encode(None)])
        if jpeg and len(jpeg) <= most_bytes:
            return Seen(jpeg=jpeg, width=frame.width, height=frame.height)
    return None
