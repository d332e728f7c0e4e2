"""The other doors' clients: Socket.IO against the library's own server, Realtime by its events."""

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import socketio
import uvicorn
import websockets

from loadtest.clients.wire import Trouble
from loadtest.measure import Measures
from loadtest.people import Person, Run
from loadtest.targets import check
from tests.loadtest.small import Small, account, plan


def somebody(port: int, token: str = "t", timeout_seconds: float = 10.0) -> Person:
    target = check(f"http://127.0.0.1:{port}")
    run = Run(
        plan(target, for_seconds=30.0, timeout_seconds=timeout_seconds),
        Measures(),
        time.perf_counter(),
    )
    return Person(run, account(0, token), 0, time.perf_counter())


# --- Socket.IO


class Door:
    """The library's server behind our names: auth payload, event = type, callbacks are acks."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.small = Small()
        self.said: list[dict[str, Any]] = []
        self.refuse = ""
        self.hang_up = 0
        self.sio.on("connect", self.connect)
        self.sio.on("message.send", self.message_send)

    async def connect(self, sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> None:
        if auth["token"] == "wrong":
            refusal = {"code": "token_invalid"}
            raise socketio.exceptions.ConnectionRefusedError("This token is not ours.", refusal)
        self.sio.start_background_task(self.greet, sid)

    async def greet(self, sid: str) -> None:
        await self.sio.emit("hello", {"type": "hello", "heartbeat_ms": 25_000}, to=sid)
        await self.sio.emit("ready", {"session": f"s_{sid}", "epoch": "e", "seq": 0}, to=sid)

    async def message_send(self, sid: str, command: dict[str, Any]) -> dict[str, Any]:
        self.said.append(command)
        if self.refuse:
            return {"type": "error", "id": command["id"], "code": self.refuse, "message": "No."}
        if self.hang_up:
            await self.sio.emit("close", {"code": self.hang_up, "reason": "enough"}, to=sid)
            await self.sio.disconnect(sid)
        self.sio.start_background_task(self.reply, sid, command["room"])
        return {"type": "ack", "id": command["id"], "reply": "m_9"}

    async def reply(self, sid: str, room: str) -> None:
        for n, event in enumerate(self.small._reply("m_9", room)):
            kind = event.pop("type")
            await self.sio.emit(kind, {**event, "seq": n + 1}, to=sid)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        listening = socket.create_server(("127.0.0.1", 0))
        app = socketio.ASGIApp(self.sio)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait([serving], timeout=20)


@pytest.fixture
async def door() -> AsyncIterator[tuple[Door, int]]:
    made = Door()
    async with made.serving() as port:
        yield made, port


async def test_a_conversation_over_socketio(door: tuple[Door, int]) -> None:
    someone = somebody(door[1])
    async with someone.socketio() as client:
        assert someone._run.connected == 1
        done = await client.say("Hello", time.perf_counter())
    assert done.text == "one two three"
    assert door[0].said[0]["room"] == "r_0"
    measures = someone.measures
    for name in ("connect", "sign_in", "ack", "first_token", "reply", "delivery_lag"):
        assert measures.times[name].total_count >= 1, name
    assert measures.counts["replies"] == 1
    assert measures.counts["lost_events"] == measures.counts["repeated_events"] == 0
    assert measures.counts["bytes_in"] > 0
    assert measures.counts["errors"] == measures.counts["losses"] == 0, "leaving is no loss"
    assert someone._run.connected == 0


async def test_socketio_says_why_somebody_is_refused(door: tuple[Door, int]) -> None:
    with pytest.raises(Trouble, match="token_invalid"):
        await somebody(door[1], "wrong").socketio().connect()
    door[0].refuse = "out_of_credits"
    async with somebody(door[1]).socketio() as client:
        with pytest.raises(Trouble, match="out_of_credits"):
            await client.say("Hello", time.perf_counter())


async def test_socketio_tells_the_code_a_connection_ended_with(door: tuple[Door, int]) -> None:
    door[0].hang_up = 4008
    someone = somebody(door[1])
    async with someone.socketio() as client:
        with pytest.raises(Trouble):
            await client.say("Hello", time.perf_counter())
    assert someone.measures.counts["losses"] <= 1
    assert client._closed_with == 4008


# --- Realtime


class Speaker:
    """Answers as OpenAI's Realtime protocol does for text (the GA event names)."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.path = ""
        self.fault = ""
        self.status = "completed"
        self.silent = False
        self._ids = itertools.count(1)

    async def serve(self, ws: websockets.ServerConnection) -> None:
        assert ws.request is not None
        self.headers, self.path = dict(ws.request.headers.raw_items()), ws.request.path
        await self.say(ws, type="session.created", session={"type": "realtime"})
        with contextlib.suppress(websockets.ConnectionClosed):
            async for data in ws:
                await self.take(ws, orjson.loads(data))

    async def say(self, ws: websockets.ServerConnection, **event: Any) -> None:
        await ws.send(orjson.dumps({"event_id": f"event_{next(self._ids)}", **event}).decode())

    async def take(self, ws: websockets.ServerConnection, event: dict[str, Any]) -> None:
        self.got.append(event)
        if self.silent:
            return
        if self.fault:
            await self.say(ws, type="error", error={"type": "invalid", "code": self.fault})
        elif event["type"] == "conversation.item.create":
            for kind in ("added", "done"):
                await self.say(ws, type=f"conversation.item.{kind}", item=event["item"])
        elif event["type"] == "response.create":
            await self.respond(ws)

    async def respond(self, ws: websockets.ServerConnection) -> None:
        response = {"id": "resp_1", "status": "in_progress"}
        await self.say(ws, type="response.created", response=response)
        at = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0}
        await self.say(ws, type="response.output_item.added", **at)
        await self.say(ws, type="response.content_part.added", **at)
        for word in ("one ", "two ", "three"):
            await self.say(ws, type="response.output_text.delta", delta=word, **at)
        await self.say(ws, type="response.output_text.done", text="one two three", **at)
        await self.say(ws, type="response.done", response={**response, "status": self.status})


@pytest.fixture
async def speaker() -> AsyncIterator[tuple[Speaker, int]]:
    made = Speaker()
    protocols = [websockets.Subprotocol("realtime")]
    async with websockets.serve(made.serve, "127.0.0.1", 0, subprotocols=protocols) as server:
        yield made, next(iter(server.sockets)).getsockname()[1]


async def test_a_conversation_over_realtime(speaker: tuple[Speaker, int]) -> None:
    someone = somebody(speaker[1])
    async with someone.realtime("mira vale") as client:
        words = [await client.say("Hello", time.perf_counter()) for _ in range(2)]
    assert words == ["one two three"] * 2
    assert speaker[0].path == "/v1/realtime?model=mira%20vale"
    assert speaker[0].headers["Authorization"] == "Bearer t"
    assert [one["type"] for one in speaker[0].got] == [
        "conversation.item.create", "response.create",
    ] * 2  # fmt: skip
    assert speaker[0].got[0]["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    measures = someone.measures
    counts = {name: one.total_count for name, one in measures.times.items()}
    assert counts == {
        "connect": 1, "sign_in": 1, "ack": 2, "first_token": 2, "inter_token": 4, "reply": 2,
    }  # fmt: skip
    assert measures.counts["deltas"] == 6
    assert measures.counts["errors"] == measures.counts["losses"] == 0, "leaving is no loss"
    assert someone._run.connected == 0


async def test_realtime_counts_how_a_response_ended(speaker: tuple[Speaker, int]) -> None:
    speaker[0].status = "cancelled"
    someone = somebody(speaker[1])
    async with someone.realtime("mira") as client:
        await client.say("Hello", time.perf_counter())
    assert someone.measures.counts["interrupted.cancelled"] == 1


async def test_a_realtime_wait_that_was_given_up_counts(speaker: tuple[Speaker, int]) -> None:
    speaker[0].silent = True
    someone = somebody(speaker[1], timeout_seconds=0.2)
    async with someone.realtime("mira") as client:
        with pytest.raises(Trouble, match="ack_timeout"):
            await client.say("Hello", time.perf_counter())
    for name in ("ack", "first_token", "reply"):
        assert someone.measures.times[name].total_count == 1


async def test_realtime_says_why_something_is_refused(speaker: tuple[Speaker, int]) -> None:
    speaker[0].fault = "insufficient_quota"
    async with somebody(speaker[1]).realtime("mira") as client:
        with pytest.raises(Trouble, match="insufficient_quota"):
            await client.say("Hello", time.perf_counter())
