"""An inference worker: `python -m media.inference.worker`, started by the supervisor.

It listens on an inherited socket, loads models when they are first asked for, and begins anew,
small, after a long time without work. Its orders are in the environment.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from functools import partial
from typing import Final

import msgspec
import structlog

from media.hearing.providers.table import UnknownProvider
from media.inference.engines import Engines
from media.inference.orders import WorkerOrders
from media.inference.service import Service
from media.speech.chain import speakers_of

_LOOK_SECONDS: Final = 1.0


def main() -> int:
    """Serve until told to stop. Returns the exit status."""
    _log_lines()
    orders = WorkerOrders.from_environment()
    try:
        sleepy = _run(orders)
    except UnknownProvider as error:
        print(f"The inference worker cannot start: {error}", file=sys.stderr)
        return 2
    if sleepy:
        again = msgspec.structs.replace(orders, ready_fd=-1)
        os.environ.update(again.to_environment())
        os.set_inheritable(orders.listen_fd, True)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  memory is given back only so
    return 0


def _run(orders: WorkerOrders) -> bool:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(orders))


async def _serve(orders: WorkerOrders) -> bool:
    """Whether it ended to begin anew."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    speakers = partial(speakers_of, orders.speech)
    engines = Engines(orders.hearing, orders.inference, speakers)
    service = Service(engines, orders.key, orders.inference.most_ears)
    listening = socket.socket(fileno=os.dup(orders.listen_fd))
    listening.setblocking(False)
    server = await _listen(service, listening)
    if orders.ready_fd >= 0:
        os.write(orders.ready_fd, b"1")
        os.close(orders.ready_fd)
    gc.freeze()
    try:
        return await _until_over(service, stop, orders.inference.sleep_seconds)
    finally:
        server.close()
        await service.aclose()


async def _listen(service: Service, listening: socket.socket) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if listening.family == socket.AF_UNIX:
        return await loop.create_unix_server(service.accept, sock=listening)
    return await loop.create_server(service.accept, sock=listening)


async def _until_over(service: Service, stop: asyncio.Event, sleep_seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await stop.wait()
        except TimeoutError:
            tired = loop.time() - service.busy_at > sleep_seconds > 0
            if tired and service.is_idle and service.engines.used:
                return True
    return False


def _log_lines() -> None:
    """One JSON object a line, as the gateways write them."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


if __name__ == "__main__":
    sys.exit(main())
