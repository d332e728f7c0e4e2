"""Socket.IO with python-socketio's client: the same session as over the native socket."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
import socketio

from config.sockets import SocketSettings, for_gateways
from storage.bus.memory import MemoryBus, Store
from tests.realtime.client import Client
from tests.realtime.io_client import IoClient
from tests.realtime.io_wire import door
from tests.realtime.node import Node, World, running


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


BOTH = pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join
)


@BOTH
async def test_signing_in_sending_and_reading_a_reply_in_order(
    node: Node, world: World, transports: list[str]
) -> None:
    async with IoClient(http(node), "u_ann", transports) as ann, Client(node.url, "u_bob") as bob:
        assert ann.kinds == ["hello", "ready"]
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        assert (ack["type"], ack["message"][:2]) == ("ack", "m_")
        await ann.done(ack["reply"])
        await bob.done(ack["reply"])
        assert ann.texts == bob.texts
        assert ann.kinds.count("reply.delta") >= 10
        assert ann.io.transport() == transports[-1]


async def test_without_a_callback_ack_and_error_are_events(node: Node) -> None:
    async with IoClient(http(node), "u_ann") as ann:
        await ann.io.emit("typing", {"id": "t1", "room": "r_1", "on": True})
        await ann.until(lambda: "ack" in ann.kinds)
        assert ann.frames[ann.kinds.index("ack")]["id"] == "t1"
        await ann.io.emit("message.send", {"id": "t2", "room": "r_1"})
        await ann.until(lambda: "error" in ann.kinds)
        error = ann.frames[ann.kinds.index("error")]
        assert (error["id"], error["code"]) == ("t2", "invalid")


async def test_a_bad_command_is_refused_in_its_callback_and_the_session_goes_on(
    node: Node,
) -> None:
    async with IoClient(http(node), "u_ann") as ann:
        unknown = await ann.ask("no.such", room="r_1")
        assert (unknown["type"], unknown["code"]) == ("error", "unknown_type")
        missing = await ann.ask("message.send", room="r_1")
        assert (missing["code"], "text" in missing["message"]) == ("invalid", True)
        assert (await ann.ask("ping", seq=ann.seq))["type"] == "pong"
        stranger = await ann.ask("message.send", room="r_9", text="Hi")
        assert stranger["code"] == "room_not_found"
        two = await ann.io.call("message.send", ({"room": "r_1"}, {"text": "Hi"}), timeout=10)
        assert two["code"] == "invalid"
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        await ann.done(ack["reply"])


async def test_binary_is_refused_in_its_callback(node: Node) -> None:
    async with IoClient(http(node), "u_ann") as ann:
        refused = await ann.ask("message.send", room="r_1", text=b"Hi")
        assert (refused["type"], refused["code"]) == ("error", "not_in_call")
        assert (await ann.ask("message.send", room="r_1", text="Hi"))["type"] == "ack"


async def test_a_wrong_token_is_refused_with_typed_data_and_a_right_one_may_follow(
    node: Node,
) -> None:
    client = IoClient(http(node), "nobody")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(http(node))
    refusal = client.refusals[0]
    assert refusal["message"] == "Who is that?"
    assert refusal["data"]["code"] == "token_invalid"
    assert refusal["data"]["retryable"] is False
    await client.io.shutdown()
    for bad, path in (({"token": 7}, "$.token"), ({}, "$"), ({"token": "u_ann", "x": 1}, "$")):
        client = IoClient(http(node), "")
        client.auth = lambda bad=bad: bad  # type: ignore[method-assign,misc]
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(http(node))
        assert client.refusals[0]["data"]["code"] == "invalid"
        assert client.refusals[0]["data"]["path"] == path
        await client.io.shutdown()


async def test_a_reply_cut_off_in_the_middle_goes_on_with_every_event_once(
    node: Node, world: World
) -> None:
    world.words, world.gap_seconds = 60, 0.01
    async with IoClient(http(node), "u_ann") as ann:
        ack = await ann.ask("message.send", room="r_1", text="Hi", key="k1")
        for cut in range(4):
            before = ann.seq
            await ann.until(lambda: ann.seq > before + 2)  # noqa: B023
            await ann.drop()
            await ann.until(lambda: ann.kinds.count("resumed") > cut)  # noqa: B023
        await ann.done(ack["reply"])
        assert ann.kinds.count("message.created") == 1
        assert "resync" not in ann.kinds


async def test_a_session_goes_on_on_another_node_with_every_event_once(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds = 60, 0.02
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        IoClient(http(one), "u_ann") as ann,
    ):
        ack = await ann.ask("message.send", room="r_1", text="Hi", key="k1")
        for cut, place in enumerate((two, one, two)):
            before = ann.seq
            await ann.until(lambda: ann.seq > before + 2)  # noqa: B023
            ann.io.connection_url = http(place)
            await ann.drop()
            await ann.until(lambda: ann.kinds.count("resumed") > cut)  # noqa: B023
        await ann.done(ack["reply"])
        assert ann.kinds.count("message.created") == 1
        assert "resync" not in ann.kinds
        assert [f["node"] for f in ann.frames if f["type"] == "hello"] == [
            "gw-1", "gw-2", "gw-1", "gw-2",
        ]  # fmt: skip


async def test_a_session_moves_between_the_native_socket_and_socketio(
    node: Node, world: World
) -> None:
    world.words, world.gap_seconds = 60, 0.01
    async with IoClient(http(node), "u_ann") as ann:
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        await ann.until(lambda: "reply.delta" in ann.kinds)
        native = Client(node.url, "u_ann")
        native.session, native.epoch, native.seq = ann.session, ann.epoch, ann.seq
        native.texts = dict(ann.texts)
        async with native:
            await ann.until(lambda: ann.closed_with is not None)
            assert ann.closed_with == {"code": 4009, "reason": "this session goes on elsewhere"}
            assert native.resumes
            await native.until(lambda: ack["reply"] in native.dones)


async def test_a_token_that_ends_is_announced_refreshed_or_closed(node: Node, world: World) -> None:
    async with IoClient(http(node), "u_ann") as ann:
        world.expires["u_ann/later"] = node.realtime.now_ms() + 30_000
        assert (await ann.ask("auth.refresh", token="u_ann/later"))["type"] == "ack"
        await ann.until(lambda: "auth.expiring" in ann.kinds)
        assert (await ann.ask("auth.refresh", token="u_bob"))["code"] == "forbidden"
        world.expires["u_ann/soon"] = node.realtime.now_ms() + 300
        assert (await ann.ask("auth.refresh", token="u_ann/soon"))["type"] == "ack"
        await ann.until(lambda: ann.closed_with is not None)
        assert ann.closed_with is not None
        assert ann.closed_with["code"] == 4011
        await ann.until(lambda: "resumed" in ann.kinds)  # it comes back; `auth` is asked again


async def test_a_person_may_hold_so_many_and_the_refusal_says_so(
    world: World, store: Store
) -> None:
    async with (
        running(MemoryBus(store), world, sockets_per_person=2) as node,
        IoClient(http(node), "u_ann"),
        Client(node.url, "u_ann"),
    ):
        third = IoClient(http(node), "u_ann")
        with pytest.raises(socketio.exceptions.ConnectionError):
            await third.connect(http(node))
        assert third.refusals[0]["data"]["code"] == "too_many_sockets"
        await third.io.shutdown()


async def test_a_reader_that_never_reads_is_closed_as_slow_and_nobody_else_notices(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds, world.word = 200, 0.0, "x" * 20_000
    async with (
        running(MemoryBus(store), world) as node,
        IoClient(http(node), "u_ann") as ann,
        Client(node.url, "u_bob") as bob,
    ):
        ann.io.reconnection = ann.io._reconnect = False
        actor = node.realtime.registry.find("u_ann")
        assert actor is not None
        (slow,) = actor.sockets
        ann.io.eio.ws._response.connection.transport.pause_reading()
        ack = await bob.ask("message.send", room="r_1", text="Hi")
        done = await asyncio.wait_for(bob.done(ack["reply"]), 40)
        assert len(done["text"]) > 4_000_000
        assert slow.session.state == "closed"
        while slow in node.realtime.sockets:  # noqa: ASYNC110 - soon nothing is kept for it
            await asyncio.sleep(0.02)
        assert not door(node).guests
        ann.io.eio.ws._response.connection.transport.resume_reading()
        await ann.until(lambda: bool(ann.down))  # it was cut


async def test_a_poller_that_never_polls_is_closed_as_slow_with_little_kept_for_it(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds, world.word = 200, 0.0, "x" * 20_000
    async with (
        running(MemoryBus(store), world) as node,
        httpx2.AsyncClient(base_url=http(node), timeout=20) as lazy,
        Client(node.url, "u_bob") as bob,
    ):
        path = "/socket.io/?EIO=4&transport=polling"
        sid = msgspec.json.decode((await lazy.get(path)).text[1:])["sid"]
        await lazy.post(f"{path}&sid={sid}", content='40{"token":"u_ann"}')
        (guest,) = door(node).guests.values()
        ack = await bob.ask("message.send", room="r_1", text="Hi")
        most = 0
        while guest.socket.session.state != "closed":
            most = max(most, guest._outlet.waiting_bytes)
            await asyncio.sleep(0.005)
        assert 0 < most < 32_768 + 2 * 65_536  # one batch beyond the mark
        await bob.done(ack["reply"])
        answer = await lazy.get(f"{path}&sid={sid}")
        assert answer.status_code == 200
        assert '42["close",{"code":4008' in answer.text


@pytest.mark.parametrize(("wanted", "gateways", "offered"), [
    (True, 1, True), (True, 3, False), (False, 1, False),
])  # fmt: skip
def test_polling_is_offered_only_where_one_process_gets_all_requests(
    wanted: bool, gateways: int, offered: bool
) -> None:
    settings = SocketSettings(socketio_polling=wanted)
    assert for_gateways(settings, gateways).socketio_polling is offered
