"""Who is kept waiting outside: strangers, slow heads and bodies, and who resumes all the time."""

import asyncio

import orjson
import pytest

from config.sockets import SocketSettings, within_descriptors
from realtime.doorstep import PEOPLE_MAX, Resumes, Strangers
from realtime.transports.uvicorn_http import BODY_BYTES, HEAD_BYTES_MAX, HttpProtocol
from rooms.errors import TooMany
from storage.bus.memory import MemoryBus, Store
from tests.realtime.node import World, running
from tests.realtime.raw import dialled, opened, request

asynchronous = pytest.mark.asyncio
RESUME = {"type": "resume", "id": "1", "token": "u_ann", "session": "s_x", "epoch": "e", "seq": 0}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpProtocol, "head_seconds", 0.3)
    monkeypatch.setattr(HttpProtocol, "body_seconds", 0.3)


@asynchronous
async def test_strangers_are_bounded_apart_and_make_room_by_signing_in() -> None:
    async with running(MemoryBus(Store()), World(), guarded=True, unsigned_max=2) as node:
        async with opened(node.port) as first, opened(node.port):
            async with dialled(node.port) as third:
                assert await third.shake(request()) == 503
                assert orjson.loads(await third.reader.read())["code"] == "server_full"
            first.say({"type": "auth", "id": "1", "token": "u_ann"})
            while (await first.hear())["type"] != "ready":
                pass
            async with dialled(node.port) as fourth:
                assert await fourth.shake(request()) == 101
        while len(node.realtime.strangers):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynchronous
async def test_one_address_cannot_take_all_places_of_strangers() -> None:
    async with (
        running(MemoryBus(Store()), World(), guarded=True, unsigned_per_address=1) as node,
        opened(node.port),
        dialled(node.port) as raw,
    ):
        assert await raw.shake(request()) == 503
        async with opened(node.port, source="127.0.0.2"):
            pass


@asynchronous
async def test_a_head_that_never_ends_is_hung_up_on(hasty: None) -> None:
    async with (
        running(MemoryBus(Store()), World(), guarded=True) as node,
        dialled(node.port) as silent,
        dialled(node.port) as slow,
    ):
        slow.send(b"GET /v1/socket HTTP/1.1\r\nHost: kindred\r\nX-Slow: ")
        async with asyncio.timeout(20):
            await asyncio.gather(silent.ended(), slow.ended())


@asynchronous
@pytest.mark.parametrize("dripped", [b"\r\n", b"GET /v1"])
async def test_a_second_request_must_come_as_quickly_as_the_first(
    hasty: None, dripped: bytes
) -> None:
    async with (
        running(MemoryBus(Store()), World(), guarded=True) as node,
        dialled(node.port) as raw,
        asyncio.timeout(20),
    ):
        raw.send(b"GET /v1/socket HTTP/1.1\r\nHost: kindred\r\n\r\n")
        await raw.reader.readuntil(b"}")
        raw.send(dripped)
        await raw.ended()


@asynchronous
async def test_a_head_beyond_its_limit_is_refused() -> None:
    async with (
        running(MemoryBus(Store()), World(), guarded=True) as node,
        dialled(node.port) as raw,
        asyncio.timeout(20),
    ):
        raw.send(b"GET / HTTP/1.1\r\n", b"X: " + b"y" * HEAD_BYTES_MAX)
        assert b" 431 " in await raw.reader.readuntil(b"\r\n")
        await raw.ended()


@asynchronous
async def test_a_body_that_hardly_comes_is_hung_up_on(hasty: None) -> None:
    head = b"POST /v1/socket HTTP/1.1\r\nHost: kindred\r\nContent-Length: %d\r\n\r\n"
    async with running(MemoryBus(Store()), World(), guarded=True) as node:
        async with dialled(node.port) as raw, asyncio.timeout(20):
            raw.send(head % 100, b"x")
            await raw.ended()
        async with dialled(node.port) as raw, asyncio.timeout(20):
            raw.send(head % BODY_BYTES, b"x" * BODY_BYTES)
            assert b" 405 " in await raw.reader.readuntil(b"\r\n")


@asynchronous
async def test_whoever_resumes_all_the_time_is_told_to_wait() -> None:
    limits = {"resumes_burst": 2, "resumes_per_second": 0.01}
    seen = []
    async with running(MemoryBus(Store()), World(), guarded=True, **limits) as node:
        for _ in range(3):
            async with opened(node.port) as raw:
                raw.say(RESUME)
                while (frame := await raw.hear())["type"] == "hello":
                    pass
                seen.append(frame)
    assert [frame["type"] for frame in seen] == ["resync", "resync", "error"]
    assert (seen[2]["code"], seen[2]["retryable"]) == ("rate_limited", True)
    assert seen[2]["retry_after_ms"] > 1_000


def test_a_resume_rate_forgets_who_has_not_come_for_longest() -> None:
    resumes = Resumes(0.01, 1)
    resumes.check("first", 0.0)
    for number in range(PEOPLE_MAX):
        resumes.check(f"p{number}", 1.0)
    resumes.check("first", 2.0)
    with pytest.raises(TooMany):
        resumes.check("first", 2.0)


def test_a_stranger_leaves_once() -> None:
    strangers = Strangers(1, 1)
    socket = object()
    strangers.came(socket, "a")
    assert strangers.crowded("b")
    strangers.left(socket)
    strangers.left(socket)
    assert not strangers.crowded("a")


@pytest.mark.parametrize(
    ("descriptors", "sockets"), [(1_024, 768), (10, 64), (1_048_576, 20_000), (-1, 20_000)]
)
def test_a_node_promises_no_more_sockets_than_it_can_open(descriptors: int, sockets: int) -> None:
    assert within_descriptors(SocketSettings(), descriptors).sockets_max == sockets
