"""The media worker's process: `python -m media.calls.worker`, one per core that carries calls.

It tells the board where it is and how busy, every second; its notice expires when it dies. Models
never run here, and nothing here knows what is said.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import structlog
import uvloop

from config.media import MediaSettings
from media.calls.livekit import livekit_rooms
from media.calls.load import Load
from media.calls.orders import VARIABLE, WorkerOrders
from media.calls.rtc import RtcEngine
from media.calls.serving import Worker
from media.calls.workers import BOARD, LEASE_SECONDS, RENEW_SECONDS, Notice
from storage.bus.board import Board, ValkeyBoard
from storage.bus.ports import BusDown

logger = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 0.25
DRAIN_SECONDS: Final = 2.0


def main() -> int:
    """Serve until told to stop. Returns the exit status."""
    if VARIABLE not in os.environ:
        print(f"Started by `kindred up`; {VARIABLE} is not set.", file=sys.stderr)
        return 2
    uvloop.run(serve(WorkerOrders.from_environment(), os.getppid()))
    return 0


async def serve(orders: WorkerOrders, parent: int) -> None:
    """Listen, tell where, look at the load; until SIGTERM, or the parent is gone."""
    key, load = secrets.token_urlsafe(24), Load(orders.media.most_load)
    worker = Worker(
        RtcEngine(),
        key,
        load=load,
        bits_per_second=orders.media.opus_bits_per_second,
        rooms=livekit_rooms(),
    )
    board = ValkeyBoard(orders.bus_url)
    await board.start()
    server, address = await listen(worker, orders)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(_look(load, stop, parent), name="load"),
        asyncio.create_task(_tell(worker, board, orders, address, key), name="notice"),
    ]
    if orders.ready_fd >= 0:
        os.write(orders.ready_fd, b"r")
        os.close(orders.ready_fd)
    await stop.wait()
    for task in tasks:
        task.cancel()
    with contextlib.suppress(BusDown, TimeoutError):
        async with asyncio.timeout(1):
            await board.take_down(BOARD, orders.name)
    server.close()
    if orders.socket:
        Path(orders.socket).unlink(missing_ok=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await worker.aclose()
    await board.close()


async def listen(worker: Worker, orders: WorkerOrders) -> tuple[asyncio.Server, str]:
    """The socket, and the address others reach it at."""
    loop, media = asyncio.get_running_loop(), orders.media
    if orders.socket:
        Path(orders.socket).unlink(missing_ok=True)
        server = await loop.create_unix_server(worker.link, orders.socket)
        Path(orders.socket).chmod(0o600)
        return server, f"unix:{orders.socket}"
    server = await loop.create_server(worker.link, media.listen or "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    return server, f"tcp:{host_of(media)}:{port}"


def host_of(media: MediaSettings) -> str:
    """The name by which gateways reach this host."""
    unspecific = media.listen in ("0.0.0.0", "::")  # noqa: S104
    return media.reachable_at or (
        socket.gethostname() if unspecific else media.listen or "127.0.0.1"
    )


async def _look(load: Load, stop: asyncio.Event, parent: int) -> None:
    while os.getppid() == parent:
        load.look(time.monotonic(), time.process_time())
        await asyncio.sleep(LOOK_SECONDS)
    stop.set()


async def _tell(worker: Worker, board: Board, orders: WorkerOrders, address: str, key: str) -> None:
    while True:
        notice = Notice(
            address=address,
            key=key,
            busy=worker.load.busy(time.monotonic()),
            most=orders.media.most_load,
            legs=len(worker.legs),
            host=socket.gethostname(),
        )
        try:
            await board.put_up(BOARD, orders.name, msgspec.msgpack.encode(notice), LEASE_SECONDS)
        except BusDown as error:
            logger.warning("the notice was not renewed", why=type(error).__name__)
        await asyncio.sleep(RENEW_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
