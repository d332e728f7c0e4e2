"""A small companion on the telephone: greets with a tone, and answers who has spoken.

It says nothing about Kindred's own calls; it is what the caller's measuring is measured with.
"""

import asyncio
import fractions
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av
import numpy as np
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from loadtest.clients.call import FRAME, RATE, level_db
from loadtest.targets import Target, check

TONE = 8_000 * np.sin(np.arange(FRAME) * 2 * np.pi * 500 / RATE)
SIDE = 128
# How loud each 135 ms of a face's speech is, and how far its mouth is open then.
SYLLABLES = np.random.default_rng(8).choice([0.0, 0.1, 0.4, 1.0], 400)


class Voice(MediaStreamTrack):
    """A tone for as long as it is told to, else silence. `speaks`: as loud as its syllables."""

    kind = "audio"

    def __init__(self, speaks: bool = False) -> None:
        super().__init__()
        self.frames_left = 0
        self._speaks = speaks
        self._pts = 0
        self._began = 0.0

    def loudness(self, seconds_ago: float = 0.0) -> float:
        """Of what is being sent, or was."""
        at = time.perf_counter() - self._began - seconds_ago
        return float(SYLLABLES[max(0, int(at / 0.135)) % len(SYLLABLES)])

    async def recv(self) -> av.AudioFrame:
        self._began = self._began or time.perf_counter()
        while time.perf_counter() < self._began + self._pts / RATE:  # noqa: ASYNC110
            await asyncio.sleep(0.004)
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        loud = self.loudness() if self._speaks else 1.0
        sound = TONE * loud * (self.frames_left > 0)
        frame.planes[0].update(sound.astype("<i2").tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._pts, fractions.Fraction(1, RATE)
        self._pts += FRAME
        self.frames_left -= 1
        return frame


class Face(VideoStreamTrack):
    """A grey square with a mouth that opens with its voice, `late_seconds` after it."""

    def __init__(self, voice: Voice, late_seconds: float) -> None:
        super().__init__()
        self._voice, self._late_seconds = voice, late_seconds
        self._began = 0.0
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        self._began = self._began or time.perf_counter()
        while time.perf_counter() < self._began + self._count / 25:  # noqa: ASYNC110
            await asyncio.sleep(0.004)
        picture = np.full((SIDE, SIDE, 3), 170, np.uint8)
        high = round(15 * self._voice.loudness(self._late_seconds))
        picture[75 : 75 + high, 56:72] = 25
        picture[91:92, 56:72] = 25
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count * 3600, fractions.Fraction(1, 90_000)
        self._count += 1
        return frame


class SmallPhone:
    """`thinks_seconds` after the caller's last sound it answers; `refuse` is a typed refusal."""

    def __init__(self) -> None:
        self.thinks_seconds = 0.3
        self.refuse = ""
        self.greets = True
        self.greeting_frames = 40
        self.lips_late_seconds = 0.0
        self.shows = True
        self.hung_up: list[str] = []
        self.asked: list[str] = []
        self._port = 0
        self._peers: dict[str, RTCPeerConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def target(self) -> Target:
        return check(f"http://127.0.0.1:{self._port}")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["SmallPhone"]:
        app = web.Application()
        app.router.add_post("/v1/calls", self._offered)
        app.router.add_delete("/v1/calls/{call}", self._deleted)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            for peer in self._peers.values():
                await peer.close()
            await runner.cleanup()

    async def _offered(self, request: web.Request) -> web.Response:
        self.asked.append(request.query_string)
        if self.refuse:
            return web.json_response({"code": self.refuse}, status=402)
        shows = "kind=video" in request.query_string
        peer, voice = RTCPeerConnection(), Voice(speaks=shows)
        call = f"k_{len(self._peers)}"
        self._peers[call] = peer
        peer.addTrack(voice)
        if shows and self.shows:
            peer.addTrack(Face(voice, self.lips_late_seconds))
        peer.on("track", lambda track: self._spawn(self._listen(track, voice)))
        peer.on("datachannel", lambda channel: channel.send('{"type":"call.caption","text":"hi"}'))
        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        if self.greets:
            voice.frames_left = self.greeting_frames
        return web.Response(
            text=peer.localDescription.sdp, status=201, headers={"Location": f"/v1/calls/{call}"}
        )

    async def _deleted(self, request: web.Request) -> web.Response:
        self.hung_up.append(request.match_info["call"])
        return web.Response(status=204)

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, track: MediaStreamTrack, voice: Voice) -> None:
        spoken, quiet = False, 0
        try:
            while True:
                loud = level_db(await track.recv()) > -45
                quiet = 0 if loud else quiet + 1
                spoken = spoken or loud
                if spoken and quiet * 0.02 >= self.thinks_seconds:
                    spoken = False
                    voice.frames_left = 30
        except MediaStreamError:
            return
