"""Which opening handshakes are answered at once; everything odd is left to the library."""

import pytest

from realtime.transports.handshake import (
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    accept_of,
    offered,
    request_of,
    switching,
)

KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION = (b"sec-websocket-version", b"13")
UPGRADE = (b"upgrade", b"websocket")
CONNECTION = (b"connection", b"Upgrade")
GOOD = [(b"host", b"here"), UPGRADE, CONNECTION, KEY, VERSION]


def test_the_example_of_the_standard_is_answered() -> None:
    assert accept_of(GOOD) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    several = [UPGRADE, (b"connection", b"keep-alive , UPGRADE"), KEY, VERSION]
    assert accept_of(several) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "headers",
    [
        [one for one in GOOD if one is not KEY],
        [*GOOD, KEY],
        [*GOOD, VERSION],
        [*GOOD, (b"origin", b"http://a"), (b"origin", b"http://b")],
        [UPGRADE, CONNECTION, KEY, (b"sec-websocket-version", b"8")],
        [UPGRADE, CONNECTION, VERSION, (b"sec-websocket-key", b"c2hvcnQ=")],
        [UPGRADE, CONNECTION, VERSION, (b"sec-websocket-key", b"not base64 at all!")],
        [UPGRADE, CONNECTION, VERSION, (b"sec-websocket-key", "é".encode())],
        [(b"upgrade", b"websocket, h2c"), CONNECTION, KEY, VERSION],
        [UPGRADE, (b"connection", b"close"), KEY, VERSION],
        [UPGRADE, (b"connection", b"upgrades"), KEY, VERSION],
        [*GOOD, (b"x", b"a" * 9_000)],
        [*GOOD, *[(b"x", b"a")] * HEADERS_MAX],
    ],
)
def test_what_is_odd_is_left_to_the_library(headers: list[tuple[bytes, bytes]]) -> None:
    assert accept_of(headers) is None


def test_the_answer_names_what_was_chosen() -> None:
    said = switching(b"proof", [(b"server", b"x")], "kindred.v1.json")
    assert said.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert said.endswith(b"server: x\r\nSec-WebSocket-Protocol: kindred.v1.json\r\n\r\n")
    assert switching(b"proof", [], "").endswith(b"Sec-WebSocket-Accept: proof\r\n\r\n")


def test_what_is_offered_is_read_from_every_line() -> None:
    lines = [(b"sec-websocket-protocol", b"a, b"), (b"x", b"y"), (b"sec-websocket-protocol", b"c")]
    assert offered(lines) == ["a", "b", "c"]


PLAIN = b"GET /v1/socket?x=1 HTTP/1.1\r\nHost: here\r\nX-Y:\t a: b \r\nUpgrade: websocket\r\n\r\n"


def test_a_plain_request_is_read_as_it_stands() -> None:
    headers = [(b"host", b"here"), (b"x-y", b"a: b"), (b"upgrade", b"websocket")]
    assert request_of(PLAIN) == (b"/v1/socket?x=1", headers)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:-1],
        PLAIN[:-2],
        PLAIN + b"x",
        PLAIN + PLAIN,
        PLAIN.replace(b"GET", b"POST"),
        PLAIN.replace(b"1.1", b"1.0"),
        PLAIN.replace(b"GET /", b"GET http://here/"),
        PLAIN.replace(b"GET /", b"GET  /"),
        PLAIN.replace(b"Host: here", b"Host: here\r\n folded"),
        PLAIN.replace(b"Host: here", b"Host : here"),
        PLAIN.replace(b"Host: here", b"Host"),
        PLAIN.replace(b"Host: here", b": here"),
        PLAIN.replace(b"Host: here", b"Host: he\nre"),
        PLAIN.replace(b"Host: here", b"Host: he\rre"),
        PLAIN.replace(b"Host: here", b"Host: he\0re"),
        PLAIN.replace(b"Host: here", "Host: hére".encode()),
        PLAIN.replace(b"Host: here", b"Content-Length: 5"),
        PLAIN.replace(b"Host: here", b"Transfer-Encoding: chunked"),
        PLAIN.replace(b"Host: here", b"Expect: 100-continue"),
        PLAIN.replace(b"here", b"h" * HEAD_BYTES_MAX),
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(data: bytes) -> None:
    assert request_of(data) is None
