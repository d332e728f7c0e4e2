"""Socket.IO's wire, asked of our own server without any client: handshake, heartbeat, transports,
upgrade, packets that are none, namespaces, acks, binary. In our words; see tests/js/run_suites.py.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
import websockets

from storage.bus.memory import MemoryBus, Store
from tests.realtime.io_wire import (
    PATH,
    door,
    ends,
    handshake,
    inside,
    poll,
    polled_in,
    post,
    so,
    stream,
    told,
    until,
)
from tests.realtime.node import Node, World, running


@pytest.fixture
def world() -> World:
    made = World()
    made.members["r_1"] = {"u_ann", "u_bob"}
    return made


@pytest.fixture
async def node(world: World) -> AsyncIterator[Node]:
    async with running(MemoryBus(Store()), world, heartbeat_ms=2_000) as started:
        yield started


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{node.port}", timeout=20) as client:
        yield client


async def test_the_handshake_names_the_session_and_what_holds_in_it(
    node: Node, http: httpx2.AsyncClient
) -> None:
    polling = await handshake(http)
    assert polling.pop("sid")
    held = {"pingInterval": 2_000, "pingTimeout": 1_600, "maxPayload": 4 * 65_536}
    assert polling == {"upgrades": ["websocket"], **held}
    async with stream(node) as ws:
        opened = msgspec.json.decode((await told(ws))[1:])
        assert opened.pop("sid")
        assert opened == {"upgrades": [], **held}


@pytest.mark.parametrize(
    "query",
    ["transport=polling", "EIO=3&transport=polling", "EIO=abc&transport=polling", "EIO=4",
     "EIO=4&transport=abc", "EIO=4&transport=polling&sid=abc", "EIO=4&transport=polling&j=0"],
)  # fmt: skip
async def test_a_request_that_fits_nothing_is_refused(
    node: Node, http: httpx2.AsyncClient, query: str
) -> None:
    assert (await http.get(f"/socket.io/?{query}")).status_code == 400
    with pytest.raises(websockets.WebSocketException):
        async with websockets.connect(f"ws://127.0.0.1:{node.port}/socket.io/?{query}"):
            pass


async def test_the_wrong_method_is_refused(http: httpx2.AsyncClient) -> None:
    assert (await http.post(f"{PATH}polling")).status_code == 400
    assert (await http.put(f"{PATH}polling")).status_code == 405


async def test_the_server_pings_and_an_answer_counts_as_life(world: World) -> None:
    async with running(MemoryBus(Store()), world, heartbeat_ms=1_000) as node:
        async with stream(node) as ws:
            await inside(node, ws)
            for _ in range(4):  # longer than a silent session lives
                assert await until(ws, "2") == "2"
                await ws.send("3")
            await ws.send('421["ping",{}]')
            assert await until(ws, "431") == '431[{"type":"pong"}]'
        async with stream(node) as ws:
            await inside(node, ws)
            assert "2" in await ends(ws)  # never answered: closed


async def test_a_polling_session_without_heartbeat_is_forgotten(world: World) -> None:
    async with running(MemoryBus(Store()), world, heartbeat_ms=200, auth_seconds=1) as node:
        url = f"http://127.0.0.1:{node.port}"
        async with httpx2.AsyncClient(base_url=url, timeout=20) as http:
            sid = (await handshake(http))["sid"]
            await so(lambda: not node.realtime.sockets)
            assert (await http.get(f"{PATH}polling&sid={sid}")).status_code == 400
            assert not node.realtime.addresses


async def test_commands_and_callbacks_go_over_polling(http: httpx2.AsyncClient) -> None:
    sid = await polled_in(http)
    assert await post(http, sid, '421["ping",{}]\x1e422["no.such",{"id":"x"}]') == 200
    seen: list[str] = []
    while len([packet for packet in seen if packet[:2] == "43"]) < 2:
        seen += await poll(http, sid)
    acks = sorted(packet for packet in seen if packet[:2] == "43")
    assert acks[0] == '431[{"type":"pong"}]'
    assert acks[1].startswith('432[{"type":"error","id":"x","code":"unknown_type"')


async def test_a_second_poll_at_a_time_ends_the_session(
    node: Node, http: httpx2.AsyncClient
) -> None:
    sid = await polled_in(http)
    first = asyncio.create_task(http.get(f"{PATH}polling&sid={sid}"))
    server = door(node)
    await so(lambda: server.guests[sid].polling)
    assert (await http.get(f"{PATH}polling&sid={sid}")).status_code == 400
    assert '42["close",{"code":4500' in (await first).text
    await so(lambda: sid not in server.guests)
    assert (await http.get(f"{PATH}polling&sid={sid}")).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "abc",
        "",
        "7",
        "4",
        "4abc",
        "4[[[",
        "bA",
        "4²",
        "\x1e",
        "2",
        "5",
        "6",
        "3\x1e" * 17,
        b"\xff\xfe",
    ],
)
async def test_a_polled_payload_that_is_none_ends_the_session(
    http: httpx2.AsyncClient, body: str | bytes
) -> None:
    sid = (await handshake(http))["sid"]
    assert await post(http, sid, body) == 400


async def test_a_poll_that_waits_ends_when_its_session_is_closed(
    node: Node, http: httpx2.AsyncClient
) -> None:
    sid = await polled_in(http)
    waiting = asyncio.create_task(http.get(f"{PATH}polling&sid={sid}"))
    guest = door(node).guests[sid]
    await so(lambda: guest.polling)
    assert await post(http, sid, "1") == 200
    assert ((await waiting).status_code, (await waiting).text) == (200, "6")
    assert (await http.get(f"{PATH}polling&sid={sid}")).status_code == 400


async def test_nothing_is_kept_of_sessions_that_ended_however_they_did(
    node: Node, http: httpx2.AsyncClient
) -> None:
    for ending in ("41", "1", "abc", "42{}", "4599-[]", b"?", None):
        async with stream(node) as ws:
            await inside(node, ws)
            if ending is None:
                ws.transport.abort()
            else:
                await ws.send(ending)
    for ending in ("41", "1", "abc", "42{}", "6"):
        await post(http, await polled_in(http), ending)
    server = door(node)
    await so(lambda: not node.realtime.sockets)
    assert not server.guests
    assert not server.environ
    assert not server.eio.sockets
    assert not node.realtime.addresses
    assert not any(server.manager.rooms.values())


@pytest.mark.parametrize("length", ["said", "chunked"])
async def test_a_polled_payload_that_is_too_large_is_not_read(
    http: httpx2.AsyncClient, length: str
) -> None:
    sid = (await handshake(http))["sid"]
    large = b"4" * 300_000

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    content: Any = large if length == "said" else chunks()
    answer = await http.post(f"{PATH}polling&sid={sid}", content=content)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "packet",
    ["abc", "7", "4", "4abc", "4²", "49", "42{}", "42abc[]", "42[]", "42[7]", '43["x"]', "44{}",
     '421{"a":1}', "4" + "[" * 5_000, "42" + "[" * 5_000, "4599-[]", "450-[]",
     '40{"token":"u_ann"}', '42/other,["ping",{}]'],
)  # fmt: skip
async def test_what_is_no_packet_closes_with_4500(node: Node, packet: str) -> None:
    async with stream(node) as ws:
        await inside(node, ws)
        await ws.send(packet)
        assert '42["close",{"code":4500,"reason":"bad frames"}]' in await ends(ws)
    await so(lambda: not node.realtime.sockets)


async def test_before_the_sign_in_nothing_else_is_heard(node: Node) -> None:
    async with stream(node) as ws:
        await told(ws)
        await ws.send('42["ping",{}]')
        assert '44{"message":"bad frames","data":{"code":"closed","close":4500}}' in await ends(ws)


async def test_who_never_signs_in_is_closed_in_time(world: World) -> None:
    async with (
        running(MemoryBus(Store()), world, auth_seconds=0.5) as node,
        stream(node) as ws,
    ):
        packets = await ends(ws)
        assert packets[-2].startswith('44{"message":"not signed in in time"')
        assert packets[-1] == "1"


async def test_another_namespace_is_refused_and_the_main_one_goes_on(node: Node) -> None:
    async with stream(node) as ws:
        await inside(node, ws)
        await ws.send("40/other,")
        assert await until(ws, "44") == '44/other,{"message":"Invalid namespace"}'
        await ws.send('421["ping",{}]')
        assert await until(ws, "431") == '431[{"type":"pong"}]'


async def test_leaving_ends_the_connection(node: Node) -> None:
    async with stream(node) as ws:
        await inside(node, ws)
        await ws.send("41")
        assert (await ends(ws))[-1] == "1"
    async with stream(node) as ws:
        await inside(node, ws)
        await ws.send("1")
        await ends(ws)
    await so(lambda: not node.realtime.sockets)


async def test_binary_is_refused_in_the_callback_and_its_attachments_are_let_go(
    node: Node,
) -> None:
    async with stream(node) as ws:
        await inside(node, ws)
        await ws.send('452-7["message.send",{"_placeholder":true,"num":0}]')
        await ws.send(b"123")
        await ws.send(b"456")
        refused = await until(ws, "437")
        assert '"code":"not_in_call"' in refused
        await ws.send('421["ping",{}]')
        assert await until(ws, "431") == '431[{"type":"pong"}]'
        for _ in range(3):
            await ws.send(b"unannounced")
        packets = await ends(ws)
        assert [one[:10] for one in packets if '"code":"not_in_call"' in one] == ['42["error"'] * 3
        assert '42["close",{"code":4500,"reason":"bad frames"}]' in packets


async def test_an_oversized_packet_and_a_flood_are_closed_with_their_codes(node: Node) -> None:
    async with stream(node) as ws:
        await inside(node, ws)
        await ws.send('42["' + "x" * 70_000 + '"]')
        assert '42["close",{"code":1009,"reason":"frame too large"}]' in await ends(ws)
    async with stream(node) as ws:
        await inside(node, ws)
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(500):
                await ws.send("3")  # heartbeats are no way around the limit
        assert '42["close",{"code":4529,"reason":"flooding"}]' in await ends(ws)


async def test_an_upgrade_moves_the_session_and_shuts_its_other_doors(
    node: Node, http: httpx2.AsyncClient
) -> None:
    sid = await polled_in(http)
    async with stream(node, f"&sid={sid}") as ws:
        await ws.send("2probe")
        assert await told(ws) == "3probe"
        assert "6" in await poll(http, sid)
        await ws.send("5")
        await ws.send('421["ping",{}]')
        assert await until(ws, "431") == '431[{"type":"pong"}]'
        assert (await http.get(f"{PATH}polling&sid={sid}")).status_code == 400
        with pytest.raises(websockets.InvalidStatus):
            async with stream(node, f"&sid={sid}"):
                pass
        await ws.send('422["ping",{}]')
        assert await until(ws, "432") == '432[{"type":"pong"}]'


async def test_an_upgrade_that_is_none_leaves_the_polling_session_as_it_is(
    node: Node, http: httpx2.AsyncClient
) -> None:
    sid = await polled_in(http)
    async with stream(node, f"&sid={sid}") as ws:
        await ws.send("2other")
        await ends(ws)
    assert await post(http, sid, '421["ping",{}]') == 200
    assert '431[{"type":"pong"}]' in await poll(http, sid)


async def test_pages_from_elsewhere_are_refused_and_known_ones_let_in(
    node: Node, http: httpx2.AsyncClient
) -> None:
    evil = {"origin": "https://evil.example"}
    assert (await http.get(f"{PATH}polling", headers=evil)).status_code == 403
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with stream(node, additional_headers=evil):
            pass
    assert refused.value.response.status_code == 403
    known = {"origin": "https://app.example"}
    answer = await http.get(f"{PATH}polling", headers=known)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in answer.headers
    async with stream(node, additional_headers=known) as ws:
        await inside(node, ws)


async def test_an_address_may_hold_so_many_of_all_kinds(world: World) -> None:
    async with running(MemoryBus(Store()), world, sockets_per_address=2) as node:
        url = f"http://127.0.0.1:{node.port}"
        async with (
            httpx2.AsyncClient(base_url=url, timeout=20) as http,
            stream(node) as ws,
            websockets.connect(node.url),
        ):
            await told(ws)
            assert (await http.get(f"{PATH}polling")).status_code == 429
            with pytest.raises(websockets.InvalidStatus):
                async with stream(node):
                    pass


async def test_without_polling_the_refusal_says_why_in_types(world: World) -> None:
    async with running(MemoryBus(Store()), world, socketio_polling=False) as node:
        url = f"http://127.0.0.1:{node.port}{PATH}polling"
        async with httpx2.AsyncClient(timeout=20) as http:
            answer = await http.get(url)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "polling_not_offered"
        async with stream(node) as ws:
            await inside(node, ws)
