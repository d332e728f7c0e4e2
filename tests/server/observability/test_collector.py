"""A collector of traces that takes them, and ones that are away or never answer: no turn is worse.

The exporter is the real one, over HTTP.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.live import running

pytestmark = [pytest.mark.stores, pytest.mark.long]


class Collector:
    """Speaks just enough HTTP to take spans, or takes them and never answers."""

    def __init__(self, *, answers: bool) -> None:
        self.names: list[str] = []
        self.port = 0
        self._answers = answers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].split("\r\n")[0])
                body = await reader.readexactly(length)
                if not self._answers:
                    continue
                if "content-encoding" not in head:
                    asked = ExportTraceServiceRequest.FromString(body)
                    self.names += [
                        span.name
                        for resource in asked.resource_spans
                        for scope in resource.scope_spans
                        for span in scope.spans
                    ]
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Collector"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


async def converse(database_url: str, bus_url: str, data: Path, endpoint: str) -> float:
    """One turn with tracing on; the seconds that stopping took."""
    async with running(database_url, bus_url, data, KINDRED_TRACING__ENDPOINT=endpoint) as live:
        person = await live.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Hello")
        assert (await person.done(ack["reply"]))["status"] == "completed"
        began = time.monotonic()
    return time.monotonic() - began


async def test_a_turn_reaches_the_collector_whole(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with Collector(answers=True).serving() as collector:
        endpoint = f"http://127.0.0.1:{collector.port}/v1/traces"
        await converse(database_url, valkey_url, tmp_path, endpoint)
        assert {"turn", "prompt"} <= set(collector.names), collector.names


@pytest.mark.parametrize("where", ["nobody", "silent"])
async def test_a_collector_that_does_not_answer_holds_up_no_turn(
    where: str, database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with Collector(answers=False).serving() as collector:
        port = collector.port if where == "silent" else 9
        endpoint = f"http://127.0.0.1:{port}/v1/traces"
        stopping = await converse(database_url, valkey_url, tmp_path, endpoint)
    assert stopping < 30
