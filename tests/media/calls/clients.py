"""People at the other end of a WebRTC call, played by stock aiortc: they speak and hear."""

import asyncio
import contextlib
import fractions
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from media.calls.control import Control
from media.calls.holding import WorkerLeg, dial_leg
from media.calls.leg import Connected, LegAddress
from media.calls.rtc import RtcEngine
from media.calls.serving import Worker
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE

KEY = "the worker's key"


class Microphone(MediaStreamTrack):
    """48 kHz mono sound in frames of 20 ms, in real time; silence once it is over."""

    kind = "audio"

    def __init__(self, sound: np.ndarray | None = None) -> None:
        super().__init__()
        self._sound = sound if sound is not None else np.zeros(0, np.int16)
        self._at = 0
        self._began = 0.0

    async def recv(self) -> Any:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        while loop.time() < self._began + self._at / 48_000:  # noqa: ASYNC110
            await asyncio.sleep(0.004)
        if self.readyState != "live":
            raise MediaStreamError
        piece = self._sound[self._at : self._at + 960]
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(np.pad(piece, (0, 960 - len(piece))).astype("<i2").tobytes())
        frame.pts, frame.sample_rate = self._at, 48_000
        frame.time_base = fractions.Fraction(1, 48_000)
        self._at += 960
        return frame


class Person:
    """A peer connection that offers, and keeps what it hears (48 kHz mono) and is told."""

    def __init__(
        self,
        microphone: MediaStreamTrack | None = None,
        *,
        video: bool = False,
        ice: list[Any] | None = None,
        configuration: RTCConfiguration | None = None,
    ) -> None:
        self.pc = RTCPeerConnection(configuration or RTCConfiguration(iceServers=ice or []))
        self.heard: list[np.ndarray] = []
        self.pictures: list[Any] = []
        self.said: list[str] = []
        self.connected = asyncio.Event()
        self.channel = self.pc.createDataChannel("events")
        self.channel.on("message", self.said.append)
        self.pc.on("track", self._on_track)
        self.pc.on("connectionstatechange", self._on_state)
        if microphone is not None:
            self.pc.addTrack(microphone)
        else:
            self.pc.addTransceiver("audio", direction="recvonly")
        if video:
            self.pc.addTransceiver("video", direction="recvonly")
        self._tasks: list[asyncio.Task[None]] = []

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def answered(self, sdp: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    @property
    def sound(self) -> np.ndarray:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)

    def _on_state(self) -> None:
        if self.pc.connectionState == "connected":
            self.connected.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if track.kind == "audio":
                    stereo = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                    self.heard.append(stereo[:, 0].copy())
                else:
                    self.pictures.append(frame)

    async def close(self) -> None:
        await self.pc.close()
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def serving(folder: Path, **options: Any) -> AsyncIterator[tuple[Worker, Control]]:
    """A worker on a socket in this process, and a gateway's link to it."""
    worker = Worker(options.pop("engine", None) or RtcEngine(), KEY, **options)
    path = str(folder / "worker.sock")
    server = await asyncio.get_running_loop().create_unix_server(worker.link, path)
    control = await Control(f"unix:{path}", KEY).connect()
    try:
        yield worker, control
    finally:
        control.close()
        await worker.aclose()
        server.close()


async def call(control: Control, person: Person, kind: Any = "voice", ice: Any = ()) -> WorkerLeg:
    """Offer, answer, and the holder's end of the leg."""
    opened = await control.open_leg(await person.offer(), kind, ice)
    leg = await dial_leg(
        LegAddress(leg=opened.leg, address=control.address, key=opened.key, transport="webrtc")
    )
    await person.answered(opened.answer)
    return leg


async def echo(leg: WorkerLeg, until: Callable[[Any], bool] = lambda _: False) -> list[Any]:
    """A holder that plays back what it hears; returns the events without sound."""
    seen: list[Any] = []
    leg.flush(1)
    async for event in leg.events():
        if hasattr(event, "pcm"):
            heard = np.frombuffer(event.pcm, "<i2").astype(np.float32)
            count = len(heard) * PLAYOUT_RATE // HEARING_RATE
            at = np.arange(count) * HEARING_RATE / PLAYOUT_RATE
            leg.play(1, np.interp(at, np.arange(len(heard)), heard).astype("<i2").tobytes())
        seen.append(event)
        if until(event):
            break
    return seen


__all__ = ["KEY", "Connected", "Microphone", "Person", "call", "echo", "serving"]
