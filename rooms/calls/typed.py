"""Commands that come over a call's data channel: the socket's own, about this room, answered there.

Only what a person in a call may do with this room is taken; everything else is refused by name.
"""

from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from rooms.calls.call import Call
from rooms.commands import (
    Answer,
    BranchSelect,
    CallCamera,
    CallEnd,
    MessageEdit,
    MessageReact,
    MessageSend,
    ReadSet,
    RecordingSet,
    ReplyCancel,
    ReplyCreate,
    TypingSet,
)
from rooms.errors import Invalid, ProductError, Unavailable
from rooms.ports import LogStale, LogStalled
from storage.database import DATABASE_AWAY

if TYPE_CHECKING:
    from rooms.room import ChatRoom

TypedCommand = (
    MessageSend
    | MessageEdit
    | MessageReact
    | ReplyCreate
    | ReplyCancel
    | BranchSelect
    | TypingSet
    | ReadSet
    | CallCamera
    | CallEnd
    | RecordingSet
)
logger = structlog.get_logger(__name__)
LONGEST_BYTES = 65_536
_decode: Any = msgspec.json.Decoder(TypedCommand).decode
_encode = msgspec.json.Encoder().encode


async def read_typed(room: "ChatRoom", call: Call) -> None:
    """Carry out what is typed, one after another, until cancelled."""
    while True:
        data = await call.typed.get()
        try:
            command = _command(data)
            if not isinstance(command, ReplyCancel) and command.room != room.row.room:
                raise Invalid("This channel is for its own room.", code="other_room", path="$.room")
            if isinstance(command, CallEnd):
                call.hang_up("hung_up")
                return
            key = getattr(command, "key", None) or f"{call.calling.call}/{command.id}"
            answer = await room.command(call.calling.who, command, key)
            said = _ack(command.id, answer)
        except ProductError as error:
            said = _refusal(_id_in(data), error)
        except DATABASE_AWAY as error:
            logger.warning("the database is away", kind=type(error).__name__)
            away = Unavailable("The database does not answer.", retry_after_ms=1000)
            said = _refusal(_id_in(data), away)
        except (LogStale, LogStalled):
            return  # the room moves; the call ends with it
        if call.leg is not None and said:
            call.leg.tell(said)


def _command(data: bytes) -> TypedCommand:
    if len(data) > LONGEST_BYTES:
        raise Invalid("This is too long.", code="too_large")
    try:
        command: TypedCommand = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"This is no command of a call: {error}.", code="malformed") from error
    return command


def _id_in(data: bytes) -> str | None:
    try:
        found = msgspec.json.decode(data[:LONGEST_BYTES])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    named = found.get("id") if isinstance(found, dict) else None
    return named[:64] if isinstance(named, str) else None


def _ack(command_id: str | None, answer: Answer) -> bytes:
    if command_id is None:
        return b""
    return _encode({"type": "ack", "id": command_id, **msgspec.to_builtins(answer)})


def _refusal(command_id: str | None, error: ProductError) -> bytes:
    return _encode(
        {
            "type": "error",
            "id": command_id,
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "retry_after_ms": error.retry_after_ms,
            "path": error.path,
            "details": error.details,
        }
    )
