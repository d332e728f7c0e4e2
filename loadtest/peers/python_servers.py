"""Echo, fan-out and idle sockets on other Python servers; one process each, on an inherited port.

What each must do: send a text frame back, and on `go N` send N events to every socket, one each
few milliseconds, as a model's words come (a burst would be cheaper, for readers sleep between).
Run: python -m loadtest.peers.python_servers NAME FD
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import uvicorn
import uvloop
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as serve_websockets

GAP_SECONDS: Final = 0.005
EVENT: Final = (
    '{"type":"reply.delta","room":"r_bench","reply":"m_1","offset":0,'
    '"text":"ten words that a companion might well say to you ","cost_microcredits":0}'
)


def count_in(text: str) -> int:
    """How many events are asked for; 0 for an ordinary message."""
    return int(text[3:]) if text.startswith("go ") else 0


async def run_uvicorn(app: Any, listening: socket.socket) -> None:
    """As ours is run, but with nothing of ours in it."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
    )
    await uvicorn.Server(config).serve(sockets=[listening])


async def starlette(listening: socket.socket) -> None:
    """Starlette's own WebSocket, awaiting each send."""
    everyone: set[WebSocket] = set()

    async def door(ws: WebSocket) -> None:
        await ws.accept()
        everyone.add(ws)
        try:
            while True:
                text = await ws.receive_text()
                count = count_in(text)
                for _ in range(count):
                    for one in tuple(everyone):
                        await one.send_text(EVENT)
                    await asyncio.sleep(GAP_SECONDS)
                if not count:
                    await ws.send_text(text)
        except WebSocketDisconnect:
            everyone.discard(ws)

    await run_uvicorn(Starlette(routes=[WebSocketRoute("/", door)]), listening)


async def bare_websockets(listening: socket.socket) -> None:
    """The websockets library alone, with its broadcast."""
    everyone: set[ServerConnection] = set()

    async def door(ws: ServerConnection) -> None:
        everyone.add(ws)
        try:
            async for text in ws:
                assert isinstance(text, str)
                count = count_in(text)
                for _ in range(count):
                    broadcast(everyone, EVENT)
                    await asyncio.sleep(GAP_SECONDS)
                if not count:
                    await ws.send(text)
        except websockets.ConnectionClosed:
            pass
        finally:
            everyone.discard(ws)

    async with serve_websockets(door, sock=listening, compression=None, ping_interval=None):
        await asyncio.Event().wait()


async def picows(listening: socket.socket) -> None:
    """picows: frames in Cython, straight on the transport."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

    everyone: set[WSTransport] = set()
    event = EVENT.encode()

    sending: list[asyncio.Future[None]] = []

    async def send(count: int) -> None:
        for _ in range(count):
            for one in everyone:
                one.send(WSMsgType.TEXT, event)
            await asyncio.sleep(GAP_SECONDS)

    class Door(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            everyone.add(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            everyone.discard(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type != WSMsgType.TEXT:
                return
            count = count_in(frame.get_payload_as_ascii_text())
            if count:
                sending.append(asyncio.ensure_future(send(count)))
            else:
                transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())

    server = await ws_create_server(lambda _: Door(), sock=listening, enable_auto_ping=False)
    await server.serve_forever()


async def python_socketio(listening: socket.socket) -> None:
    """python-socketio on uvicorn."""
    import socketio

    server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")

    async def echo(sid: str, data: Any) -> None:
        await server.emit("echo", data, to=sid)

    async def go(_: str, count: int) -> None:
        for _event in range(count):
            await server.emit("delta", EVENT)
            await asyncio.sleep(GAP_SECONDS)

    server.on("echo", echo)
    server.on("go", go)
    await run_uvicorn(socketio.ASGIApp(server), listening)


SERVERS: Final[dict[str, Callable[[socket.socket], Any]]] = {
    "starlette": starlette,
    "websockets": bare_websockets,
    "picows": picows,
    "python-socketio": python_socketio,
}


def main() -> None:
    """Serve until ended."""
    name, fd = sys.argv[1], int(sys.argv[2])
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(SERVERS[name](socket.socket(fileno=fd)))


if __name__ == "__main__":
    main()
