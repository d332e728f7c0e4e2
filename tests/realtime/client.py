"""A client as an app would have it: it reconnects, resumes, and checks what it is promised.

It keeps no more than a session, an epoch and the last number. Every frame is checked on arrival:
numbers without gap or repeat, each message once, each delta where the last one ended.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import websockets

COME_BACK = {1006, 1012, 1011, *range(4000, 4500)}


class Refused(Exception):
    """A command was answered with `error`."""

    def __init__(self, frame: dict[str, Any]) -> None:
        super().__init__(frame["code"])
        self.frame = frame
        self.code: str = frame["code"]


class Client:
    """`async with Client(url, token) as client`; then `ask`, `until`, `text_of`."""

    def __init__(
        self, urls: str | list[str], token: str, *, packed: bool = False, device: str = "test"
    ) -> None:
        """Several urls are several nodes: after a loss the next one is tried."""
        self.urls = [urls] if isinstance(urls, str) else urls
        self.token = token
        self.device = device
        self.session = self.epoch = ""
        self.seq = 0
        self.hello: dict[str, Any] = {}
        self.ready: dict[str, Any] = {}
        self.frames: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}
        self.dones: dict[str, dict[str, Any]] = {}
        self.resumes: list[dict[str, Any]] = []
        self.resyncs: list[dict[str, Any]] = []
        self.closed_with: int | None = None
        self.ws: Any = None
        self.reconnect = True
        self._packed = packed
        self._created: set[str] = set()
        self._ids = itertools.count(2)
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    async def __aenter__(self) -> "Client":
        self._task = asyncio.create_task(self._live(), name="client")
        self._task.add_done_callback(lambda _: self._news.set())
        await self.connected()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.reconnect = False
        if self.ws is not None:
            await self.ws.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def connected(self) -> None:
        """Wait until signed in (again), or until the connection is over for good."""
        assert self._task is not None
        waiting = asyncio.create_task(self._connected.wait())
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    # --- asking and waiting

    async def send(self, command: dict[str, Any]) -> None:
        """A frame, as it is."""
        encode = msgspec.msgpack.encode if self._packed else msgspec.json.encode
        data: Any = encode(command)
        await self.ws.send(data if self._packed else data.decode())

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a command and return its ack; raises Refused. Repeated under its key if lost."""
        command_id = str(next(self._ids))
        answer = self._answers[command_id] = asyncio.get_running_loop().create_future()
        while True:
            await self._connected.wait()
            try:
                await self.send({"type": kind, "id": command_id, **fields})
            except websockets.ConnectionClosed:
                await asyncio.sleep(0)
                continue
            lost = asyncio.create_task(self._lost(self.ws))
            await asyncio.wait([answer, lost], return_when=asyncio.FIRST_COMPLETED)
            lost.cancel()
            if answer.done():
                break
        frame = answer.result()
        if frame["type"] == "error":
            raise Refused(frame)
        return frame

    async def _lost(self, ws: Any) -> None:
        await ws.wait_closed()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so, looking whenever a frame came or the connection changed."""
        assert self._task is not None
        while not true():
            if self._task.done() and self._task.exception() is not None:
                await self._task
            self._news.clear()
            await self._news.wait()

    async def done(self, reply: str) -> dict[str, Any]:
        """The reply's end; its text is what the deltas said."""
        await self.until(lambda: reply in self.dones)
        done = self.dones[reply]
        assert self.texts.get(reply, "") == done["text"], (self.texts.get(reply), done["text"])
        return done

    async def over(self) -> int:
        """Wait until the connection is over for good; the code it ended with."""
        assert self._task is not None
        await asyncio.wait([self._task])
        assert self.closed_with is not None
        return self.closed_with

    def drop(self) -> None:
        """Lose the connection without a word."""
        self._connected.clear()
        self.ws.transport.abort()

    # --- living

    async def _live(self) -> None:
        urls = itertools.cycle(self.urls)
        while self.reconnect or not self.session:
            url = next(urls)
            try:
                await self._connect(url)
                await self._read()
            except OSError:
                await asyncio.sleep(0.03)
            except websockets.InvalidStatus as refused:
                if refused.response.status_code != 503:
                    raise
                await asyncio.sleep(0.03)
            except websockets.ConnectionClosed as closed:
                self._connected.clear()
                self.closed_with = closed.rcvd.code if closed.rcvd else 1006
                self._news.set()
                if not self.reconnect or self.closed_with not in COME_BACK:
                    return

    async def _connect(self, url: str) -> None:
        name = "kindred.v1.msgpack" if self._packed else "kindred.v1.json"
        protocols = [websockets.Subprotocol(name)]
        self.ws = await websockets.connect(
            url, subprotocols=protocols, compression=None, max_size=None, ping_interval=None
        )
        self.hello = await self._receive()
        assert self.hello["type"] == "hello"
        opening: dict[str, Any] = {"token": self.token, "id": "1", "device": self.device}
        if self.session:
            where = {"session": self.session, "epoch": self.epoch, "seq": self.seq}
            await self.send({"type": "resume", **opening, **where})
        else:
            await self.send({"type": "auth", **opening})
        self._took(await self._receive())

    def _took(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "ready":
                self.ready = frame
            case "resumed":
                assert frame["seq"] == self.seq
                self.resumes.append(frame)
            case "resync":
                self.resyncs.append(frame)
            case _:
                raise Refused(frame)
        self.session, self.epoch, self.seq = frame["session"], frame["epoch"], frame["seq"]
        self._connected.set()
        self._news.set()

    async def _receive(self) -> dict[str, Any]:
        data = await self.ws.recv()
        decoded = msgspec.msgpack.decode(data) if self._packed else msgspec.json.decode(data)
        assert isinstance(decoded, dict)
        return decoded

    async def _read(self) -> None:
        while True:
            frame = await self._receive()
            self.frames.append(frame)
            if "seq" in frame:
                assert frame["seq"] == self.seq + 1, (frame, self.seq)
                self.seq = frame["seq"]
                self._check(frame)
            elif frame["type"] in {"ack", "error"}:
                answer = self._answers.pop(frame.get("id") or "", None)
                if answer is not None and not answer.done():
                    answer.set_result(frame)
            self._news.set()

    def _check(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "message.created":
                assert frame["message"]["id"] not in self._created
                self._created.add(frame["message"]["id"])
            case "reply.delta":
                text = self.texts.get(frame["reply"], "")
                assert frame["offset"] == len(text), (frame, text)
                self.texts[frame["reply"]] = text + frame["text"]
            case "reply.done":
                assert frame["reply"] not in self.dones
                self.dones[frame["reply"]] = frame

    @property
    def kinds(self) -> list[str]:
        """The types of all frames so far."""
        return [frame["type"] for frame in self.frames]
