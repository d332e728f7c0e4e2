"""A local server that speaks a streaming recogniser's protocol as Deepgram has it, word by word.

It recognises nothing: 400 ms of sound that is not silent are a word, numbered by where it lies.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import numpy as np
from aiohttp import WSMsgType, web

from tests.media.served import served

WORD_MS = 400
STEP_MS = 200


class Along:
    """One server. `mode` says how it (mis)behaves; `streams` are the connections it had."""

    def __init__(self) -> None:
        self.mode = "fine"
        self.streams: list[One] = []
        self.url = ""
        self.let_go = asyncio.Event()  # in mode "late": finals come now

    @property
    def bytes_heard(self) -> int:
        return sum(len(one.heard) for one in self.streams)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Along"]:
        app = web.Application()
        app.router.add_get("/v1/listen", self._listen)
        async with served(app) as self.url:
            yield self

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if self.mode == "closed":
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        one = One(self, socket, dict(request.query))
        self.streams.append(one)
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    await one.hear(message.data)
                elif message.type is WSMsgType.TEXT:
                    await one.told(json.loads(message.data)["type"])
        finally:
            one.over.set()
        return socket


class One:
    """A connection."""

    def __init__(self, server: Along, socket: web.WebSocketResponse, asked: dict[str, str]) -> None:
        self.asked = asked
        self.heard = bytearray()
        self.orders: list[str] = []
        self.over = asyncio.Event()
        self._server = server
        self._socket = socket
        self._final = 0  # ms
        self._shown = 0

    @property
    def ms(self) -> int:
        return len(self.heard) // 32

    async def hear(self, pcm: bytes) -> None:
        self.heard += pcm
        if self._server.mode == "away" and self.ms >= 600:
            await self._socket.close(code=1011)
        elif self._server.mode == "garbled":
            await self._socket.send_str("<html>")
        elif self.ms - self._shown >= STEP_MS and self.asked["interim_results"] == "true":
            self._shown = self.ms
            await self._send(final=False)

    async def told(self, kind: str) -> None:
        self.orders.append(kind)
        if kind == "Finalize" and self._server.mode == "late":
            await self._server.let_go.wait()
        if kind == "Finalize" and self._server.mode != "mute":
            await self._send(final=True, from_finalize=True)
        elif kind == "CloseStream":
            await self._socket.send_json({"type": "Metadata"})
            await self._socket.close()

    async def _send(self, *, final: bool, from_finalize: bool = False) -> None:
        words = self._words(self._final, self.ms)
        text = " ".join(str(word["punctuated_word"]) for word in words)
        best: dict[str, object] = {"transcript": text, "confidence": 0.9}
        if self._server.mode != "plain":
            best["words"] = words
        result = {
            "type": "Results",
            "start": self._final / 1000,
            "duration": (self.ms - self._final) / 1000,
            "is_final": final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [best]},
        }
        if final:
            self._final = self.ms
        await self._socket.send_json(result)

    def _words(self, since_ms: int, until_ms: int) -> list[dict[str, object]]:
        sound = np.frombuffer(bytes(self.heard), "<i2")
        found: list[dict[str, object]] = []
        for at in range(0, until_ms, WORD_MS):
            middle = at + WORD_MS // 2
            piece = sound[at * 16 : (at + WORD_MS) * 16]
            if since_ms <= middle < until_ms and len(piece) and np.abs(piece).max() > 500:
                said = f"w{at // WORD_MS}"
                times = {"start": at / 1000, "end": (at + WORD_MS) / 1000}
                found.append({"word": said, "punctuated_word": said, "confidence": 0.9, **times})
        return found
