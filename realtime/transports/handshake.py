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
