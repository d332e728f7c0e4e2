"""Looking at what a worker sent, as a receiver would: through a decoder."""

from collections.abc import Sequence

import av
import numpy as np
import numpy.typing as npt

from media.avatar.rendering.wire import Picture

Luma = npt.NDArray[np.uint8]


def decode(pictures: Sequence[object]) -> list[Luma]:
    """The luma of every picture, in order; decoding begins at the first keyframe."""
    coded = [one for one in pictures if isinstance(one, Picture)]
    while coded and not coded[0].key:
        coded.pop(0)
    if not coded:
        return []
    context = av.CodecContext.create("vp8" if coded[0].codec == "vp8" else "h264", "r")
    context.thread_count = 1
    frames = []
    for picture in coded:
        frames += context.decode(av.Packet(picture.data))
    frames += context.decode(None)
    return [np.asarray(frame.to_ndarray()[: frame.height]) for frame in frames]
