"""Socket.IO with the official JavaScript client, as a web page would have it."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.bus.memory import MemoryBus, Store
from tests.realtime.client import Client
from tests.realtime.js_client import SCRIPT, JsClient
from tests.realtime.node import Node, World, principal, running


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script and the client as the lock pins it, from the package registry."""
    folder = tmp_path_factory.mktemp("js")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(SCRIPT.parent / name, folder / name)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=55)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def world() -> World:
    made = World()
    made.members["r_1"] = {"u_ann", "u_bob"}
    return made


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def node(world: World, store: Store) -> AsyncIterator[Node]:
    async with running(MemoryBus(store), world) as started:
        yield started


def http(node: Node) -> str:
    return f"http://127.0.0.1:{node.port}"


async def test_it_signs_in_sends_with_an_ack_and_reads_the_reply_in_order(
    modules: Path, node: Node
) -> None:
    async with JsClient(modules, http(node), "u_ann") as ann, Client(node.url, "u_bob") as bob:
        assert ann.kinds == ["hello", "ready"]
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        assert ack["type"] == "ack"
        await ann.done(ack["reply"])
        await bob.done(ack["reply"])
        assert ann.texts == bob.texts
        assert ann.kinds.count("reply.delta") >= 10


async def test_its_own_default_transports_begin_with_polling_and_upgrade(
    modules: Path, node: Node
) -> None:
    async with JsClient(modules, http(node), "u_ann", ["polling", "websocket"]) as ann:
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        await ann.done(ack["reply"])
        while ann.transport != "websocket":
            ann.order("upgraded")
            ann.news.clear()
            await ann.news.wait()
        ack = await ann.ask("message.send", room="r_1", text="Hi again")
        await ann.done(ack["reply"])
        assert "resumed" not in ann.kinds


async def test_where_polling_is_not_offered_it_is_told_why(
    modules: Path, world: World, store: Store
) -> None:
    async with running(MemoryBus(store), world, socketio_polling=False) as node:
        ann = JsClient(modules, http(node), "u_ann", ["polling", "websocket"])
        await ann.start()
        await ann.until(lambda: bool(ann.refusals))
        assert ann.refusals[0]["status"] == 400
        assert "polling_not_offered" in ann.refusals[0]["body"]
        await ann.__aexit__()
        async with JsClient(modules, http(node), "u_ann") as ann:
            assert ann.kinds == ["hello", "ready"]


async def test_bad_commands_and_binary_are_refused_in_the_callback(
    modules: Path, node: Node
) -> None:
    async with JsClient(modules, http(node), "u_ann") as ann:
        assert (await ann.ask("message.send", room="r_1"))["code"] == "invalid"
        assert (await ann.call("binary", kind="message.send"))["code"] == "not_in_call"
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        await ann.done(ack["reply"])


async def test_a_wrong_token_is_a_connect_error_with_data_and_a_right_one_may_follow(
    modules: Path, node: Node
) -> None:
    ann = JsClient(modules, http(node), "nobody")
    await ann.start()
    await ann.until(lambda: bool(ann.refusals))
    assert ann.refusals[0]["data"]["code"] == "token_invalid"
    ann.order("again", token="u_ann")
    await ann.until(lambda: bool(ann.session))
    await ann.__aexit__()


async def test_a_reply_cut_off_in_the_middle_goes_on_on_another_node_with_every_event_once(
    modules: Path, world: World, store: Store
) -> None:
    world.words, world.gap_seconds = 60, 0.02
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        JsClient(modules, [http(one), http(two)], "u_ann") as ann,
    ):
        ack = await ann.ask("message.send", room="r_1", text="Hi", key="k1")
        for cut in range(3):
            before = ann.seq
            await ann.until(lambda: ann.seq > before + 2)  # noqa: B023
            await ann.drop()
            await ann.until(lambda: ann.kinds.count("resumed") > cut)  # noqa: B023
        await ann.done(ack["reply"])
        assert ann.kinds.count("message.created") == 1
        assert "resync" not in ann.kinds
        assert {f["node"] for f in ann.frames if f["type"] == "hello"} == {"gw-1", "gw-2"}


async def test_it_is_told_why_it_is_closed_and_comes_back_only_where_it_should(
    modules: Path, world: World, store: Store
) -> None:
    async with (
        running(MemoryBus(store), world, "gw-2") as two,
        JsClient(modules, http(two), "u_ann") as taken,
    ):
        async with running(MemoryBus(store), world, "gw-1") as one:
            leaving = JsClient(modules, [http(one), http(two)], "u_bob")
            await leaving.start()
            await leaving.until(lambda: bool(leaving.session))
        await leaving.until(lambda: "resumed" in leaving.kinds)  # the node went: elsewhere at once
        assert leaving.closed_with is not None
        assert leaving.closed_with["code"] == 1012
        assert leaving.down[0] == "transport close"
        await leaving.__aexit__()
        who = principal("u_ann")
        two.realtime.replaced(who, taken.session, "somebody else")
        await taken.until(lambda: bool(taken.down))
        assert taken.closed_with == {"code": 4009, "reason": "this session goes on elsewhere"}
        assert taken.down == ["io server disconnect"]  # the library stays away then


async def test_a_page_that_stops_reading_is_closed_as_slow_and_nobody_else_notices(
    modules: Path, world: World, store: Store
) -> None:
    world.words, world.gap_seconds, world.word = 200, 0.0, "x" * 20_000
    async with (
        running(MemoryBus(store), world) as node,
        JsClient(modules, http(node), "u_ann") as ann,
        Client(node.url, "u_bob") as bob,
    ):
        actor = node.realtime.registry.find("u_ann")
        assert actor is not None
        (slow,) = actor.sockets
        ann.order("pause")
        await ann.until(lambda: ann.paused)
        ack = await bob.ask("message.send", room="r_1", text="Hi")
        done = await bob.done(ack["reply"])
        assert len(done["text"]) > 4_000_000
        assert slow.session.state == "closed"
