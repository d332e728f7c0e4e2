"""A WebSocket's opening handshake where it is as it should be, answered without the library.

The library reads the whole request a second time, which is a tenth of what a sign-in costs when
everybody comes at once. What is not plainly right is left to it, and so is every refusal. Pure.
"""

import hashlib
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from typing import Final

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
VERSION: Final = b"13"
KEY_BYTES: Final = 16
HEADERS_MAX: Final = 100
LINE_BYTES_MAX: Final = 8_000
Headers = Sequence[tuple[bytes, bytes]]
_ONCE: Final = frozenset(
    (b"sec-websocket-version", b"sec-websocket-key", b"upgrade", b"connection", b"origin")
)
HEAD_BYTES_MAX: Final = 16_384
_TEXT: Final = bytes((9, 10, 13, *range(0x20, 0x7F)))
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"  # RFC 9110, 5.6.2
_MORE_FOLLOWS: Final = frozenset((b"content-length", b"transfer-encoding", b"expect", b"trailer"))


def request_of(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """The target and headers of a GET that is whole and plain; None: let HTTP's parser see it.

    Stricter than any parser: visible ASCII alone, no folded line, no body, nothing behind it.
    """
    if not data.startswith(b"GET /") or not data.endswith(b"\r\n\r\n"):
        return None
    lines = data[:-4].split(b"\r\n")
    ends = len(lines) + 1
    if len(data) > HEAD_BYTES_MAX or data.count(b"\r") != ends or data.count(b"\n") != ends:
        return None
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or data.translate(None, _TEXT):
        return None
    headers: list[tuple[bytes, bytes]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not name or not colon or name.translate(None, _TOKEN) or name in _MORE_FOLLOWS:
            return None
        headers.append((name, value.strip(b" \t")))
    return words[1], headers


def accept_of(headers: Headers) -> bytes | None:
    """What proves that we read this request (names in lower case); None: let the library see it."""
    found: dict[bytes, bytes] = {}
    if len(headers) > HEADERS_MAX:
        return None
    for name, value in headers:
        if len(name) + len(value) > LINE_BYTES_MAX:
            return None
        if name in _ONCE:
            if name in found:
                return None
            found[name] = value
    if found.get(b"sec-websocket-version") != VERSION:
        return None
    if found.get(b"upgrade", b"").lower() != b"websocket":
        return None
    options = found.get(b"connection", b"").lower().split(b",")
    if not any(option.strip(b" \t") == b"upgrade" for option in options):
        return None
    key = found.get(b"sec-websocket-key", b"")
    try:
        if len(a2b_base64(key, strict_mode=True)) != KEY_BYTES:
            return None
    except (Error, ValueError):
        return None
    digest = hashlib.sha1(key + GUID, usedforsecurity=False).digest()
    return b2a_base64(digest, newline=False)


def switching(accept: bytes, headers: Iterable[tuple[bytes, bytes]], subprotocol: str) -> bytes:
    """The answer that opens the socket."""
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept,
        *(b"%b: %b" % one for one in headers),
    ]
    if subprotocol:
        lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode("latin-1"))
    return b"\r\n".join((*lines, b"", b""))


def offered(headers: Headers) -> list[str]:
    """The subprotocols a client speaks."""
    return [
        token.strip()
        for name, value in headers
        if name == b"sec-websocket-protocol"
        for token in value.decode("latin-1").split(",")
    ]
