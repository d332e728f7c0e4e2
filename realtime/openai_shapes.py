"""What a client of `/v1/realtime` may send, by OpenAI's current event names, typed and bounded.

Fields that exist there and mean something we do not do are read and refused by name, so that
nobody believes they took effect; empty ones (`null`, `[]`, `{}`) are let pass.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from rooms.commands import NO_NUL
from rooms.errors import BadRequest, Invalid, NotFound

NAME_CHARACTERS: Final = 512
TEXT_CHARACTERS: Final = 32_000
NESTED: Final = 8
HARMLESS: Final[dict[str, tuple[object, ...]]] = {  # what comes to the same as not asking
    "tool_choice": ("auto", "none"),
    "truncation": ("auto",),
    "parallel_tool_calls": (True, False),
}
TEXT_ONLY: Final = ["text"]
ECHOED: Final = ("type", "id", "object", "expires_at", "model", "instructions")
SESSION_KNOWN: Final = (*ECHOED, "output_modalities", "max_output_tokens")
RESPONSE_KNOWN: Final = (
    "conversation",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "output_modalities",
)

Name = Annotated[str, Meta(max_length=NAME_CHARACTERS)]
ItemId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS, pattern=NO_NUL)]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]
Tokens = Annotated[int, Meta(ge=1, le=4_096)]
Role = Literal["user", "assistant", "system"]

SPOKEN_AS: Final[dict[Role, str]] = {
    "user": "input_text",
    "system": "input_text",
    "assistant": "output_text",
}


class _Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of an event."""


class _Event(_Shape, frozen=True, kw_only=True, tag_field="type"):
    """The base of all client events; `event_id` comes back in an error about it."""

    event_id: Name | None = None


class Part(_Shape, frozen=True, kw_only=True):
    """One piece of a message's content."""

    type: str = "input_text"
    text: Text | None = None
    audio: Any = None
    transcript: Any = None
    image_url: Any = None
    detail: Any = None


class NewMessage(_Shape, frozen=True, kw_only=True):
    """An item that a client adds: a message of text."""

    role: Role
    content: Annotated[list[Part], Meta(min_length=1, max_length=32)]
    id: ItemId | None = None
    type: Literal["message"] = "message"
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None
    phase: Any = None


class SessionChange(_Shape, frozen=True, kw_only=True):
    """What `session.update` may name; `unsupported` says what of it is not for us."""

    type: Literal["realtime"]
    instructions: Text | None = None
    output_modalities: list[str] | None = None
    max_output_tokens: Tokens | Literal["inf"] | None = None
    model: str | None = None
    id: Any = None
    object: Any = None
    expires_at: Any = None
    audio: Any = None
    include: Any = None
    parallel_tool_calls: Any = None
    prompt: Any = None
    reasoning: Any = None
    tool_choice: Any = None
    tools: Any = None
    tracing: Any = None
    truncation: Any = None


class ResponseAsked(_Shape, frozen=True, kw_only=True):
    """What `response.create` may say about this one response."""

    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[Any], Meta(max_length=256)] | None = None
    instructions: Text | None = None
    max_output_tokens: Tokens | Literal["inf"] | None = None
    metadata: Metadata | None = None
    output_modalities: list[str] | None = None
    audio: Any = None
    parallel_tool_calls: Any = None
    prompt: Any = None
    reasoning: Any = None
    tool_choice: Any = None
    tools: Any = None


class SessionUpdate(_Event, frozen=True, kw_only=True, tag="session.update"):
    session: SessionChange


class ItemCreate(_Event, frozen=True, kw_only=True, tag="conversation.item.create"):
    item: dict[str, Any]
    previous_item_id: Name | None = None


class ItemRetrieve(_Event, frozen=True, kw_only=True, tag="conversation.item.retrieve"):
    item_id: Name


class ItemDelete(_Event, frozen=True, kw_only=True, tag="conversation.item.delete"):
    item_id: Name


class ItemTruncate(_Event, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    item_id: Name
    content_index: int
    audio_end_ms: int


class ResponseCreate(_Event, frozen=True, kw_only=True, tag="response.create"):
    response: ResponseAsked | None = None


class ResponseCancel(_Event, frozen=True, kw_only=True, tag="response.cancel"):
    response_id: Name | None = None


class AudioAppend(_Event, frozen=True, kw_only=True, tag="input_audio_buffer.append"):
    audio: Any = None


class AudioCommit(_Event, frozen=True, kw_only=True, tag="input_audio_buffer.commit"):
    """Ends what was said aloud."""


class AudioClear(_Event, frozen=True, kw_only=True, tag="input_audio_buffer.clear"):
    """Forgets what was said aloud."""


class OutputAudioClear(_Event, frozen=True, kw_only=True, tag="output_audio_buffer.clear"):
    """Stops what is being played."""


AudioEvent = AudioAppend | AudioCommit | AudioClear | OutputAudioClear
ClientEvent = (
    SessionUpdate
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
    | AudioEvent
)
EVENT_NAMES: Final = (
    "session.update",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.delete",
    "conversation.item.truncate",
    "response.create",
    "response.cancel",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "output_audio_buffer.clear",
)

_decode: Any = msgspec.json.Decoder(ClientEvent).decode


def read(raw: bytes) -> ClientEvent:
    """A client's frame. Raises BadRequest (not JSON) or Invalid (with the path of the field)."""
    try:
        return _decode(raw)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise _invalid(str(error), raw) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"This is not JSON: {error}.", code="invalid_json") from error


def read_message(raw: object, path: str) -> NewMessage:
    """A message among a client's items. Raises Invalid."""
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind != "message":
        raise Invalid(
            "Only items of type 'message' are held here; there are no tools.",
            code="unsupported_item",
            path=f"{path}.type",
        )
    try:
        message = msgspec.convert(raw, NewMessage)
    except RecursionError as error:
        raise Invalid("This is nested too deep.", code="invalid_value", path=path) from error
    except msgspec.ValidationError as error:
        text, _, at = str(error).rpartition(" - at `")
        inner = at.rstrip("`").removeprefix("$") if text else ""
        raise Invalid(text or str(error), code="invalid_value", path=path + inner) from error
    for number, part in enumerate(message.content):
        _check_part(message.role, part, f"{path}.content[{number}]")
    return message


def _check_part(role: Role, part: Part, path: str) -> None:
    if "audio" in part.type:
        raise no_voice(f"{path}.type")
    wanted = SPOKEN_AS[role]
    if part.type != wanted:
        raise Invalid(
            f"A message of role {role!r} is made of {wanted!r} here, not {part.type[:40]!r}.",
            code="unsupported_content",
            path=f"{path}.type",
        )
    if part.text is None:
        raise Invalid("This part has no text.", code="missing_required", path=f"{path}.text")
    for name in ("audio", "transcript", "image_url"):
        if getattr(part, name) is not None:
            raise Invalid("Only text is read here.", code="unsupported_content", path=path)


def unsupported(shape: SessionChange | ResponseAsked, known: tuple[str, ...]) -> str | None:
    """The first field that asks for something we do not do, or None."""
    for name in shape.__struct_fields__:
        value = getattr(shape, name)
        if name not in known and value not in HARMLESS.get(name, ()) and says_something(value):
            return name
    return None


def refuse_unsupported(
    shape: SessionChange | ResponseAsked, known: tuple[str, ...], path: str
) -> None:
    """Raises where something is asked that is not done here, and says what."""
    modalities = shape.output_modalities
    if modalities is not None and modalities != TEXT_ONLY:
        where = f"{path}.output_modalities"
        if "audio" in modalities:
            raise no_voice(where)
        raise Invalid("The output can be ['text'] here.", code="invalid_value", path=where)
    field = unsupported(shape, known)
    if field == "audio":
        raise no_voice(f"{path}.audio")
    if field is not None:
        raise Invalid(
            f"{field!r} is not supported here.",
            code="unsupported_parameter",
            path=f"{path}.{field}",
        )


def says_something(value: object, depth: int = 0) -> bool:
    """Whether a field that we do not do asks for anything at all."""
    if isinstance(value, dict) and depth < NESTED:
        return any(says_something(inner, depth + 1) for inner in value.values())
    return value is not None and value != []


def no_voice(path: str | None) -> Invalid:
    """The refusal of everything that is heard or spoken."""
    return Invalid(
        "Voice is not enabled on this model: send and ask for text.",
        code="voice_not_enabled",
        path=path,
    )


def item_not_found(item: str, path: str) -> NotFound:
    """The refusal of an id that names nothing in this conversation."""
    return NotFound(
        f"There is no item {item[:64]!r} in this conversation.", code="item_not_found", path=path
    )


def event_id_in(raw: bytes) -> str | None:
    """The client's own id of a frame that could not be read, as far as there is one."""
    found = _field(raw, "event_id")
    return found[:NAME_CHARACTERS] if isinstance(found, str) else None


def _invalid(said: str, raw: bytes) -> Invalid:
    """What the decoder complained of; an unknown `type` is told what there is."""
    message, found, path = said.rpartition(" - at `")
    if not found:
        message, path = said, "$`"
    path = path.rstrip("`")
    if path == "$.type" and message.startswith("Invalid value"):
        kind = _field(raw, "type")
        shown = repr(kind[:64]) if isinstance(kind, str) else "this"
        return Invalid(
            f"There is no event {shown}. Supported are: {', '.join(EVENT_NAMES)}.",
            code="unknown_event",
            path=path,
        )
    if "unknown field" in message:
        return Invalid(message, code="unknown_parameter", path=path)
    if "missing required field" in message:
        return Invalid(message, code="missing_required", path=path)
    return Invalid(message, code="invalid_value", path=path)


def _field(raw: bytes, name: str) -> object:
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return decoded.get(name) if isinstance(decoded, dict) else None
