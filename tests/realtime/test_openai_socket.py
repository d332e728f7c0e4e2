"""A `/v1/realtime` socket under strain: those who do not read, drains, limits, plain ASGI."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime.openai_socket import Companions
from realtime.transports.openai_realtime import Entrance
from rooms.completion import Spoken
from rooms.errors import NotFound
from rooms.ports import Principal
from rooms.shapes import Usage
from storage.bus.memory import MemoryBus, Store
from tests.live import Client, Live, running
from tests.realtime.node import World, realtime_on
from tests.realtime.openai_talk import create


class Talker:
    """A person on `/v1/realtime`, by a bare socket whose reading can be stopped."""

    def __init__(self, live: Live, person: Client) -> None:
        self.live = live
        self.person = person
        self.ws: Any = None

    async def connect(self) -> Self:
        raw = socket.socket(socket.AF_INET)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.live.port))
        self.ws = await websockets.connect(
            f"ws://127.0.0.1:{self.live.port}/v1/realtime?model=mira",
            sock=raw,
            additional_headers=self.person.headers,
            compression=None,
            max_queue=1,
        )
        assert (await self.next())["type"] == "session.created"
        return self

    async def send(self, event: dict[str, Any]) -> None:
        await self.ws.send(orjson.dumps(event).decode())

    async def next(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(await asyncio.wait_for(self.ws.recv(), 20))
        return event

    async def until(self, kind: str) -> dict[str, Any]:
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def reply(self) -> dict[str, Any]:
        await self.send(create("Hello"))
        await self.send({"type": "response.create"})
        done: dict[str, Any] = (await self.until("response.done"))["response"]
        return done

    async def code(self) -> int:
        """With which code it is closed, once all that was sent is read."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        code: int = self.ws.close_code
        return code


@contextlib.asynccontextmanager
async def house(
    database_url: str, valkey_url: str, tmp_path: Path, **settings: str
) -> AsyncIterator[Live]:
    environment = {f"KINDRED_SOCKETS__{name}": value for name, value in settings.items()}
    async with running(database_url, valkey_url, tmp_path, **environment) as started:
        yield started


async def talker(live: Live) -> Talker:
    return await Talker(live, Client(live, await live.registered())).connect()


async def stop_reading(one: Talker, times: int) -> None:
    """Say something long, have it shown again and again, and read none of it."""
    await one.send(create("x" * 30_000, id="long"))
    await one.until("conversation.item.done")
    one.ws.transport.pause_reading()
    for _ in range(times):
        await one.send({"type": "conversation.item.retrieve", "item_id": "long"})


def seats(live: Live, one: Talker) -> int:
    actor = live.house.realtime.registry.find(one.person.user["id"])
    return len(actor.sockets) if actor is not None else 0


@pytest.mark.stores
async def test_who_asks_for_much_and_reads_nothing_is_cut_off_at_once(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with house(database_url, valkey_url, tmp_path) as live:
        slow = await talker(live)
        await stop_reading(slow, 25)
        while seats(live, slow):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        slow.ws.transport.resume_reading()
        assert await slow.code() in {4008, 1006}


@pytest.mark.stores
async def test_a_reader_that_stops_stops_its_own_reply_and_nobody_elses(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with house(database_url, valkey_url, tmp_path, SLOW_SECONDS="1") as live:
        slow, quick = await talker(live), await talker(live)
        await stop_reading(slow, 8)
        live.script.tokens, live.script.gap_seconds = 400, 0.01
        await slow.send({"type": "response.create"})
        while not live.script.asked:  # noqa: ASYNC110 - it answers at the pace it began with
            await asyncio.sleep(0.01)
        upstream = live.script.connections[0]
        live.script.tokens = 20
        assert (await quick.reply())["status"] == "completed"
        await asyncio.wait_for(upstream.gone.wait(), 20)
        while seats(live, slow):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        receipts: list[Any] = []
        while not receipts:
            answer = await slow.person.rest("GET", "/api/v1/wallet/receipts")
            receipts = answer.json()["items"]
        (line,) = [one for one in receipts[0]["lines"] if one["what"] == "output tokens"]
        assert receipts[0]["status"] == "interrupted"
        assert line["quantity"] <= 3, "no more was asked of the model than it would read"
        assert (await quick.reply())["status"] == "completed"


@pytest.mark.stores
async def test_a_drain_lets_the_reply_be_finished_and_then_says_goodbye(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with house(database_url, valkey_url, tmp_path) as live:
        live.script.gap_seconds = 0.02
        one, idle = await talker(live), await talker(live)
        await one.send(create("Hello"))
        await one.send({"type": "response.create"})
        await one.until("response.output_text.delta")
        drained = asyncio.create_task(live.app.state.drain())
        done = (await one.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(done["output"][0]["content"][0]["text"].split()) == live.script.tokens
        assert await one.code() == 1012
        assert await idle.code() == 1012
        await drained


@pytest.mark.stores
async def test_a_drain_with_no_patience_settles_what_was_said(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with house(database_url, valkey_url, tmp_path) as live:
        live.script.tokens, live.script.gap_seconds = 400, 0.02
        one = await talker(live)
        await one.send(create("Hello"))
        await one.send({"type": "response.create"})
        await one.until("response.output_text.delta")
        await live.house.realtime.drain(0.1)
        holds = "SELECT count(*) FROM holds WHERE state = 'open'"
        assert await live.house.db.fetchval(holds) == 0
        assert (await one.until("response.done"))["response"]["status"] == "cancelled"
        assert await one.code() == 1012


@pytest.mark.stores
async def test_a_session_has_an_end_and_a_person_only_so_many(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    limits = {"OPENAI_SECONDS": "4", "SOCKETS_PER_PERSON": "2"}
    async with house(database_url, valkey_url, tmp_path, **limits) as live:
        person = await live.person()  # the native socket counts as well
        one = await Talker(live, person).connect()
        with pytest.raises(InvalidStatus) as refused:
            await Talker(live, person).connect()
        assert refused.value.response.status_code == 429
        body = orjson.loads(refused.value.response.body or b"")
        assert body["error"]["code"] == "too_many_sockets"
        assert (await one.until("error"))["error"]["code"] == "session_expired"
        assert await one.code() == 1001
        while seats(live, one) > 1:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        await Talker(live, person).connect()
        assert live.house.realtime.addresses["127.0.0.1"] == 2


# --- through any ASGI server, with a companion that says what it is told to


class Saying:
    """See rooms/completion.py `Completion`: words without a model or a wallet."""

    turns = None
    receipt = "rc_1"
    finish_reason = "stop"
    cost_microcredits = 5
    code = None

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self.status: Any = "failed"
        self.said = 0

    @property
    def usage(self) -> Usage:
        return Usage(input_tokens=1, output_tokens=self.said, source="kindred")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.status = "completed" if error is None else "interrupted"

    async def words(self) -> AsyncIterator[str]:
        for word in self._words:
            self.said += 1
            yield word
            await asyncio.sleep(0)


class Plain:
    """A WebSocket over bare ASGI; `stalled` is a server whose peer takes nothing."""

    def __init__(self, words: list[str], query: bytes = b"model=mira") -> None:
        self.saying = Saying(words)
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.scope = {
            "type": "websocket",
            "client": ("192.0.2.1", 5),
            "headers": [(b"authorization", b"Bearer u_ann"), (b"host", b"x")],
            "query_string": query,
            "subprotocols": [],
        }
        self.coming.put_nowait({"type": "websocket.connect"})

    async def card(self, name: str, who: Principal) -> Any:
        if name != "mira":
            raise NotFound("Nobody of this name.", code="companion_not_found")

    async def begin(
        self,
        who: Principal,
        companion: str,
        spoken: list[Spoken],
        most: int | None,
        *,
        by_second: bool,
    ) -> Any:
        assert not by_second
        assert (who.person.id, companion, most) == ("u_ann", "mira", None)
        assert spoken[-1] == Spoken("user", "Hello")
        return self.saying

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.flowing.wait()
        self.sent.put_nowait(message)

    def say(self, event: dict[str, Any]) -> None:
        self.coming.put_nowait({"type": "websocket.receive", "text": orjson.dumps(event).decode()})

    async def told(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self.sent.get(), 10)
        return orjson.loads(message["text"]) if "text" in message else message

    @contextlib.asynccontextmanager
    async def open(self, **settings: float) -> AsyncIterator[Any]:
        node = realtime_on(MemoryBus(Store()), World(), "gw-1", **settings)
        await node.start()
        door = Entrance(node, Companions(card=self.card, begin=self.begin, turn_seconds=5))
        serving = asyncio.create_task(door(self.scope, self.coming.get, self.send))  # type: ignore[arg-type]
        try:
            yield node
            self.coming.put_nowait({"type": "websocket.disconnect", "code": 1000})
            await asyncio.wait_for(serving, 10)
            assert len(node.registry) == 0
            assert not node.addresses
            assert not node.sockets
        finally:
            serving.cancel()
            await node.drain(0.1)


async def test_any_asgi_server_will_do() -> None:
    plain = Plain(["Good ", "evening."])
    async with plain.open():
        assert (await plain.told())["type"] == "websocket.accept"
        assert (await plain.told())["type"] == "session.created"
        plain.say(create("Hello"))
        plain.say({"type": "response.create"})
        told = [await plain.told()]
        while told[-1]["type"] != "response.done":
            told.append(await plain.told())
        assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Good evening."
        plain.coming.put_nowait({"type": "websocket.receive", "bytes": b"\x00"})
        assert (await plain.told())["error"]["code"] == "invalid_json"


async def test_a_server_that_can_say_no_status_is_told_to_close() -> None:
    plain = Plain([], b"model=nobody")
    async with plain.open():
        assert await plain.told() == {
            "type": "websocket.close",
            "code": 4503,
            "reason": "Nobody of this name.",
        }


async def test_behind_any_server_a_peer_that_takes_nothing_ends_its_own_reply() -> None:
    plain = Plain(["x" * 1_000] * 2_000)
    async with plain.open(slow_seconds=0.5, transport_bytes=4_096) as node:
        assert (await plain.told())["type"] == "websocket.accept"
        assert (await plain.told())["type"] == "session.created"
        plain.flowing.clear()
        plain.say(create("Hello"))
        plain.say({"type": "response.create"})
        message = await asyncio.wait_for(plain.sent.get(), 20)
        assert (message["type"], message["code"]) == ("websocket.close", 4008)
        while node.speaking:  # noqa: ASYNC110 - until it is settled
            await asyncio.sleep(0.01)
        assert plain.saying.status == "interrupted"
        assert plain.saying.said < 20
        plain.flowing.set()
