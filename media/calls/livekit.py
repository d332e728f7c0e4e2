"""A leg in a LiveKit room: the worker joins as a participant, with LiveKit's own SDK.

The SDK encodes and decodes by itself, so sound crosses here as PCM, and pictures are taken apart
for it (media/calls/livekit_pictures.py). Without the SDK installed there is no such leg.
"""

import asyncio
import contextlib
import importlib.util
from collections.abc import Callable
from typing import Any, Final

from media.calls.engine import EngineRefused, PeerEvents
from media.calls.livekit_pictures import RoomPictures
from media.calls.offers import Offer
from media.calls.wire import Codec, IceServer, OpenRoom
from media.sound.formats import HEARING_RATE, PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE

QUEUE_MS: Final = 200
MOST_WAITING: Final = 10
CLOSE_SECONDS: Final = 5.0
TOPIC: Final = "events"


def livekit_rooms() -> "Callable[[OpenRoom], RoomEngine] | None":
    """How rooms are joined; None where the SDK is not installed."""
    return RoomEngine if importlib.util.find_spec("livekit.rtc") is not None else None


class RoomEngine:
    """See media/calls/engine.py `MediaEngine`; one room, one peer."""

    def __init__(self, ask: OpenRoom) -> None:
        self._ask = ask

    def peer(
        self,
        events: PeerEvents,
        ice: tuple[IceServer, ...],  # noqa: ARG002
        *,
        video: bool,  # noqa: ARG002
        camera: bool = False,  # noqa: ARG002
    ) -> "RoomPeer":
        """See the port."""
        return RoomPeer(events, self._ask)


class RoomPeer:
    """See media/calls/engine.py `Peer`. Its peer is the person among the participants."""

    def __init__(self, events: PeerEvents, ask: OpenRoom) -> None:
        from livekit import rtc
        from livekit.rtc import participant

        self.codec: Codec | None = "vp8" if ask.kind == "video" else None
        self.raw = True
        self._rtc: Any = rtc
        self._errors: Any = participant
        self._events = events
        self._ask = ask
        self._room: Any = rtc.Room()
        self._source: Any = None
        self._pictures: RoomPictures | None = None
        self._sound: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._here = False
        self._over = False

    async def answer(self, offer: Offer) -> str:  # noqa: ARG002
        """Join. There is no SDP of ours; the SDK has its own."""
        rtc, room = self._rtc, self._room
        room.on("track_subscribed", self._on_track)
        room.on("participant_connected", self._on_person)
        room.on("participant_disconnected", self._on_person_gone)
        room.on("disconnected", lambda *_: self._lost())
        room.on("data_received", self._on_data)
        try:
            await room.connect(self._ask.url, self._ask.token, rtc.RoomOptions(auto_subscribe=True))
            self._source = rtc.AudioSource(PLAYOUT_RATE, 1, queue_size_ms=QUEUE_MS)
            track = rtc.LocalAudioTrack.create_audio_track("companion", self._source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await room.local_participant.publish_track(track, options)
        except (rtc.ConnectError, self._errors.PublishTrackError) as error:
            raise EngineRefused(type(error).__name__) from error
        self._spawn(self._speak())
        for person in room.remote_participants.values():
            self._on_person(person)
        return ""

    async def add_candidate(self, mid: str, candidate: str) -> None:  # noqa: ARG002
        """The SDK does this."""
        raise EngineRefused("no candidates in a room")

    def send_sound(self, payload: bytes, sample: int, due_us: int) -> None:  # noqa: ARG002
        """24 kHz PCM; what the SDK does not take in time is dropped."""
        with contextlib.suppress(asyncio.QueueFull):
            self._sound.put_nowait(payload)

    def send_picture(self, data: bytes, sample: int, due_us: int) -> None:  # noqa: ARG002
        """Its place is where the SDK puts it: what is shown is what comes last."""
        if self._pictures is None:
            wanted = self._events.on_keyframe_wanted
            self._pictures = RoomPictures(self._rtc, self._room, self._spawn, wanted)
        if not self._over:
            self._pictures.show(data)

    def send_message(self, data: bytes) -> None:
        """To the person alone."""
        if self._here:
            self._spawn(self._publish(data))

    def want_picture(self) -> None:
        """Cameras in rooms of LiveKit are not looked at."""

    def want_no_picture(self) -> None:
        """None was asked for."""

    def round_trip_ms(self) -> float | None:
        """The SDK's secret."""
        return None

    async def aclose(self) -> None:
        """Leave the room."""
        self._over = True
        for task in tuple(self._tasks):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._room.disconnect()
                if self._source is not None:
                    await self._source.aclose()
                if self._pictures is not None:
                    await self._pictures.aclose()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _speak(self) -> None:
        while True:
            pcm = await self._sound.get()
            frame = self._rtc.AudioFrame(pcm, PLAYOUT_RATE, 1, PLAYOUT_FRAME_SAMPLES)
            await self._source.capture_frame(frame)

    async def _publish(self, data: bytes) -> None:
        with contextlib.suppress(self._errors.PublishDataError):
            await self._room.local_participant.publish_data(
                data, destination_identities=[self._ask.person], topic=TOPIC
            )

    def _is_person(self, participant: Any) -> bool:
        return participant is not None and participant.identity == self._ask.person

    def _on_person(self, participant: Any) -> None:
        if self._is_person(participant) and not self._here:
            self._here = True
            self._events.on_state("connected", "livekit")

    def _on_person_gone(self, participant: Any) -> None:
        if self._is_person(participant) and not self._over:
            self._over = True
            self._events.on_state("closed", "")

    def _lost(self) -> None:
        if not self._over:
            self._over = True
            self._events.on_state("lost", "")

    def _on_track(self, track: Any, _publication: Any, participant: Any) -> None:
        if self._is_person(participant) and track.kind == self._rtc.TrackKind.KIND_AUDIO:
            self._on_person(participant)
            self._spawn(self._listen(track))

    async def _listen(self, track: Any) -> None:
        stream = self._rtc.AudioStream(track, sample_rate=HEARING_RATE, num_channels=1)
        try:
            async for event in stream:
                self._events.on_pcm(bytes(event.frame.data))
        finally:
            await stream.aclose()

    def _on_data(self, packet: Any) -> None:
        if self._is_person(packet.participant) and packet.topic == TOPIC:
            self._events.on_message(bytes(packet.data))
