"""A device under the virtual clock: it keeps a session and a number, and checks every frame.

Its transport delivers at once, or keeps what comes while it is paused. It has a descriptor of its
own making, so that entries take the way past everything too (realtime/lanes.py).
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from realtime.lanes import NOT_NOW, Lane
from realtime.socket import Socket
from realtime.told import Told
from tests.realtime.simulated import Node, World

_descriptors = itertools.count(1_000_000)
_open: dict[int, "Peer"] = {}
written: list[int] = []  # how many frames went past everything


def write(fd: int, data: bytes) -> int:
    """The kernel's part, for realtime/lanes.py."""
    return _open[fd].take(data)  # a closed one is written to by mistake


def _payload(frame: bytes) -> bytes:
    return frame[2:] if frame[1] < 126 else frame[4:]


class Peer:
    """A transport that delivers at once, or keeps what comes while it is paused."""

    def __init__(self, device: "Device") -> None:
        self.paused = False
        self.lane: Lane | None = None
        self._device: Device | None = device
        self._waiting: list[bytes] = []
        self._fd = next(_descriptors)
        _open[self._fd] = self

    @property
    def clear(self) -> int:
        """Whom to write to at once."""
        return NOT_NOW if self._waiting or self.paused else self._fd

    def take(self, frame: bytes) -> int:
        """What is written at once; now and then all of it is left for later."""
        if self.paused or self._waiting or self._device is None:
            raise BlockingIOError
        written.append(self._fd)
        if len(written) % 7 == 0:
            return 0
        self.write([_payload(frame)])
        return len(frame)

    def rest(self, data: bytes) -> None:
        """What was left."""
        if self.lane is not None:
            self.lane.fd = NOT_NOW
        self.write([_payload(data)])

    def write(self, payloads: Sequence[bytes]) -> None:
        self._waiting += payloads
        if not self.paused:
            self.let_go()

    def entry(self, seq: int, told: Told) -> None:
        """The short way."""
        self.write([told.frame(seq, "json")])

    def let_go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for payload in waiting:
            if self._device is not None:
                self._device.take(msgspec.json.decode(payload))

    def close(self, code: int, reason: str) -> None:
        if self._device is not None:
            self._device.closed_by(code)

    def cut(self) -> None:
        self._device = None
        _open.pop(self._fd, None)


class Device:
    """A client that keeps a session and a number, and checks each frame as it comes."""

    def __init__(self, world: World, person: str) -> None:
        self.world, self.person = world, person
        self.node: Node | None = None
        self.session = self.epoch = ""
        self.seq = 0
        self.begun = False
        self.begun_at: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.durable: list[tuple[str, str]] = []
        self.resyncs = self.resumes = 0
        self.codes: list[int] = []
        self.pending: dict[str, dict[str, Any]] = {}
        self.acked: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._socket: Socket | None = None
        self._peer: Peer | None = None

    @property
    def live(self) -> bool:
        return self._socket is not None and self._socket.session.state == "live"

    # --- the connection

    def connect(self, node: Node) -> None:
        self.lose()
        self.node, self._peer = node, Peer(self)
        self._socket = Socket(node.realtime, self._peer, "json")
        self._socket.out.direct = self._peer
        node.realtime.sockets.add(self._socket)
        self._socket.opened()
        ask: dict[str, Any] = {"type": "auth", "id": "hi", "token": self.person}
        if self.session:
            where = {"session": self.session, "epoch": self.epoch, "seq": self.seq}
            ask = {**ask, "type": "resume", **where}
        self._socket.received(msgspec.json.encode(ask))

    def lose(self) -> None:
        socket, peer = self._socket, self._peer
        self._socket = self._peer = self.node = None
        if peer is not None:
            peer.cut()
        if socket is not None:
            socket.lost()

    def closed_by(self, code: int) -> None:
        self.codes.append(code)
        asyncio.get_running_loop().call_soon(self.lose)

    def slow_down(self) -> None:
        if self._peer is not None and self._socket is not None and not self._peer.paused:
            self._peer.paused = True
            self._socket.stuck()

    def speed_up(self) -> None:
        if self._peer is not None and self._socket is not None and self._peer.paused:
            self._peer.paused = False
            self._peer.let_go()
            self._socket.writable()

    # --- what it says

    def say(self, room: str) -> None:
        key = f"{self.person}-{id(self)}-{next(self._ids)}"
        command = {"type": "message.send", "id": key, "key": key, "room": room, "text": "x"}
        self.pending[key] = command
        self.again(key)

    def again(self, key: str) -> None:
        if self._socket is not None and self.live:
            self._socket.received(msgspec.json.encode(self.pending[key]))

    def ping(self) -> None:
        if self._socket is not None and self.live:
            self._socket.received(b'{"type":"ping","seq":%d}' % self.seq)

    # --- what it hears

    def take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "ready" | "resync":
                self.resyncs += self.begun
                self.begun = True
                world = self.world
                self.begun_at = {room: len(world.durable(room)) for room in world.members}
                self._take_session(frame)
                self.texts, self.durable = {}, []
            case "resumed":
                assert frame["seq"] == self.seq, (frame, self.seq)
                self.resumes += 1
                self._take_session(frame)
            case "ack":
                self.pending.pop(frame["id"], None)
                if frame.get("message"):
                    first = self.acked.setdefault(frame["id"], frame["message"])
                    assert first == frame["message"], "a repeat gets the first answer"
            case "error":
                assert frame.get("retryable"), frame
            case _ if "seq" in frame:
                assert frame["seq"] == self.seq + 1, (frame, self.seq)
                self.seq = frame["seq"]
                self._event(frame)

    def _take_session(self, frame: dict[str, Any]) -> None:
        self.session, self.epoch, self.seq = frame["session"], frame["epoch"], frame["seq"]

    def _event(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "message.created":
                self._once(("created", frame["message"]["id"]))
            case "reply.started":
                self._once(("started", frame["reply"]))
                self.texts[frame["reply"]] = ""
            case "reply.delta" if frame["reply"] in self.texts:
                assert frame["offset"] == len(self.texts[frame["reply"]]), frame
                self.texts[frame["reply"]] += frame["text"]
            case "reply.done":
                self._once(("done", frame["reply"]))
                if frame["reply"] in self.texts:
                    assert frame["text"] == self.texts[frame["reply"]], frame

    def _once(self, event: tuple[str, str]) -> None:
        assert event not in self.durable, f"{event} came twice"
        self.durable.append(event)
