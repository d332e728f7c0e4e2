"""A call in a LiveKit room: the real SDK on both ends, a stand-in (not LiveKit) between them."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.rtc")
from livekit import api, rtc

from config.media import LiveKitSettings
from media.calls.control import LegRefused
from media.calls.holding import dial_face, dial_leg
from media.calls.leg import Connected, Gone, Heard, LegAddress, Typed
from media.calls.livekit import livekit_rooms
from rooms.errors import NotFound, Unauthorized
from server.livekit import COMPANION, LiveKitDoor
from tests.media.calls.clients import serving
from tests.media.calls.livekit_standin import StandIn
from tests.media.calls.test_browser_and_relay import Card
from tests.soon import until

pytestmark = pytest.mark.long

KEY, SECRET = "key", "a secret that is long enough to sign with it"


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    made = await StandIn(KEY, SECRET).start()
    yield made
    await made.close()


def door(url: str) -> LiveKitDoor:
    settings = LiveKitSettings(url=url, key=KEY, secret=SECRET)
    return LiveKitDoor(settings, None)  # type: ignore[arg-type]


class Guest:
    """A person with LiveKit's client: a tone is their voice."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.source = rtc.AudioSource(48_000, 1)
        self.heard: list[np.ndarray] = []
        self.told: list[bytes] = []
        self.cameras = 0
        self.tasks: list[asyncio.Task[None]] = []
        self.room.on("track_subscribed", self._on_track)
        self.room.on("data_received", lambda packet: self.told.append(packet.data))

    async def join(self, url: str, token: str) -> None:
        await self.room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("voice", self.source)
        await self.room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        self.tasks.append(asyncio.create_task(self._speak()))

    async def _speak(self) -> None:
        at = np.arange(480)
        tone = (9000 * np.sin(2 * np.pi * 500 * at / 48_000)).astype("<i2").tobytes()
        while True:
            await self.source.capture_frame(rtc.AudioFrame(tone, 48_000, 1, 480))

    def _on_track(self, track: Any, *_: Any) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self.tasks.append(asyncio.create_task(self._hear(track)))
        else:
            self.cameras += 1

    async def _hear(self, track: Any) -> None:
        async for event in rtc.AudioStream(track, sample_rate=24_000, num_channels=1):
            self.heard.append(np.frombuffer(bytes(event.frame.data), "<i2"))

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.room.disconnect()


async def test_a_worker_joins_as_the_companion_and_both_hear(
    tmp_path: Path, standin: StandIn
) -> None:
    tokens = door(standin.url)
    async with serving(tmp_path, rooms=livekit_rooms()) as (worker, control):
        opened = await control.open_room(
            standin.url, tokens.token(COMPANION, "call-1"), "p-1", "voice"
        )
        leg = await dial_leg(
            LegAddress(leg=opened.leg, address=control.address, key=opened.key, transport="livekit")
        )
        seen: list[Any] = []

        async def listen() -> None:
            async for event in leg.events():
                seen.append(event)

        listening = asyncio.create_task(listen())
        guest = Guest()
        await guest.join(standin.url, tokens.token("p-1", "call-1"))
        await until(lambda: any(isinstance(event, Connected) for event in seen))
        loud = (9000 * np.sin(2 * np.pi * 300 * np.arange(72_000) / 24_000)).astype("<i2")
        leg.play(0, loud.tobytes())
        await until(lambda: any(np.abs(piece.astype(int)).max() > 3000 for piece in guest.heard))
        await until(lambda: _level(seen) > 1000)
        leg.tell(b"hello")
        await until(lambda: guest.told == [b"hello"])
        await guest.room.local_participant.publish_data(b"hi", topic="events")
        await until(lambda: Typed(data=b"hi") in seen)
        await guest.leave()
        await until(lambda: seen[-1] == Gone(reason="hung_up"))
        await until(lambda: not worker.legs)
        listening.cancel()


async def test_the_face_is_published_as_the_companions_camera(
    tmp_path: Path, standin: StandIn
) -> None:
    """What a render worker encodes is taken apart for the SDK; what that publishes can be shown.

    The guest subscribes to it; what the stand-in forwards of pictures says nothing of LiveKit.
    """
    tokens = door(standin.url)
    async with serving(tmp_path, rooms=livekit_rooms()) as (_, control):
        opened = await control.open_room(
            standin.url, tokens.token(COMPANION, "call-1"), "p-1", "video"
        )
        address = LegAddress(
            leg=opened.leg, address=control.address, key=opened.key, transport="livekit"
        )
        leg = await dial_leg(address)
        guest = Guest()
        await guest.join(standin.url, tokens.token("p-1", "call-1"))
        async with asyncio.timeout(20):
            async for event in leg.events():
                if isinstance(event, Connected):
                    break
        face = Card(await dial_face(address))
        await until(lambda: guest.cameras == 1)
        (companion,) = [one for one in standin.people if one.identity == COMPANION]
        ((info, track),) = [one for one in companion.published if one[1].kind == "video"]
        assert (info.name, info.source) == ("face", rtc.TrackSource.SOURCE_CAMERA)
        watching = standin.relay.subscribe(track)
        try:
            async with asyncio.timeout(20):
                seen = [await watching.recv() for _ in range(5)]
        except TimeoutError:
            came = await companion.told_of_pictures()
            pytest.fail(f"no picture: {face.count} drawn, {face.wanted} wanted, {came} came")
        assert {(frame.width, frame.height) for frame in seen} == {(256, 256)}
        assert seen[-1].to_ndarray(format="gray").std() > 5, "there is something to be seen"
        face.close()
        await leg.aclose("done")
        await guest.leave()


def _level(seen: list[Any]) -> float:
    pcm = b"".join(event.pcm for event in seen if isinstance(event, Heard))
    return float(np.abs(np.frombuffer(pcm[-16_000:], "<i2").astype(int)).mean()) if pcm else 0.0


async def test_a_token_of_somebody_else_is_not_joined_with(
    tmp_path: Path, standin: StandIn
) -> None:
    forged = api.AccessToken(KEY, "another secret, as long as the right one").with_identity("x")
    forged.with_grants(api.VideoGrants(room_join=True, room="call-1"))
    async with serving(tmp_path, rooms=livekit_rooms()) as (worker, control):
        with pytest.raises(LegRefused):
            await control.open_room(standin.url, forged.to_jwt(), "p-1", "voice")
        assert not worker.legs
    assert standin.refused


def test_a_token_is_for_one_room_and_for_minutes() -> None:
    claims = api.TokenVerifier(KEY, SECRET).verify(door("ws://x").token("p-1", "call-9"))
    assert claims.identity == "p-1"
    assert claims.video is not None
    assert (claims.video.room_join, claims.video.room) == (True, "call-9")
    assert not claims.video.room_admin
    assert not claims.video.room_create


def test_a_webhook_is_believed_only_when_signed() -> None:
    body = '{"event": "participant_left"}'
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    signed = api.AccessToken(KEY, SECRET).with_sha256(digest).to_jwt()
    assert door("ws://x").reported(body, signed) == "participant_left"
    for wrong_body, token in ((body + " ", signed), (body, "x.y.z"), (body, "")):
        with pytest.raises(Unauthorized):
            door("ws://x").reported(wrong_body, token)
    off = LiveKitDoor(LiveKitSettings(), SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        off.reported(body, signed)
