"""Bytes to commands and events to bytes, as JSON text or MessagePack.

An event is encoded once per log entry and format; each session's `seq` and the entry's `at` are
spliced in front, so that a hundred readers cost one encoding.
"""

from typing import Any, Literal

import msgspec

from rooms.commands import AnyCommand
from rooms.errors import BadRequest, Invalid, ProductError

Format = Literal["json", "msgpack"]

_json_command: Any = msgspec.json.Decoder(AnyCommand)
_pack_command: Any = msgspec.msgpack.Decoder(AnyCommand)
_json_encode = msgspec.json.Encoder().encode
_pack_encode = msgspec.msgpack.Encoder().encode
_FIXMAP_MAX = 15


def encode_json(value: Any) -> bytes:
    """A frame or event as JSON."""
    return _json_encode(value)


def encode(value: Any, form: Format) -> bytes:
    """A frame or event as bytes of the connection's format."""
    return _json_encode(value) if form == "json" else _pack_encode(value)


def repacked(event: bytes) -> bytes:
    """An event in JSON, as it lies in the log, as MessagePack."""
    return _pack_encode(msgspec.json.decode(event))


def number_json(event: bytes, seq: int, at: int) -> bytes:
    """An event in JSON as the frame with this `seq`."""
    return b'{"seq":%d,"at":%d,%b' % (seq, at, event[1:])


def number_pack(event: bytes, seq: int, at: int) -> bytes:
    """An event in MessagePack as the frame with this `seq`: two more pairs in front of its map."""
    head = event[0]
    if head & 0xF0 == 0x80:  # a fixmap
        pairs, body = (head & 0x0F) + 2, 1
    else:  # a map16; no event is longer
        pairs, body = int.from_bytes(event[1:3], "big") + 2, 3
    start = b"%c" % (0x80 | pairs) if pairs <= _FIXMAP_MAX else b"\xde" + pairs.to_bytes(2, "big")
    return start + b"\xa3seq" + _pack_encode(seq) + b"\xa2at" + _pack_encode(at) + event[body:]


def decode(data: bytes, form: Format) -> AnyCommand:
    """A client's frame. Raises BadRequest (not JSON) or Invalid (with the path of the field)."""
    try:
        if form == "json":
            return _json_command.decode(data)  # type: ignore[no-any-return]
        return _pack_command.decode(data)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise _invalid(str(error), data, form) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"This is not {form}: {error}.", code="malformed", path="$") from error


def _invalid(said: str, data: bytes, form: Format) -> ProductError:
    """What the decoder complained of, with the path; an unknown `type` has a code of its own."""
    message, found, path = said.rpartition(" - at `")
    if not found:
        message, path = said, "$`"
    path = path.rstrip("`")
    if "matching regex" in message:
        message = "This may not contain a NUL character"
    if path == "$.type" and message.startswith("Invalid value"):
        return Invalid(
            f"There is no command {type_in(data, form)!r}.", code="unknown_type", path=path
        )
    return Invalid(message, code="invalid", path=path)


def type_in(data: bytes, form: Format) -> str:
    """The `type` a frame names, as far as it can be read; bounded, for it is said back."""
    found = _field(data, form, "type")
    return found[:64] if isinstance(found, str) else ""


def id_in(data: bytes, form: Format) -> str | None:
    """The command's id, if the frame has one, so that its refusal can name it."""
    found = _field(data, form, "id")
    return found[:64] if isinstance(found, str) else None


def _field(data: bytes, form: Format, name: str) -> object:
    try:
        raw = msgspec.json.decode(data) if form == "json" else msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return raw.get(name) if isinstance(raw, dict) else None
