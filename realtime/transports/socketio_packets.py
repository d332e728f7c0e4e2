"""Kindred's frames as Socket.IO packets and back, and what may come over engine.io at all.

Pure: a frame's `type` is the event's name and the frame is its one argument; a callback's number
becomes an ack packet. Sources: the engine.io protocol (v4) and the Socket.IO protocol (v5).
"""

import base64
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from realtime import frames

SEPARATOR: Final = "\x1e"
PONG: Final = "3"
NOOP: Final = "6"
DISCONNECT: Final = "1"
SIGN_IN_ID: Final = "connect"
ATTACHMENTS_MAX: Final = 10
PACKETS_MAX: Final = 16  # in one polling request; the library takes no more either
_ENGINE: Final = frozenset("12356")  # close, ping (a probe), pong, upgrade, noop
_POLLED: Final = frozenset("134")  # close, pong, message
_DIGITS: Final = frozenset("0123456789")
_kind = re.compile(rb'\{(?:"seq":\d+,"at":-?\d+,)?"type":"([a-z_.]+)"')
# Codes after which a client must not come back by itself: with the same session it would take
# it from whoever has it now (4009), or meet the same refusal again.
_FINAL: Final = frozenset({frames.CLOSE_BYE, frames.CLOSE_REPLACED})
_SILENT: Final = frozenset({"ping", "typing", "read", "presence"})


def kind_of(frame: bytes) -> str:
    """The `type` of one of our own frames in JSON; it always stands in front."""
    found = _kind.match(frame)
    assert found is not None, "a frame of ours names its type first"
    return found[1].decode()


def event(frame: bytes) -> str:
    """A frame as an event packet."""
    return f'2["{kind_of(frame)}",{frame.decode()}]'


def ack(number: int, frame: bytes) -> str:
    """A frame as the argument of the client's callback."""
    return f"3{number}[{frame.decode()}]"


def goodbye(code: int, reason: str) -> str:
    """The last event: why the connection ends."""
    told = msgspec.json.encode({"code": code, "reason": reason}).decode()
    return f'2["close",{told}]'


def no_entry(code: int, reason: str) -> str:
    """The same for someone who never came in."""
    said = closed(code, reason)
    return "4" + msgspec.json.encode({"message": said.pop("message"), "data": said}).decode()


def closed(code: int, reason: str) -> dict[str, Any]:
    """A close as the refusal of a sign-in that was under way."""
    name = "token_expired" if code == frames.CLOSE_TOKEN_EXPIRED else "closed"
    return {"message": reason, "code": name, "close": code}


def is_final(code: int) -> bool:
    """Whether the client is told to stay away (a Socket.IO client comes back otherwise)."""
    return code in _FINAL or 4500 <= code <= 4999


def sign_in(auth: object) -> bytes:
    """The connect packet's payload as `auth`, or as `resume` if it names a session."""
    fields = dict(auth) if isinstance(auth, dict) else {}
    kind = "resume" if "session" in fields else "auth"
    return msgspec.json.encode({**fields, "type": kind, "id": SIGN_IN_ID})


def is_event(data: object) -> bool:
    """Whether this is what an event packet must hold: a name and its arguments."""
    return isinstance(data, list) and bool(data) and isinstance(data[0], str)


def command(data: Sequence[Any], new_id: str, *, answered: bool) -> tuple[bytes, str | None]:
    """An event as a command's frame, and its id; who gives none gets `new_id`.

    Commands that need no answer get no id either, unless a callback waits for one.

    More than one argument, or one that is no object, is no command: the frame then fails to
    decode, which is answered like any malformed one.
    """
    first = data[1] if len(data) > 1 else {}
    if len(data) > 2 or not isinstance(first, dict):
        return b"[]", None
    fields = {**first, "type": data[0]}
    if answered or data[0] not in _SILENT:
        fields.setdefault("id", new_id)
    command_id = fields.get("id")
    known = command_id[:64] if isinstance(command_id, str) else None
    return msgspec.json.encode(fields), known


def proper(packet: str) -> bool:
    """Whether a text from the peer is an engine.io packet that a client may send.

    The library would fail on others in ways of its own: deep JSON, odd digits, nothing at all.
    """
    if packet[:1] == "4":
        return len(packet) > 1 and packet[1] in _DIGITS
    return packet[:1] in _ENGINE and len(packet) <= len("2probe")


def polled(body: bytes) -> list[str] | None:
    """The packets of a polling request, or None if it is not one."""
    try:
        packets = body.decode().split(SEPARATOR)
    except UnicodeDecodeError:
        return None
    fine = len(packets) <= PACKETS_MAX and all(_proper_polled(one) for one in packets)
    return packets if fine else None


def _proper_polled(packet: str) -> bool:
    if packet[:1] != "b":  # probes and upgrades belong to a WebSocket
        return proper(packet) and packet[:1] in _POLLED
    try:
        base64.b64decode(packet[1:], validate=True)
    except ValueError:
        return False
    return True
