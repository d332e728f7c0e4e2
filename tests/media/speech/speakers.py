"""Local servers that speak the protocols of remote speakers, for tests of our clients.

Their voice is a tone for each word, so that what is heard can be told from silence; how they
(mis)behave is set by `mode`, and what they were asked can be seen.
"""

import asyncio
import base64
import contextlib
import json
import math
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiohttp import web

from tests.media.served import served

RATE = 24_000
CHARACTER_SAMPLES = RATE // 16


def spoken(text: str) -> bytes:
    """A tone for every letter, silence for everything else."""
    sound = bytearray()
    for char in text:
        loud = 8_000 if char.isalnum() else 0
        for at in range(CHARACTER_SAMPLES):
            sound += struct.pack("<h", round(loud * math.sin(at * 0.1)))
    return bytes(sound)


class Studio:
    """One server. `held` keeps the second block back until the test sets `go`."""

    def __init__(self) -> None:
        self.mode = "fine"
        self.asked: list[dict[str, Any]] = []
        self.called = asyncio.Event()
        self.dropped = asyncio.Event()
        self.go = asyncio.Event()
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Studio"]:
        app = web.Application()
        app.router.add_post("/v1/audio/speech", self._openai)
        app.router.add_post("/v1/text-to-speech/{voice}/stream/with-timestamps", self._elevenlabs)
        async with served(app) as self.url:
            yield self

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self._note(request, body, key=request.headers.get("Authorization"))
        if (refused := self._refused()) is not None:
            return refused
        blocks = _cut(spoken(body["input"]), 7_001)
        return await self._stream(request, blocks, "audio/pcm")

    async def _elevenlabs(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self._note(
            request,
            body,
            key=request.headers.get("xi-api-key"),
            voice=request.match_info["voice"],
            format=request.query["output_format"],
        )
        if (refused := self._refused()) is not None:
            return refused
        lines = _lines(body["text"], own_times=self.mode == "own times")
        return await self._stream(request, lines, "application/json")

    def _note(self, request: web.Request, body: dict[str, Any], **more: Any) -> None:
        self.asked.append({**body, **more, "path": request.path})
        self.called.set()

    def _refused(self) -> web.Response | None:
        match self.mode:
            case "busy":
                return web.json_response({"error": {"message": "slow down"}}, status=429)
            case "broken":
                return web.json_response({"error": {"message": "oh no"}}, status=500)
            case "key":
                return web.json_response({"detail": "no such key"}, status=401)
            case "refuses":
                return web.json_response({"error": {"message": "not these words"}}, status=400)
            case "page":
                return web.Response(text="<html>hello</html>", content_type="text/html")
            case "empty":
                return web.Response(body=b"", content_type="audio/pcm")
        return None

    async def _stream(
        self, request: web.Request, blocks: Iterator[bytes], kind: str
    ) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": kind})
        await answer.prepare(request)
        try:
            for place, block in enumerate(blocks):
                if place == 1 and self.mode == "cut":
                    assert request.transport is not None
                    request.transport.abort()
                    return answer
                if (place == 1 and self.mode == "held") or self.mode == "silent":
                    await self.go.wait()
                await answer.write(block)
        except (asyncio.CancelledError, ConnectionError):
            self.dropped.set()
            raise
        return answer


def _cut(sound: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(sound), size):
        yield sound[at : at + size]


def _lines(text: str, *, own_times: bool) -> Iterator[bytes]:
    """Five characters a line: their sound, and when each begins and ends."""
    for first in range(0, len(text), 5):
        part = text[first : first + 5]
        base = 0 if own_times else first
        begins = [(base + n) * CHARACTER_SAMPLES / RATE for n in range(len(part))]
        line = {
            "audio_base64": base64.b64encode(spoken(part)).decode(),
            "alignment": {
                "characters": list(part),
                "character_start_times_seconds": begins,
                "character_end_times_seconds": [b + CHARACTER_SAMPLES / RATE for b in begins],
            },
            "normalized_alignment": None,
        }
        yield json.dumps(line).encode() + b"\n\n"
