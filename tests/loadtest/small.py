"""A small server that speaks just enough of the socket's protocol, and errs when it is told to.

The real one does not lose events or stall on demand; what notices such faults needs one that does.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import websockets

from loadtest.arrivals import Ramp
from loadtest.measure import Measures
from loadtest.people import Person, Run
from loadtest.plan import Account, Plan
from loadtest.targets import Target, check

if TYPE_CHECKING:
    from tests.loadtest.small_phone import SmallPhone


class Small:
    """Sessions live in `events`; `stalled_until` holds every answer back; faults are set freely."""

    def __init__(self) -> None:
        self.port = 0
        self.words = ["one ", "two ", "three"]
        self.stalled_until = 0.0
        self.forget: int | None = None  # this seq is left out of replays
        self.repeat: int | None = None  # this seq comes twice in replays
        self.refuse = ""  # answer messages with this error
        self.silent = False  # take messages and never answer
        self.sources: set[str] = set()
        self.heard = asyncio.Event()
        self.said: list[dict[str, Any]] = []
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.sockets: set[websockets.ServerConnection] = set()
        self._ids = itertools.count(1)

    @property
    def target(self) -> Target:
        return check(f"http://127.0.0.1:{self.port}")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Small"]:
        async with websockets.serve(
            self._serve, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("kindred.v1.json")]
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield self

    async def _serve(self, ws: websockets.ServerConnection) -> None:
        self.sockets.add(ws)
        self.sources.add(ws.remote_address[0])
        session = ""
        try:
            await self._send(ws, {"type": "hello", "heartbeat_ms": 25_000})
            async for data in ws:
                command = orjson.loads(data)
                match command["type"]:
                    case "auth":
                        session = await self._signed_in(ws, command)
                    case "resume":
                        session = await self._resumed(ws, command)
                    case "ping":
                        await self._send(ws, {"type": "pong"})
                    case "message.send":
                        await self._answer(ws, session, command)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.sockets.discard(ws)

    async def _send(self, ws: websockets.ServerConnection, frame: dict[str, Any]) -> None:
        await self._unstalled()
        await ws.send(orjson.dumps(frame).decode())

    async def _unstalled(self) -> None:
        wait = self.stalled_until - time.perf_counter()
        if wait > 0:
            over = asyncio.Event()
            asyncio.get_running_loop().call_later(wait, over.set)
            await over.wait()

    async def _signed_in(self, ws: websockets.ServerConnection, command: dict[str, Any]) -> str:
        if command["token"] == "wrong":
            refusal = {"type": "error", "id": command["id"], "code": "token_invalid"}
            await self._send(ws, refusal)
            return ""
        session = f"s_{next(self._ids)}"
        self.events[session] = []
        who = {"session": session, "epoch": "e", "seq": 0}
        await self._send(ws, {"type": "ready", "id": command["id"], **who})
        return session

    async def _resumed(self, ws: websockets.ServerConnection, command: dict[str, Any]) -> str:
        session = command["session"]
        missed = [one for one in self.events[session] if one["seq"] > command["seq"]]
        missed = [one for one in missed if one["seq"] != self.forget]
        missed = [one for m in missed for one in [m] * (2 if m["seq"] == self.repeat else 1)]
        where = {"session": session, "epoch": "e", "seq": command["seq"]}
        frame = {"type": "resumed", "id": command["id"], "replayed": len(missed), **where}
        await self._send(ws, frame)
        for event in missed:
            await self._send(ws, event)
        return session

    async def _answer(
        self, ws: websockets.ServerConnection, session: str, command: dict[str, Any]
    ) -> None:
        self.said.append(command)
        self.heard.set()
        if self.silent:
            return
        if self.refuse:
            refusal = {"type": "error", "id": command["id"], "code": self.refuse}
            await self._send(ws, refusal)
            return
        reply = f"m_{next(self._ids)}"
        for event in self._reply(reply, command["room"]):
            self.events[session].append(event | {"seq": len(self.events[session]) + 1})
        await self._send(ws, {"type": "ack", "id": command["id"], "reply": reply})
        for event in self.events[session][-len(self.words) - 2 :]:
            await self._send(ws, event)

    def _reply(self, reply: str, room: str) -> list[dict[str, Any]]:
        at = {"at": time.time_ns() // 1_000_000, "room": room, "reply": reply}
        found: list[dict[str, Any]] = [{"type": "reply.started", **at}]
        offset = 0
        for word in self.words:
            found.append({"type": "reply.delta", "offset": offset, "text": word, **at})
            offset += len(word)
        done = {"type": "reply.done", "status": "completed", "text": "".join(self.words)}
        return [*found, {**done, **at}]


def account(number: int = 0, token: str = "t") -> Account:
    return Account(person=f"u_{number}", token=token, room=f"r_{number}")


def plan(target: Target, **changes: Any) -> Plan:
    """A short run by one driver."""
    people = changes.pop("people", 1)
    wanted: dict[str, Any] = {
        "scenario": "chat", "targets": [target], "accounts": [account(n) for n in range(people)],
        "model": "closed", "ramp": Ramp(1000, 1000), "ramp_seconds": 1.0, "for_seconds": 1.0,
        "every_seconds": 0.1, "messages": 3, "timeout_seconds": 10.0, "grace_seconds": 10.0,
        "options": {}, "seed": 1, "poisson": False, "sources": 1_000_000, "driver": 0,
        "drivers": 1, "begin_at": time.perf_counter(),
    }  # fmt: skip
    return Plan(**{**wanted, **changes})


def person(small: "Small | SmallPhone", *, token: str = "t", **changes: Any) -> Person:
    """Somebody who can open a socket to the small server."""
    ordered = plan(small.target, for_seconds=30.0, **changes)
    run = Run(ordered, Measures(), time.perf_counter())
    return Person(run, account(0, token), 0, time.perf_counter())
