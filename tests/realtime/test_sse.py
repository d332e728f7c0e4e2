"""A session over server-sent events: on with it on another node, and one who does not read."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette

from realtime.transports.uvicorn_http import HttpProtocol
from rooms.commands import MessageSend
from storage.bus.memory import MemoryBus, Store
from tests.realtime.client import Client
from tests.realtime.node import Node, World, principal, realtime_on, running


@pytest.fixture
def world() -> World:
    made = World()
    made.members["r_1"] = {"u_ann", "u_bob"}
    return made


@pytest.fixture
def store() -> Store:
    return Store()


class Reader:
    """A person's event stream, wherever it is; `last` is the id to go on from."""

    def __init__(self, person: str) -> None:
        self.person = person
        self.last = ""
        self.frames: list[dict[str, Any]] = []

    async def read(self, node: Node, until: Any) -> dict[str, Any]:
        """Read on, from where we were, until a frame is as wanted; then drop the stream."""
        url = f"http://127.0.0.1:{node.port}/api/v1/events"
        headers = {"authorization": f"Bearer {self.person}"}
        if self.last:
            headers["last-event-id"] = self.last
        async with (
            httpx2.AsyncClient(timeout=20) as http,
            http.stream("GET", url, headers=headers) as it,
        ):
            assert it.status_code == 200
            async for line in it.aiter_lines():
                if line.startswith("id:"):
                    self.last = line[3:].strip()
                if line.startswith("data:"):
                    self.frames.append(orjson.loads(line[5:]))
                    if until(self.frames[-1]):
                        break
        return self.frames[-1]

    def kinds(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    def text(self, reply: str) -> str:
        """The deltas joined, each checked against its offset."""
        text = ""
        for frame in self.frames:
            if frame["type"] == "reply.delta" and frame["reply"] == reply:
                assert frame["offset"] == len(text), "a word was lost or came twice"
                text += frame["text"]
        return text


async def test_a_stream_goes_on_on_another_node_with_every_event_once(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds = 60, 0.01
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        Client(one.url, "u_bob") as bob,
    ):
        ann = Reader("u_ann")
        await ann.read(one, lambda frame: frame["type"] == "ready")
        ack = await bob.ask("message.send", room="r_1", text="Hi")
        for node in (two, one, two, one):  # from node to node, in mid-sentence
            seen = len(ann.text(ack["reply"]))
            await ann.read(node, lambda _: len(ann.text(ack["reply"])) > seen)  # noqa: B023
        done = await ann.read(two, lambda frame: frame["type"] == "reply.done")
        assert ann.text(ack["reply"]) == done["text"]
        assert ann.kinds().count("resumed") == 5
        assert "resync" not in ann.kinds()
        assert ann.kinds().count("message.created") == 1
        numbers = [frame["seq"] for frame in ann.frames if "at" in frame]
        assert numbers == sorted(set(numbers))


async def test_a_stream_is_replaced_where_it_was_when_it_goes_on_elsewhere(
    world: World, store: Store
) -> None:
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
    ):
        ann, again = Reader("u_ann"), Reader("u_ann")
        reading = asyncio.create_task(ann.read(one, lambda _: False))
        while not ann.last and not ann.frames:  # noqa: ASYNC110 - until it is greeted
            await asyncio.sleep(0.01)
        ready = ann.frames[0]
        again.last = f"{ready['session']}/{ready['epoch']}/0"
        await again.read(two, lambda frame: frame["type"] == "resumed")
        await asyncio.wait_for(reading, 10)  # the old stream has ended
        assert ann.kinds() == ["ready"]


async def test_an_unknown_last_event_id_is_told_to_read_again(world: World, store: Store) -> None:
    async with running(MemoryBus(store), world) as node:
        ann = Reader("u_ann")
        ann.last = "s_gone/e_gone/7"
        told = await ann.read(node, lambda frame: frame["type"] in {"ready", "resync"})
        assert (told["type"], told["reason"]) == ("resync", "unknown_session")
        assert told["session"] != "s_gone"


async def test_one_address_has_only_so_many_streams(world: World, store: Store) -> None:
    async with running(MemoryBus(store), world, sockets_per_address=1) as node:
        url = f"http://127.0.0.1:{node.port}/api/v1/events"
        headers = {"authorization": "Bearer u_ann"}
        async with httpx2.AsyncClient(timeout=20) as http:
            async with http.stream("GET", url, headers=headers) as one:
                assert one.status_code == 200
                refused = await http.get(url, headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_sockets")
            while node.realtime.addresses:  # noqa: ASYNC110 - until the node has seen it go
                await asyncio.sleep(0.01)
            ann = Reader("u_ann")
            assert (await ann.read(node, lambda _: True))["type"] == "ready"


class Hasty(HttpProtocol):
    stuck_seconds = 1.0


@contextlib.asynccontextmanager
async def hasty(store: Store, world: World, **settings: float) -> AsyncIterator[Node]:
    """A node whose HTTP gives up soon on a peer that takes nothing."""
    realtime = realtime_on(MemoryBus(store), world, "gw-1", **settings)
    await realtime.start()
    listening = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=realtime.routes())
    config = uvicorn.Config(app, http=Hasty, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield Node(realtime, listening.getsockname()[1], server, app)
    finally:
        await realtime.drain(1.0)
        server.should_exit = True
        await asyncio.wait([serving], timeout=10)


async def open_and_do_not_read(port: int, person: str) -> socket.socket:
    raw = socket.socket(socket.AF_INET)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", port))
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person}\r\n\r\n"
    await loop.sock_sendall(raw, head.encode())
    return raw


async def test_a_stream_nobody_reads_is_cut_off_wholly_and_the_others_hear_all(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds, world.word = 200, 0.001, "x" * 20_000
    async with hasty(store, world) as node:
        raw = await open_and_do_not_read(node.port, "u_ann")
        while node.realtime.registry.find("u_ann") is None:  # noqa: ASYNC110 - until it is there
            await asyncio.sleep(0.01)
        bob = Reader("u_bob")
        reading = asyncio.create_task(bob.read(node, lambda f: f["type"] == "reply.done"))
        while not bob.frames:  # noqa: ASYNC110 - until he is there
            await asyncio.sleep(0.01)
        talk = await node.realtime.command(
            principal("u_bob"), MessageSend(id="1", room="r_1", text="Hi"), "key"
        )
        done = await asyncio.wait_for(reading, 40)
        assert bob.text(talk.reply or "") == done["text"]
        assert len(done["text"]) > 4_000_000
        while node.realtime.registry.find("u_ann") is not None:  # noqa: ASYNC110 - until it is not
            await asyncio.sleep(0.01)
        while node.server.server_state.connections:  # noqa: ASYNC110 - nothing is kept of it
            await asyncio.sleep(0.01)
        assert await all_of(raw) < 1_000_000


async def all_of(raw: socket.socket) -> int:
    """How many bytes still come, until the end."""
    count = 0
    with raw, contextlib.suppress(ConnectionError):
        while data := await asyncio.get_running_loop().sock_recv(raw, 65_536):
            count += len(data)
    return count
