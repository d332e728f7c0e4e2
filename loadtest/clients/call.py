"""A person's phone in a WebRTC call: offers, speaks recorded lines, and measures what it hears.

The offer goes to `POST /v1/calls` as WHIP has it (RFC 9725), the way the web app does it. What
is measured is what a person perceives: how long until the companion is heard, and every hole.
"""

import asyncio
import contextlib
import fractions
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import av
import msgspec
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from loadtest.clients.http import Http
from loadtest.clients.landed import Landed
from loadtest.clients.listening import Listening
from loadtest.clients.wire import Trouble

if TYPE_CHECKING:
    from loadtest.people import Person

RATE: Final = 48_000
FRAME: Final = RATE // 50
QUIET: Final = bytes(FRAME * 2)
LOOK_SECONDS: Final = 0.02
SILENT_DB: Final = -96.0


class Mouth(MediaStreamTrack):
    """The microphone: silence, and lines of 48 kHz mono when told to speak."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._due: deque[bytes] = deque()
        self._began: float | None = None
        self._pts = 0
        self.said: asyncio.Future[float] | None = None

    def say(self, pcm: bytes) -> "asyncio.Future[float]":
        """Speak now; the moment when the last of it left."""
        step = FRAME * 2
        pieces = (pcm[i : i + step] for i in range(0, len(pcm), step))
        self._due.extend(piece.ljust(step, b"\0") for piece in pieces)
        self.said = asyncio.get_running_loop().create_future()
        return self.said

    async def recv(self) -> av.AudioFrame:
        """20 ms, when they are due."""
        now = time.perf_counter()
        if self._began is None:
            self._began = now
        due = self._began + self._pts / RATE
        if due > now:
            await asyncio.sleep(due - now)
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._due.popleft() if self._due else QUIET)
        frame.sample_rate, frame.pts = RATE, self._pts
        frame.time_base = fractions.Fraction(1, RATE)
        self._pts += FRAME
        if not self._due and self.said is not None and not self.said.done():
            self.said.set_result(time.perf_counter())
        return frame


def level_db(frame: av.AudioFrame) -> float:
    """How loud, relative to full scale."""
    samples = frame.to_ndarray().astype(np.float32)
    power = float(np.mean(np.square(samples))) / 32_768**2
    return 10 * float(np.log10(power)) if power > 1e-10 else SILENT_DB


class Call:
    """`async with person.call(room) as call`: connected. Raises Trouble."""

    def __init__(self, person: "Person", room: str, kind: str = "voice") -> None:
        self._person, self._room, self._kind = person, room, kind
        self.listening = Listening()
        self.mouth = Mouth()
        self.captions: list[dict[str, Any]] = []
        self.answered_at = 0.0
        self.ended = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._landed: Landed | None = None
        self._location = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        begun = time.perf_counter()
        self._peer.addTrack(self.mouth)
        self._landed = Landed(self._peer.getTransceivers()[0].receiver)
        self._offering(self._peer)
        events = self._peer.createDataChannel("events")
        events.on("message", self._event)
        self._peer.on("track", self._track)
        self._peer.on("connectionstatechange", self._state)
        try:
            await self._connect(begun)
        except BaseException:
            await self._close()
            raise
        self._person.connected(1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._person.connected(-1)
        with contextlib.suppress(Trouble):
            await self._request("DELETE", self._location, b"")
        await self._close()

    async def _close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        self.mouth.stop()
        await self._peer.close()

    async def _connect(self, begun: float) -> None:
        measures = self._person.measures
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = self._peer.localDescription.sdp.encode()
        path = f"/v1/calls?room={quote(self._room)}&kind={self._kind}"
        answer, self._location = await self._request("POST", path, offer)
        self.answered_at = time.perf_counter()
        measures.time("call_answer", self.answered_at - begun)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))
        await self._until(lambda: self.listening.frames > 0, "no_sound")
        measures.time("call_connected", time.perf_counter() - begun)

    async def _request(self, method: str, path: str, body: bytes) -> tuple[bytes, str]:
        seconds, person = self._person.timeout_seconds, self._person
        http = Http()
        await http.open(person.target(), person.source, seconds)
        try:
            headers = {"authorization": f"Bearer {person.account.token}"}
            if body:
                headers["content-type"] = "application/sdp"
            answer = await http.request(method, path, headers, body, seconds)
        finally:
            http.close()
        if answer.status >= 400:
            raise Trouble(_code(answer.body) or f"http_{answer.status}")
        return answer.body, answer.location

    # --- what comes

    def _state(self) -> None:
        if self._peer.connectionState in {"failed", "closed"}:
            self.ended.set()

    def _event(self, data: str | bytes) -> None:
        try:
            event = msgspec.json.decode(data)
        except msgspec.DecodeError:
            self._person.measures.error("bad_event")
            return
        if event.get("type") == "call.caption":
            self.captions.append(event)
        elif event.get("type") == "call.ended":
            self.ended.set()

    def _track(self, track: MediaStreamTrack) -> None:
        take = self._heard if track.kind == "audio" else self._saw
        task = asyncio.get_running_loop().create_task(self._drain(track, take))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, track: MediaStreamTrack, take: Callable[[Any], None]) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                take(await track.recv())

    def _offering(self, peer: RTCPeerConnection) -> None:
        """What else this person wants to get, before it is offered."""

    def _heard(self, frame: av.AudioFrame) -> None:
        listening, measures = self.listening, self._person.measures
        gaps = len(listening.gaps)
        sent = None if frame.pts is None else frame.pts / RATE
        landed_at = self._landed.at(frame.pts) if self._landed is not None else None
        listening.frame(time.perf_counter(), level_db(frame), sent, landed_at)
        measures.count("sound_frames")
        if len(listening.gaps) > gaps:
            measures.count("sound_gaps")
        elif listening.late_seconds:
            measures.time("sound_late", listening.late_seconds.pop())

    def _saw(self, frame: av.VideoFrame) -> None:
        """A voice call shows nothing."""

    # --- talking

    async def _until(self, condition: Any, otherwise: str) -> None:
        deadline = time.perf_counter() + self._person.timeout_seconds
        while not condition():
            if self.ended.is_set():
                raise Trouble("call_ended")
            if time.perf_counter() > deadline:
                raise Trouble(otherwise)
            await asyncio.sleep(LOOK_SECONDS)

    async def greeted(self) -> None:
        """Wait until the companion has greeted and is quiet again. Raises Trouble."""
        await self._until(lambda: self.listening.spell is not None, "no_greeting")
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is being said. Raises Trouble."""
        await self._until(lambda: self.listening.over(time.perf_counter()), "never_quiet")

    async def say(self, pcm: bytes) -> float:
        """Speak a line and wait for the first sound of the answer: voice to voice, in seconds.

        Its packet has been there for a while by then: what lies between is this phone's buffer.
        """
        measures = self._person.measures
        measures.count("turns")
        said_at = await self.mouth.say(pcm)
        await self._until(lambda: self.listening.began_since(said_at) is not None, "no_answer")
        heard_at = self.listening.began_since(said_at)
        assert heard_at is not None
        measures.time("voice_to_voice", heard_at - said_at)
        spell = self.listening.spell
        if spell is not None and spell.landed_at is not None:
            measures.time("voice_to_packet", spell.landed_at - said_at)
        measures.count("replies")
        return heard_at - said_at


def _code(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body).get("code", ""))
    except (msgspec.DecodeError, AttributeError):
        return ""
