"""The far end of a call, as a double: answers offers, sounds, listens, tells events.

It stands where the server's own calls would, so that refusals, losses and odd orders can be had at
will. What it hears and sends is real WebRTC through the real browser.
"""

import asyncio
import json
import math
import threading
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from av import AudioFrame, VideoFrame

RATE = 48_000
PIECE = 960


class Tone(AudioStreamTrack):
    """A tone that is on while `sounding`, or, once there are any, in its `syllables`: from where
    to where, counted in samples like `at`, which have left."""

    def __init__(self) -> None:
        super().__init__()
        self.sounding = True
        self.syllables: list[tuple[int, int]] = []
        self.at = 0

    async def recv(self) -> AudioFrame:
        await super().recv()  # paces 20 ms
        samples = np.arange(PIECE) + self.at
        time = samples / RATE
        loud = 9_000 * (0.6 + 0.4 * np.sin(2 * math.pi * 3 * time)) if self.sounding else 0
        if self.syllables:
            loud = 9_000 * sum((samples >= a) & (samples < b) for a, b in self.syllables)
        pcm = (loud * np.sin(2 * math.pi * 220 * time)).astype(np.int16)
        frame = AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self.at
        frame.time_base = Fraction(1, RATE)
        self.at += PIECE
        return frame


class Card(VideoStreamTrack):
    """A picture whose colour moves."""

    async def recv(self) -> VideoFrame:
        pts, base = await self.next_timestamp()
        picture = np.zeros((240, 320, 3), np.uint8)
        picture[:, :, 1] = (pts // 3000) % 255
        picture[60:180, 100:220] = 230
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, base
        return frame


class FarEnd:
    """Answers a page's offers. `refuse` makes the next offers meet an error instead."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.legs: list[RTCPeerConnection] = []
        self.tones: list[Tone] = []
        self.offers: list[dict[str, str]] = []
        self.hung_up = 0
        self.heard_energy = 0.0
        self.refuse: tuple[int, dict[str, Any]] | None = None
        self.deaf = False
        self.call = "call_1"
        self.filmed = 0  # frames of the page's camera that came
        self.asked: list[dict[str, Any]] = []  # call commands of the page's socket
        self.current: dict[str, Any] | None = None  # what the server says of the person's call
        self._sockets: list[Any] = []
        self._room = ""
        self._tasks: set[asyncio.Task[None]] = set()

    # --- between the page and the server

    def stand_between(self, page: Any) -> None:
        """Take the page's calls, and a hand on its socket."""
        page.route("**/v1/calls**", self._calls)
        page.route_web_socket("**/v1/socket", self._socket)
        page.route(
            "**/api/v1/calls/current", lambda route: route.fulfill(json={"call": self.current})
        )

    def _socket(self, ws: Any) -> None:
        server = ws.connect_to_server()
        self._sockets.append(ws)

        def sent(message: str | bytes) -> None:
            command = json.loads(message) if isinstance(message, str) else {}
            if str(command.get("type", "")).startswith("call."):
                self.asked.append(command)
                ws.send(json.dumps({"type": "ack", "id": command["id"], "call": self.call}))
            else:
                server.send(message)

        ws.on_message(sent)
        server.on_message(ws.send)

    def tell(self, event: str, /, **fields: object) -> None:
        """An event of the call, as the socket would bring it."""
        frame = {"type": event, "room": self._room, "call": self.call, **fields}
        self._sockets[-1].send(json.dumps(frame))

    def _calls(self, route: Any) -> None:
        request = route.request
        if request.method == "POST":
            self._offer(route, request)
        elif request.method == "DELETE":
            self.hung_up += 1
            route.fulfill(status=204)
        else:
            route.fulfill(status=204)

    def _offer(self, route: Any, request: Any) -> None:
        query = request.url.partition("?")[2]
        asked = dict(pair.split("=") for pair in query.split("&"))
        self.offers.append(asked)
        self._room = asked.get("room", self._room)
        assert request.headers["content-type"] == "application/sdp"
        assert request.headers["authorization"].startswith("Bearer ")
        if self.refuse is not None:
            status, body = self.refuse
            kind = "application/problem+json"
            route.fulfill(status=status, content_type=kind, body=json.dumps(body))
            return
        answer = self._run(self._answer(request.post_data))
        headers = {"location": f"/v1/calls/{self.call}", "content-type": "application/sdp"}
        route.fulfill(status=201, headers=headers, body=answer)

    # --- WebRTC

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _answer(self, offer: str) -> str:
        leg = RTCPeerConnection()
        self.legs.append(leg)

        @leg.on("track")
        def _track(track: Any) -> None:
            listen = self._listen if track.kind == "audio" else self._watch
            task = asyncio.ensure_future(listen(track))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        await leg.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        tone = Tone()
        self.tones.append(tone)
        for one in leg.getTransceivers():
            one.sender.replaceTrack(tone if one.kind == "audio" else Card())
            one.direction = "sendrecv"
        await leg.setLocalDescription(await leg.createAnswer())
        sdp: str = leg.localDescription.sdp
        if self.deaf:  # an answer that leads nowhere
            lines = [one for one in sdp.splitlines() if not one.startswith("a=candidate")]
            await leg.close()
            return "\r\n".join(lines) + "\r\n"
        return sdp

    async def _listen(self, track: Any) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            sound = frame.to_ndarray().astype(np.float64) / 32768
            self.heard_energy += float((sound**2).sum())

    async def _watch(self, track: Any) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.filmed += 1

    def drop(self) -> None:
        """The newest connection goes away, as when a worker dies."""
        self._run(self.legs[-1].close())

    def end(self) -> None:
        """Let everything go."""

        async def close() -> None:
            for leg in self.legs:
                await leg.close()

        self._run(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
