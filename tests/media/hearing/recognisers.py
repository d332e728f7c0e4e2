"""Local servers that speak the protocols of remote recognisers, for tests of our clients.

They recognise nothing: the words are told to them. What they were asked is kept and can be seen.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from tests.media.served import served


class Stand:
    """One server. `mode` says how it (mis)behaves; `asked` is what came."""

    def __init__(self, text: str = "It is a test.") -> None:
        self.text = text
        self.mode = "fine"
        self.asked: list[dict[str, object]] = []
        self.dropped = asyncio.Event()
        self.called = asyncio.Event()
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Stand"]:
        app = web.Application(client_max_size=8_000_000)
        app.router.add_post("/v1/audio/transcriptions", self._transcriptions)
        app.router.add_get("/v1/listen", self._listen)
        async with served(app) as self.url:
            yield self

    async def _transcriptions(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.asked.append(
            {
                "model": form["model"],
                "language": form.get("language"),
                "key": request.headers.get("Authorization"),
                "wav": file.file.read(),
            }
        )
        self.called.set()
        if self.mode == "slow":
            await self._for_ever()
        if self.mode == "busy":
            return web.json_response({"error": {"message": "slow down"}}, status=429)
        if self.mode == "key":
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        if self.mode == "garbled":
            return web.Response(text="<html>hello</html>", content_type="text/html")
        if self.mode == "cut":
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"text": self.text})

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if self.mode == "key":
            return web.Response(status=401)
        if self.mode == "busy":
            return web.Response(status=429)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        heard = bytearray()
        asked = {**request.query, "key": request.headers.get("Authorization"), "heard": heard}
        self.asked.append(asked)
        self.called.set()
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    heard += message.data
                elif message.type is WSMsgType.TEXT:
                    await self._told(socket, json.loads(message.data)["type"])
        finally:
            self.dropped.set()
        return socket

    async def _told(self, socket: web.WebSocketResponse, kind: str) -> None:
        if self.mode == "slow":
            return
        if self.mode == "garbled":
            await socket.send_str("<html>")
        elif self.mode == "cut":
            await socket.close(code=1011)
        elif kind == "Finalize":
            half = self.text.rfind(" ", 0, len(self.text) // 2 + 1)
            await socket.send_json(self._result("not yet", final=False))
            await socket.send_json(self._result(self.text[:half], final=True))
            last = self._result(self.text[half:].strip(), final=True)
            await socket.send_json({**last, "from_finalize": True})
        elif kind == "CloseStream":
            await socket.send_json({"type": "Metadata", "channels": 1})
            await socket.close()

    def _result(self, text: str, *, final: bool) -> dict[str, object]:
        alternative = {"transcript": text, "confidence": 0.9, "words": []}
        return {
            "type": "Results",
            "is_final": final,
            "channel": {"alternatives": [alternative]},
            "channel_index": [0, 1],
        }

    async def _for_ever(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.dropped.set()
