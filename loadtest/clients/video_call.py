"""A person's phone in a video call: what it shows is decoded and held against the sound.

As in loadtest/clients/call.py, by WebRTC and nothing that only a load tester would have.
"""

import time
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from aiortc import RTCPeerConnection

from loadtest.clients.call import RATE, SILENT_DB, Call
from loadtest.clients.mouths import Luma, Openings
from loadtest.clients.seeing import Level, Mouth, Seeing
from loadtest.clients.stamps import Stamps
from loadtest.insync import HERTZ

if TYPE_CHECKING:
    from loadtest.people import Person

HOP: Final = RATE // HERTZ


def luma_of(frame: av.VideoFrame) -> Luma:
    """The brightness of a picture, without copying the rest of it."""
    plane = frame.planes[0]
    rows: Luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def levels_of(frame: av.AudioFrame, at_seconds: float) -> list[Level]:
    """A frame of sound in steps of `1 / HERTZ` seconds."""
    sound = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(np.float32)
    count = len(sound) // HOP
    power = np.mean(np.square(sound[: count * HOP].reshape(count, HOP)), axis=1) / 32_768**2
    loud = np.where(power > 1e-10, 10 * np.log10(np.maximum(power, 1e-10)), SILENT_DB)
    return [Level(at_seconds + n / HERTZ, float(db)) for n, db in enumerate(loud)]


class VideoCall(Call):
    """`async with person.video_call(room) as call`: connected. Raises Trouble."""

    def __init__(self, person: "Person", room: str) -> None:
        super().__init__(person, room, "video")
        self.seeing: Seeing | None = None
        self._openings = Openings()
        self._stamps: dict[str, Stamps] = {}
        self._bytes = 0

    async def seen(self) -> None:
        """Wait for the first picture. Raises Trouble."""
        await self._until(lambda: self.seeing is not None, "no_picture")

    def _offering(self, peer: RTCPeerConnection) -> None:
        peer.addTransceiver("video", direction="recvonly")
        for transceiver in peer.getTransceivers():
            self._stamps[transceiver.kind] = Stamps(transceiver.receiver)

    def _heard(self, frame: av.AudioFrame) -> None:
        super()._heard(frame)
        at = self._stamps["audio"].seconds(frame.pts or 0)
        if self.seeing is not None and at is not None:
            self.seeing.sound(levels_of(frame, at))

    def _saw(self, frame: av.VideoFrame) -> None:
        if self.seeing is None:
            self.seeing = Seeing(self._person.measures, self.answered_at)
        stamps = self._stamps["video"]
        at, opening = stamps.seconds(frame.pts or 0), self._openings.of(luma_of(frame))
        self.seeing.picture(time.perf_counter(), None if at is None else Mouth(at, opening))
        self._person.measures.count("video_bytes", stamps.bytes_in - self._bytes)
        self._bytes = stamps.bytes_in
