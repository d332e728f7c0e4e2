"""Files of sound as browsers and phones make them, for tests of whoever opens them."""

import io
from fractions import Fraction

import av
import numpy as np


def tone(seconds: float, rate: int = 48_000) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """On in the first half, off in the second."""
    time = np.arange(int(seconds * rate)) / rate
    on = time < seconds / 2
    return (9_000 * np.sin(2 * np.pi * 220 * time) * on).astype(np.int16)


def recorded(container: str = "webm", codec: str = "libopus", seconds: float = 2.0) -> bytes:
    """A file with a tone in it."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds)[None, :], format="s16", layout="mono")
        frame.sample_rate = 48_000
        size = stream.codec_context.frame_size or 960
        fitted = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=48_000, frame_size=size
        )
        at = 0
        for piece in [*fitted.resample(frame), *fitted.resample(None)]:
            piece.pts, piece.time_base = at, Fraction(1, 48_000)
            at += piece.samples
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return out.getvalue()
