"""Bytes to commands and events to bytes, as JSON text or MessagePack.

An event is encoded once per log entry; each device's `seq` and `at` are spliced in front, so
that a hundred readers cost one encoding.
"""

from typing import Any, Literal

import msgspec

from rooms.commands import AnyCommand
from rooms.errors import BadRequest, Invalid

Format = Literal["json", "msgpack"]

_json_command = msgspec.json.Decoder(AnyCommand)
_pack_command = msgspec.msgpack.Decoder(AnyCommand)
_json_encode = msgspec.json.Encoder().encode
_pack_encode = msgspec.msgpack.Encoder().encode


def encode_json(value: Any) -> bytes:
    """A frame or event as JSON."""
    return _json_encode(value)


def encode(value: Any, form: Format) -> bytes:
    """A frame or event as bytes of the connection's format."""
    return _json_encode(value) if form == "json" else _pack_encode(value)


def numbered(event: bytes, seq: int, at: int, form: Format) -> bytes:
    """A logged event (JSON) as the frame with this `seq`."""
    if form == "json":
        return b'{"seq":%d,"at":%d,%s' % (seq, at, event[1:])
    return _pack_encode({"seq": seq, "at": at, **msgspec.json.decode(event)})


def unnumbered(event: bytes, form: Format) -> bytes:
    """An ephemeral event (JSON) as a frame without `seq`."""
    return event if form == "json" else _pack_encode(msgspec.json.decode(event))


def decode(data: bytes, form: Format) -> AnyCommand:
    """A client's frame. Raises BadRequest (not JSON) or Invalid (with the path of the field)."""
    decoder: Any = _json_command if form == "json" else _pack_command
    try:
        command: AnyCommand = decoder.decode(data)
    except msgspec.ValidationError as error:
        message, found, path = str(error).rpartition(" - at `")
        code = "unknown_type" if "Invalid value" in str(error) and "type" in path else "invalid"
        raise Invalid(
            message if found else path, code=code, path=path.rstrip("`") if found else "$"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"This is not {form}: {error}.", code="malformed", path="$") from error
    return command


def id_in(data: bytes, form: Format) -> str | None:
    """The command's id, if the frame has one, so that its refusal can name it."""
    try:
        raw = msgspec.json.decode(data) if form == "json" else msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found = raw.get("id") if isinstance(raw, dict) else None
    return found[:64] if isinstance(found, str) else None
