"""A person with python-socketio's own client, who checks what is promised on every event.

Reconnecting is the library's; what is ours is the `auth` function, which resumes.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import socketio

OPENINGS = {"ready", "resumed", "resync"}


class IoClient:
    """`async with IoClient(url, token) as client`; then `ask`, `until`, `done`."""

    def __init__(self, url: str, token: str, transports: list[str] | None = None) -> None:
        self.url, self.token = url, token
        self.transports = transports or ["websocket"]
        self.session = self.epoch = ""
        self.seq = 0
        self.frames: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}
        self.dones: dict[str, dict[str, Any]] = {}
        self.refusals: list[Any] = []
        self.closed_with: dict[str, Any] | None = None
        self.down: list[str] = []
        self.news = asyncio.Event()
        self.io = socketio.AsyncClient(
            reconnection_delay=0.01, reconnection_delay_max=0.05, randomization_factor=0
        )
        self.io.on("*", self._event)
        self.io.on("connect_error", self._refused)
        self.io.on("disconnect", self._disconnected)

    def auth(self) -> dict[str, Any]:
        """What the connect packet says: a new session, or the one we have."""
        where = {"session": self.session, "epoch": self.epoch, "seq": self.seq}
        return {"token": self.token, **(where if self.session else {})}

    async def __aenter__(self) -> "IoClient":
        await self.connect(self.url)
        await self.until(lambda: bool(self.session))
        return self

    async def connect(self, url: str) -> None:
        await self.io.connect(url, transports=self.transports, auth=self.auth, wait_timeout=10)

    async def __aexit__(self, *_: object) -> None:
        await self.io.shutdown()

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Emit a command; what its callback is given."""
        answer = await self.io.call(kind, fields, timeout=20)
        assert isinstance(answer, dict)
        return answer

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(45):
            while not true():
                self.news.clear()
                await self.news.wait()

    async def done(self, reply: str) -> dict[str, Any]:
        await self.until(lambda: reply in self.dones)
        assert self.texts[reply] == self.dones[reply]["text"]
        return self.dones[reply]

    async def drop(self) -> None:
        """The network is cut, without a word."""
        self.io.eio.ws._response.connection.transport.abort()

    @property
    def kinds(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    async def _event(self, kind: str, frame: dict[str, Any]) -> None:
        if kind == "close":
            self.closed_with = frame
        else:
            assert frame["type"] == kind
            self._check(kind, frame)
            self.frames.append(frame)
        self.news.set()

    def _check(self, kind: str, frame: dict[str, Any]) -> None:
        if kind in OPENINGS:
            assert kind != "resumed" or frame["seq"] == self.seq
            self.session, self.epoch, self.seq = frame["session"], frame["epoch"], frame["seq"]
        elif "seq" in frame:
            assert frame["seq"] == self.seq + 1, (frame, self.seq)
            self.seq = frame["seq"]
        if kind == "reply.delta":
            text = self.texts.get(frame["reply"], "")
            assert frame["offset"] == len(text)
            self.texts[frame["reply"]] = text + frame["text"]
        elif kind == "reply.done":
            assert frame["reply"] not in self.dones
            self.dones[frame["reply"]] = frame

    async def _refused(self, data: Any) -> None:
        self.refusals.append(data)
        self.news.set()

    async def _disconnected(self, reason: str) -> None:
        self.down.append(reason)
        self.news.set()
