"""The echo server that the Socket.IO organisation's protocol suites expect, on our library.

It is set up with the options of realtime/transports/socketio_server.py, but for the short
heartbeat the suites ask for; what fails here is the library's, and listed in run_suites.py.
"""

import asyncio
import socket
import sys
from typing import Any

import engineio
import socketio
import uvicorn

from realtime.transports.socketio_server import options
from realtime.transports.uvicorn_socket import SocketProtocol

PORT = 3000
HEARTBEAT_SECONDS = 0.3
PING_TIMEOUT_SECONDS = 0.2
PAYLOAD_BYTES = 1_000_000


def server_options() -> dict[str, Any]:
    """Ours, at the suites' pace."""
    ours = options(HEARTBEAT_SECONDS, 1)
    return {**ours, "ping_timeout": PING_TIMEOUT_SECONDS, "max_http_buffer_size": PAYLOAD_BYTES}


def engine() -> Any:
    """engine.io: every message comes back."""
    names = ("engineio_logger", "cors_credentials")
    server = engineio.AsyncServer(**{k: v for k, v in server_options().items() if k not in names})

    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    server.on("message", message)
    return server


def socket_io() -> Any:
    """Socket.IO: two namespaces, an `auth` event after connecting, echoes with and without ack."""
    server = socketio.AsyncServer(namespaces=["/", "/custom"], **server_options())

    def listen(namespace: str) -> None:
        async def connect(sid: str, environ: Any, auth: Any = None) -> None:
            server.start_background_task(
                server.emit, "auth", auth or {}, to=sid, namespace=namespace
            )

        async def message(sid: str, *args: Any) -> None:
            await server.emit("message-back", args, to=sid, namespace=namespace)

        async def with_ack(sid: str, *args: Any) -> tuple[Any, ...]:
            return args

        server.on("connect", connect, namespace=namespace)
        server.on("message", message, namespace=namespace)
        server.on("message-with-ack", with_ack, namespace=namespace)

    listen("/")
    listen("/custom")
    return server


async def serve(port: int = PORT) -> None:
    """Both, on the paths the suites use; says so on stdout."""
    echo = engineio.ASGIApp(engine(), socketio.ASGIApp(socket_io()), engineio_path="engine.io")
    config = uvicorn.Config(echo, ws=SocketProtocol, lifespan="off", log_config=None)
    listening = socket.create_server(("127.0.0.1", port))
    print(f"listening on {listening.getsockname()[1]}", flush=True)
    await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else PORT))
