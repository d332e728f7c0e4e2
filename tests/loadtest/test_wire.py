"""The light client is still a proper one: pieces are joined, ends are told once, refusals named."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
import websockets

from loadtest.clients.http import Http
from loadtest.clients.wire import ABNORMAL, Trouble, Wire
from loadtest.targets import Target, check

Serve = Callable[[websockets.ServerConnection], Awaitable[None]]


class Ear:
    """What a wire handed on."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.ends: list[int] = []
        self.over = asyncio.Event()

    def end(self, code: int) -> None:
        self.ends.append(code)
        self.over.set()


async def heard(serve: Serve) -> Ear:
    """Everything up to the end, from a server that does this."""
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        ear = Ear()
        target = at(next(iter(server.sockets)).getsockname()[1])
        wire = Wire(target.url("/"), ear.texts.append, ear.end)
        await wire.open(target, None, 10)
        async with asyncio.timeout(10):
            await ear.over.wait()
        return ear


def at(port: int) -> Target:
    return check(f"http://127.0.0.1:{port}")


async def test_a_message_in_pieces_is_one_message() -> None:
    async def serve(ws: websockets.ServerConnection) -> None:
        await ws.send(["one ", "two ", "three"])
        await ws.send("é" * 70_000)
        await ws.close()

    ear = await heard(serve)
    assert ear.texts == [b"one two three", "é".encode() * 70_000]
    assert ear.ends == [1000]


async def test_the_close_code_is_told_once() -> None:
    async def serve(ws: websockets.ServerConnection) -> None:
        await ws.close(4008, "too slow")

    assert (await heard(serve)).ends == [4008]


async def test_a_connection_that_breaks_is_abnormal() -> None:
    async def serve(ws: websockets.ServerConnection) -> None:
        ws.transport.abort()

    assert (await heard(serve)).ends == [ABNORMAL]


async def test_a_goodbye_is_answered_and_waited_for() -> None:
    codes: list[int | None] = []

    async def serve(ws: websockets.ServerConnection) -> None:
        await ws.wait_closed()
        codes.append(ws.close_code)

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        ear = Ear()
        target = at(next(iter(server.sockets)).getsockname()[1])
        wire = Wire(target.url("/"), ear.texts.append, ear.end)
        await wire.open(target, None, 10)
        await wire.close()
    assert codes == [1000]


async def test_a_refused_handshake_is_named_by_its_status() -> None:
    def refuse(ws: websockets.ServerConnection, request: object) -> object:
        return ws.respond(429, "too many")

    async def never(ws: websockets.ServerConnection) -> None:
        raise AssertionError

    async with websockets.serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        target = at(next(iter(server.sockets)).getsockname()[1])
        wire = Wire(target.url("/"), lambda _: None, lambda _: None)
        with pytest.raises(Trouble, match="http_429"):
            await wire.open(target, None, 10)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        target = at(server.sockets[0].getsockname()[1])
        wire = Wire(target.url("/"), lambda _: None, lambda _: None)
        began = time.perf_counter()
        with pytest.raises(Trouble, match="connect_timeout"):
            await wire.open(target, None, 0.2)
        assert time.perf_counter() - began >= 0.2


async def answered(raw: bytes, pieces: int = 1) -> tuple[int, bytes]:
    """The answer to one request, from a server that says this, in so many writes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        size = -(-len(raw) // pieces)
        for first in range(0, len(raw), size):
            writer.write(raw[first : first + size])
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        http = Http()
        await http.open(at(server.sockets[0].getsockname()[1]), None, 10)
        answer = await http.request("GET", "/", {}, b"", 10)
        http.close()
        return answer.status, answer.body


async def test_http_answers_are_read_however_they_come() -> None:
    plain = b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nhello"
    chunked = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    )
    for pieces in (1, 7, len(chunked)):
        assert await answered(plain, pieces) == (201, b"hello")
        assert await answered(chunked, pieces) == (200, b"hello")


async def test_http_that_is_none_is_trouble() -> None:
    with pytest.raises(Trouble, match="bad_http"):
        await answered(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")
    with pytest.raises(Trouble, match="closed"):
        await answered(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhel")
