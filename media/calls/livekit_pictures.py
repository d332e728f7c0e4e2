"""The companion's face in a LiveKit room: decoded here and handed to the SDK, which encodes anew.

The SDK takes no encoded pictures. Taking them apart again costs about a hundredth of a core; what
the SDK makes of them is LiveKit's own business, simulcast and all.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import av
import structlog
from av.error import FFmpegError
from av.packet import Packet

logger = structlog.get_logger(__name__)


class RoomPictures:
    """One participant's camera. `want_keyframe`: what came could not be understood."""

    def __init__(
        self,
        rtc: Any,
        room: Any,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        want_keyframe: Callable[[], None],
    ) -> None:
        self._rtc = rtc
        self._room = room
        self._spawn = spawn
        self._want_keyframe = want_keyframe
        self._decoder: Any = av.CodecContext.create("vp8", "r")
        self._source: Any = None

    def show(self, data: bytes) -> None:
        """One VP8 frame, now."""
        try:
            frames = self._decoder.decode(Packet(data))
        except FFmpegError:
            self._want_keyframe()
            return
        rtc = self._rtc
        for frame in frames:
            if self._source is None:
                self._source = rtc.VideoSource(frame.width, frame.height)
                self._spawn(self._publish(self._source))
            pixels = frame.to_ndarray(format="yuv420p").tobytes()
            kind = rtc.VideoBufferType.I420
            self._source.capture_frame(rtc.VideoFrame(frame.width, frame.height, kind, pixels))

    async def _publish(self, source: Any) -> None:
        rtc = self._rtc
        track = rtc.LocalVideoTrack.create_video_track("face", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
        try:
            await self._room.local_participant.publish_track(track, options)
        except rtc.participant.PublishTrackError as error:
            logger.warning("a face was not published in a room", why=str(error)[:80])

    async def aclose(self) -> None:
        """No more."""
        if self._source is not None:
            await self._source.aclose()
