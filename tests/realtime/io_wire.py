"""engine.io and Socket.IO by hand: packets over a WebSocket, and requests of a polling session."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import msgspec
import websockets

from tests.realtime.node import Node

PATH = "/socket.io/?EIO=4&transport="


@contextlib.asynccontextmanager
async def stream(node: Node, more: str = "", **options: Any) -> AsyncIterator[Any]:
    """A WebSocket of engine.io."""
    url = f"ws://127.0.0.1:{node.port}{PATH}websocket{more}"
    async with websockets.connect(url, compression=None, ping_interval=None, **options) as ws:
        yield ws


async def so(true: Callable[[], object]) -> None:
    """Look until it is."""
    while not true():  # noqa: ASYNC110 - the library under it has no event for it
        await asyncio.sleep(0.01)


async def told(ws: Any) -> str:
    data = await asyncio.wait_for(ws.recv(), 20)
    assert isinstance(data, str)
    return data


async def until(ws: Any, start: str) -> str:
    """The next packet that begins so; others are passed over."""
    packet = await told(ws)
    while not packet.startswith(start):
        packet = await told(ws)
    return packet


async def inside(node: Node, ws: Any) -> None:
    """Past the handshake and the sign-in."""
    assert (await told(ws)).startswith("0{")
    await ws.send('40{"token":"u_ann"}')
    await until(ws, '42["ready"')


async def ends(ws: Any) -> list[str]:
    """What comes until the connection is closed."""
    packets = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            packets.append(await told(ws))
    return packets


async def poll(http: httpx2.AsyncClient, sid: str) -> list[str]:
    answer = await http.get(f"{PATH}polling&sid={sid}")
    assert answer.status_code == 200, answer.text
    return answer.text.split("\x1e")


async def post(http: httpx2.AsyncClient, sid: str, body: str | bytes) -> int:
    answer = await http.post(f"{PATH}polling&sid={sid}", content=body)
    return answer.status_code


async def handshake(http: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await http.get(f"{PATH}polling")
    assert answer.status_code == 200
    assert answer.text[0] == "0"
    opened: dict[str, Any] = msgspec.json.decode(answer.text[1:])
    return opened


async def polled_in(http: httpx2.AsyncClient) -> str:
    """A polling session, signed in."""
    sid = (await handshake(http))["sid"]
    assert await post(http, sid, '40{"token":"u_ann"}') == 200
    seen: list[str] = []
    while not any(packet.startswith('42["ready"') for packet in seen):
        seen += await poll(http, sid)
    assert seen[0].startswith("40{")
    assert seen[1].startswith('42["hello"')
    return str(sid)


def door(node: Node) -> Any:
    """The library's server behind the node's route."""
    (mount,) = [one for one in node.app.routes if one.path == "/socket.io"]
    return mount.app._server
