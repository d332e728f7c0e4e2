"""RFC 6455 from a socket of bare bytes: what a peer may do, and how each breach is answered."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator

import pytest

from realtime.doorstep import counted_as
from storage.bus.memory import MemoryBus, Store
from tests.realtime.node import Node, World, running
from tests.realtime.raw import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    close,
    dialled,
    frame,
    opened,
    request,
)

PING_COMMAND = b'{"type":"ping"}'
LONG_ID = json.dumps({"type": "no.such", "id": "1", "x": "a" * 200}).encode()
FRAME_BYTES = 70_000


@pytest.fixture(params=["straight", "past asgi", "through asgi"])
async def node(request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    """All ways through the same protocol: past ASGI, only frames past it, and through it."""
    past, straight = request.param != "through asgi", request.param == "straight"
    async with running(
        MemoryBus(Store()),
        World(),
        guarded=True,
        fast=past,
        straight=straight,
        frame_bytes=FRAME_BYTES,
    ) as started:
        yield started


@pytest.fixture
async def fast() -> AsyncIterator[Node]:
    async with running(MemoryBus(Store()), World(), straight=True) as started:
        yield started


# --- the opening handshake


async def test_the_handshake_proves_that_the_server_understood(fast: Node) -> None:
    async with dialled(fast.port) as raw:
        offered = "other.v9, kindred.v1.msgpack, kindred.v1.json"
        sent = request(
            Sec_WebSocket_Protocol=offered,
            Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits, x-unknown",
            Connection="keep-alive, Upgrade",
            Upgrade="WebSocket",
        )
        assert await raw.shake(sent) == 101
        assert raw.head["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert raw.head["sec-websocket-protocol"] == "kindred.v1.msgpack"
        assert "sec-websocket-extensions" not in raw.head  # no compression was agreed
        assert raw.head["upgrade"].lower() == "websocket"


WRONG_HANDSHAKES: list[tuple[dict[str, str | None], int]] = [
    ({"Sec_WebSocket_Version": "8"}, 426),
    ({"Sec_WebSocket_Version": None}, 426),
    ({"Sec_WebSocket_Version": "x"}, 426),
    ({"Sec_WebSocket_Key": None}, 400),
    ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400),
    ({"Sec_WebSocket_Key": "not base64 at all!"}, 400),
    ({"Upgrade": None}, 426),
    ({"Connection": "close"}, 426),
    ({"method": "POST"}, 405),
    ({"Sec_WebSocket_Protocol": "a" * 9_000}, 431),
]


async def test_a_wrong_handshake_is_refused_at_once_and_the_connection_ends(fast: Node) -> None:
    for changes, status in WRONG_HANDSHAKES:
        async with dialled(fast.port) as raw:
            assert await raw.shake(request(**changes)) == status
            if status == 426 and "Sec_WebSocket_Version" in changes:
                assert raw.head["sec-websocket-version"] == "13"
            raw.writer.write_eof()
            await asyncio.wait_for(raw.ended(), 10)


async def test_the_same_header_twice_is_no_handshake(fast: Node) -> None:
    async with dialled(fast.port) as raw:
        twice = request().replace(b"Upgrade\r\n", b"Upgrade\r\nSec-WebSocket-Key: x\r\n", 1)
        assert await raw.shake(twice) == 400


# --- framing


@pytest.mark.parametrize("cut", [1, 2, 7])
async def test_a_message_may_come_in_fragments_with_control_frames_between(
    node: Node, cut: int
) -> None:
    async with opened(node.port) as raw:
        pieces = [PING_COMMAND[i : i + cut] for i in range(0, len(PING_COMMAND), cut)]
        for i, piece in enumerate(pieces):
            last = i == len(pieces) - 1
            raw.send(frame(CONT if i else TEXT, piece, fin=last))
            if not last:
                raw.send(frame(PING, b"%d" % i), frame(PONG, b"nobody asked"))
        for i in range(len(pieces) - 1):
            assert await raw.frame() == (PONG, b"%d" % i)
        assert (await raw.hear())["type"] == "pong"


async def test_bytes_may_come_one_at_a_time(node: Node) -> None:
    async with opened(node.port) as raw:
        for byte in frame(TEXT, PING_COMMAND) + frame(PING, b"x" * 125):
            raw.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await raw.hear())["type"] == "pong"
        assert await raw.frame() == (PONG, b"x" * 125)


async def test_many_messages_may_come_at_once(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(*(frame(TEXT, PING_COMMAND) for _ in range(20)))
        for _ in range(20):
            assert (await raw.hear())["type"] == "pong"


BROKEN_FRAMES = [
    ("not masked", frame(TEXT, PING_COMMAND, mask=None)),
    ("a control frame in fragments", frame(PING, b"x", fin=False)),
    ("a control frame that is too long", frame(PING, b"x" * 126)),
    ("a long control frame, by its head alone", frame(PING, b"", length=126)),
    ("a goodbye that is too long", frame(CLOSE, b"\x03\xe8" + b"x" * 124)),
    ("the first reserved bit: compressed", frame(TEXT, PING_COMMAND, reserved=4)),
    ("the second reserved bit", frame(TEXT, PING_COMMAND, reserved=2)),
    ("the third reserved bit", frame(PING, b"", reserved=1)),
    ("nothing to continue", frame(CONT, b"x")),
    ("a continuation after an end", frame(TEXT, PING_COMMAND) + frame(CONT, b"x")),
    ("a message within another", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}")),
    ("binary within text", frame(TEXT, b"{", fin=False) + frame(BINARY, b"}")),
    ("16 bits for 125 bytes", frame(TEXT, b"x" * 125, form=2)),
    ("64 bits for 65,535 bytes", frame(TEXT, b"", length=65_535, form=8)),
    ("64 bits for a ping", frame(PING, b"x", form=8)),
    ("a length with the highest bit", frame(TEXT, b"", length=1 << 63, form=8)),
]


async def test_a_broken_frame_closes_with_1002(node: Node) -> None:
    async def answered(sent: bytes) -> int | None:
        async with opened(node.port) as raw:
            raw.send(sent)
            return await asyncio.wait_for(raw.closed(), 10)

    codes = await asyncio.gather(*(answered(sent) for _, sent in BROKEN_FRAMES))
    assert dict(zip([what for what, _ in BROKEN_FRAMES], codes, strict=True)) == {
        what: 1002 for what, _ in BROKEN_FRAMES
    }


async def test_an_unknown_kind_of_frame_closes_with_1002(fast: Node) -> None:
    async def answered(opcode: int) -> int | None:
        async with opened(fast.port) as raw:
            raw.send(frame(opcode, b"x"))
            return await raw.closed()

    codes = await asyncio.gather(*map(answered, (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)))
    assert set(codes) == {1002}


async def test_every_form_of_length_is_read(node: Node) -> None:
    for length in (0, 125, 126, 65_535, 65_536):
        async with opened(node.port) as raw:
            raw.send(frame(TEXT, b"x" * length))
            assert (await raw.hear())["code"] == "malformed"


async def test_a_frame_too_large_is_refused_before_it_comes(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(TEXT, b"", length=FRAME_BYTES + 1))  # nothing of it is ever sent
        assert await asyncio.wait_for(raw.closed(), 10) == 1009


async def test_fragments_too_large_together_are_refused_before_they_come(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(TEXT, b"x" * 60_000, fin=False), frame(CONT, b"", length=60_000))
        assert await asyncio.wait_for(raw.closed(), 10) == 1009


async def test_the_code_of_a_frame_too_large_arrives_though_all_of_it_was_sent(
    node: Node,
) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(TEXT, b"x" * 2_000_000), frame(TEXT, b"and on"))
        assert await asyncio.wait_for(raw.closed(), 10) == 1009


# --- text


async def test_text_may_be_cut_anywhere(fast: Node) -> None:
    for text in ("κόσμε", "\U00010000\U0010ffff", "\ud7ff\ue000", "a\u0301é", "日本語"):
        whole = json.dumps({"type": "no.such", "id": text}, ensure_ascii=False).encode()
        async with opened(fast.port) as raw:
            for cut in range(1, len(whole)):
                raw.send(frame(TEXT, whole[:cut], fin=False), frame(CONT, whole[cut:]))
                assert (await raw.hear())["id"] == text
                raw.send(frame(TEXT, PING_COMMAND))  # so that no three in a row are wrong
                assert (await raw.hear())["type"] == "pong"
                if cut >= 25:
                    break


BROKEN_TEXTS = [
    b"\xff",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88",
    b"\xce",
]


async def test_broken_text_closes_with_1007(node: Node) -> None:
    for broken in BROKEN_TEXTS:
        async with opened(node.port) as raw:
            raw.send(frame(TEXT, b'{"type":"' + broken + b'"}'))
            assert await asyncio.wait_for(raw.closed(), 10) == 1007


async def test_broken_text_closes_before_its_message_ends(node: Node) -> None:
    for broken in (b"\xff", b"\xed\xa0\x80", b"\xf4\x90"):
        async with opened(node.port) as raw:
            raw.send(frame(TEXT, b'{"a":"', fin=False), frame(CONT, broken, fin=False))
            assert await asyncio.wait_for(raw.closed(), 10) == 1007


async def test_text_that_ends_within_a_character_closes_with_1007(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(TEXT, b"\xe6\x97", fin=False), frame(CONT, b""))
        assert await asyncio.wait_for(raw.closed(), 10) == 1007


async def test_each_format_has_its_kind_of_frame(fast: Node) -> None:
    async with opened(fast.port, protocol="kindred.v1.msgpack") as raw:
        raw.send(frame(TEXT, PING_COMMAND))
        assert await raw.closed() == 1003
    async with opened(fast.port) as raw:
        raw.send(frame(BINARY, b"\xff\xfe"))
        assert (await raw.hear())["code"] == "not_in_call"


# --- goodbye


LEGAL = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
ILLEGAL = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]


async def test_a_goodbye_is_answered_with_its_code(fast: Node) -> None:
    for code in [*LEGAL, None]:
        async with opened(fast.port) as raw:
            raw.send(close(code, b"" if code is None else "auf Wiederhören".encode()))
            assert await raw.closed() == (code or 1005)


async def test_a_code_that_may_not_be_sent_closes_with_1002(fast: Node) -> None:
    for code in ILLEGAL:
        async with opened(fast.port) as raw:
            raw.send(close(code))
            assert await raw.closed() == 1002


async def test_a_goodbye_of_one_byte_or_of_broken_text_is_an_error(fast: Node) -> None:
    for payload, answer in ((b"\x03", 1002), (b"\x03\xe8\xff", 1007), (b"\x03\xe8\xce", 1007)):
        async with opened(fast.port) as raw:
            raw.send(frame(CLOSE, payload))
            assert await raw.closed() == answer


async def test_nothing_is_heard_after_a_goodbye(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(close(1000), frame(TEXT, PING_COMMAND), frame(PING, b"still there?"))
        assert await raw.frame() == (CLOSE, b"\x03\xe8")
        assert await raw.reader.read() == b""


async def test_what_came_whole_before_the_breach_is_still_answered(fast: Node) -> None:
    async with opened(fast.port) as raw:
        raw.send(frame(TEXT, PING_COMMAND), frame(7, b""))
        assert (await raw.hear())["type"] == "pong"
        assert await raw.closed() == 1002


async def test_a_breach_leaves_nothing_behind(node: Node) -> None:
    for sent in itertools.islice(itertools.cycle([frame(3), close(1000), b"\x81"]), 9):
        async with opened(node.port, "u_ann") as raw:
            raw.send(sent)
            if sent != b"\x81":
                await raw.closed()
    while node.realtime.sockets or node.server.server_state.connections:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert len(node.realtime.registry) == 0
    assert not node.realtime.addresses


# --- who may come in


async def test_a_full_server_says_so_at_the_handshake_and_has_room_again() -> None:
    async with running(MemoryBus(Store()), World(), straight=True, sockets_max=2) as node:
        async with (
            opened(node.port),
            opened(node.port, source="127.0.0.2"),
            dialled(node.port) as raw,
        ):
            assert await raw.shake(request()) == 503
            body = json.loads(await raw.reader.read())
            assert (body["code"], body["retryable"]) == ("server_full", True)
            assert raw.head["retry-after"] == "5"
        while node.realtime.addresses.total():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        async with opened(node.port):
            pass


async def test_one_address_cannot_take_all_sockets() -> None:
    async with (
        running(MemoryBus(Store()), World(), straight=True, sockets_per_address=2) as node,
        opened(node.port),
        opened(node.port),
        dialled(node.port) as raw,
    ):
        forged = request(X_Forwarded_For="10.0.0.9")  # no proxy is trusted here
        assert await raw.shake(forged) == 429
        assert json.loads(await raw.reader.read())["code"] == "too_many_sockets"
        async with opened(node.port, source="127.0.0.2"):
            pass


def test_an_address_is_counted_by_its_line() -> None:
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff") != counted_as("2001:db8:1::1")
    assert counted_as("::ffff:10.0.0.1") == counted_as("10.0.0.1") == "10.0.0.1"
    assert len(counted_as("x" * 500)) == 64


# --- hostile peers


async def test_a_flood_of_pings_closes_with_4529(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(PING, b"x") * 5_000)
        assert await asyncio.wait_for(raw.closed(), 10) == 4529


async def test_fragments_without_end_close_with_4529(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(TEXT, b"", fin=False), frame(CONT, b"", fin=False) * 5_000)
        assert await asyncio.wait_for(raw.closed(), 10) == 4529


async def test_a_peer_that_never_answers_a_goodbye_is_let_go(node: Node) -> None:
    async with opened(node.port) as raw:
        raw.send(frame(3))
        assert (await raw.frame())[0] == CLOSE
        await asyncio.wait_for(raw.ended(), 10)  # the server hangs up by itself
