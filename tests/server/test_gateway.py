"""A gateway whose application has ended ends too, and its housekeeping outlives a torn database."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import uvicorn
from starlette.applications import Starlette

from server.gateway import GatewayServer
from server.housekeeping import keep_house


async def fail() -> None:
    raise RuntimeError("a background task of the application has failed")


def application() -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            asyncio.get_running_loop().call_later(0.05, lambda: tasks.create_task(fail()))
            yield

    return Starlette(lifespan=lifespan)


@pytest.mark.asyncio
async def test_a_gateway_whose_application_has_failed_ends_itself() -> None:
    app = application()
    config = uvicorn.Config(app, lifespan="on", log_config=None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = GatewayServer(config, app, os.open(os.devnull, os.O_WRONLY))
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                await server.serve(sockets=[listening])
        finally:
            signal.signal(signal.SIGINT, before[0])
            signal.signal(signal.SIGTERM, before[1])
    assert server.started


class Torn:
    """A database whose connections are torn in mid-statement."""

    def __init__(self) -> None:
        self.asked = 0
        self.twice = asyncio.Event()

    async def execute(self, *_: Any, **__: Any) -> None:
        self.asked += 1
        if self.asked == 2:
            self.twice.set()
        raise asyncpg.InternalClientError("unexpected end")

    fetch = fetchrow = fetchval = execute


@pytest.mark.asyncio
async def test_housekeeping_goes_on_after_a_connection_was_torn_in_mid_statement() -> None:
    torn = Torn()
    rooms = SimpleNamespace(hold_seconds=60)
    house: Any = SimpleNamespace(
        db=torn, realtime=SimpleNamespace(node="n1"), settings=SimpleNamespace(rooms=rooms)
    )
    keeping = asyncio.create_task(keep_house(house, 0.01))
    async with asyncio.timeout(20):
        await torn.twice.wait()
    assert not keeping.done()
    keeping.cancel()
