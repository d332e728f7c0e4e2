"""The official JavaScript client, in a Node process of its own (tests/js/client.mjs).

It checks what tests/realtime/io_client.py checks, on what the process tells.
"""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import orjson

from tests.realtime.io_client import IoClient

SCRIPT = Path(__file__).parent.parent / "js" / "client.mjs"


class JsClient(IoClient):
    """`modules` is where the client is installed; several urls are several nodes."""

    def __init__(
        self,
        modules: Path,
        urls: str | list[str],
        token: str,
        transports: list[str] | None = None,
    ) -> None:
        self.urls = [urls] if isinstance(urls, str) else urls
        super().__init__(self.urls[0], token, transports)
        self.transport = ""
        self.paused = False
        self.modules = modules
        self._numbers = itertools.count(1)
        self._callbacks: dict[int, asyncio.Future[Any]] = {}
        self._node: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start Node and connect, without waiting for what comes of it."""
        self._node = await asyncio.create_subprocess_exec(
            "node",
            str(self.modules / "client.mjs"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**22,
        )
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: self.news.set())
        self.order("connect", to=self.urls, token=self.token, transports=self.transports)

    async def __aenter__(self) -> "JsClient":
        await self.start()
        await self.until(lambda: bool(self.session))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._node is not None
        assert self._node.stdin is not None
        assert self._reading is not None
        self._node.stdin.close()
        await asyncio.wait([asyncio.create_task(self._node.wait())], timeout=5)
        if self._node.returncode is None:
            self._node.kill()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def order(self, order: str, **rest: Any) -> None:
        assert self._node is not None
        assert self._node.stdin is not None
        self._node.stdin.write(orjson.dumps({"order": order, **rest}) + b"\n")

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        return await self.call("emit", kind=kind, args=[fields])

    async def call(self, order: str, **rest: Any) -> dict[str, Any]:
        """An order with a callback; what that is given."""
        number = next(self._numbers)
        answer = self._callbacks[number] = asyncio.get_running_loop().create_future()
        self.order(order, number=number, **rest)
        return await asyncio.wait_for(answer, 20)  # type: ignore[no-any-return]

    async def drop(self) -> None:
        self.order("cut")

    async def until(self, true: Any) -> None:
        while not true():
            assert self._reading is not None
            if self._reading.done():
                self._reading.result()
                raise AssertionError("Node has ended")
            self.news.clear()
            await self.news.wait()

    async def _read(self) -> None:
        assert self._node is not None
        assert self._node.stdout is not None
        while line := await self._node.stdout.readline():
            told = orjson.loads(line)
            if "event" in told:
                await self._event(told["event"], told["frame"])
            elif "number" in told:
                self._callbacks.pop(told["number"]).set_result(told["frame"])
            elif "refused" in told:
                await self._refused(told)
            elif "disconnected" in told:
                await self._disconnected(told["disconnected"])
            else:
                self.paused = told.get("paused", self.paused)
                self.transport = told.get("connected") or told.get("transport") or self.transport
                self.news.set()
