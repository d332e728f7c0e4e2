"""Sound people leave here, over REST: voice notes sent in, recordings listed, heard, erased.

A note is sent in a message by its id (`message.send` with `voice`); until then it is its owner's.
"""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from starlette.responses import Response

from media.sound.opening import MEDIA_TYPES
from rooms.commands import RecordingSet
from rooms.errors import NotFound
from rooms.recordings import Recording
from server.rest import Call, Routes
from server.rest.reading import RangeNotSatisfiable, read_body
from storage.calls import find_call

routes = Routes(tag="media")
SOUNDS: Final = tuple(dict.fromkeys(MEDIA_TYPES.values()))
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class RecordingQuery(Struct, frozen=True, kw_only=True):
    """`kind`: only voice notes, or only recordings of calls."""

    kind: Literal["", "voice_note", "call"] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000)] = 0


class NoteQuery(Struct, frozen=True, kw_only=True):
    """`language`: what is spoken, such as en; the recogniser finds out where it is not told."""

    language: Annotated[str, Meta(max_length=16, pattern=r"^[A-Za-z-]*$")] = ""


class RecordingList(Struct, frozen=True):
    items: list[Recording]
    has_more: bool


@routes.post("/api/v1/media/recordings", status=201, scope="chat", takes=SOUNDS)
async def take_note(call: Call, query: NoteQuery) -> Recording:
    """Send a voice note in: the body is the file (webm, ogg, mp4, mp3, wav or flac).

    It is opened, measured and written down here; send it with `voice` of a message.
    """
    data = await read_body(call.request, call.house.settings.recordings.note_bytes)
    return await call.house.recordings.take_note(call.principal, data, query.language or None)


@routes.get("/api/v1/media/recordings", scope="chat")
async def list_recordings(call: Call, query: RecordingQuery) -> RecordingList:
    """Your recordings, the newest first."""
    items, more = await call.house.recordings.page(
        call.principal, query.limit, query.offset, query.kind
    )
    return RecordingList(items, more)


@routes.get("/api/v1/media/recordings/{recording}/sound", scope="chat", gives=SOUNDS)
async def hear_recording(call: Call, recording: str) -> Response:
    """The sound of a recording you may hear; `Range` gives a part of it."""
    row = await call.house.recordings.heard_by(call.principal, recording)
    asked = part_of(call.request.headers.get("range", ""), row.bytes)
    start, end = asked or (0, row.bytes)
    sound = await call.house.recordings.sound(row, start, end)
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
    if asked is None:
        return Response(sound, headers=headers, media_type=row.media_type)
    headers["content-range"] = f"bytes {start}-{end - 1}/{row.bytes}"
    return Response(sound, 206, headers, media_type=row.media_type)


@routes.delete("/api/v1/media/recordings/{recording}", status=204, scope="chat")
async def erase_recording(call: Call, recording: str) -> None:
    """Erase a recording of yours for good; the words of a voice note stay in its message."""
    await call.house.recordings.delete(call.principal, recording)


@routes.delete("/api/v1/rooms/{room}/recordings", status=204, scope="chat")
async def erase_recordings_of_room(call: Call, room: str) -> None:
    """Erase everything you recorded of calls in a room, for good."""
    await call.house.recordings.delete_calls(call.principal, room)


class Agreement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether you agree that this call is recorded."""

    on: bool


class CallRecordings(Struct, frozen=True):
    items: list[Recording]


@routes.post("/api/v1/calls/{call_id}/recording", status=204, scope="chat")
async def agree_to_recording(call: Call, call_id: str, body: Agreement) -> None:
    """Agree that a call in your room is recorded, or no more: then it stops at once.

    It is recorded while everybody in the room agrees; `call.recording` tells how that stands.
    """
    row = await find_call(call.house.db, call_id)
    if row is None:
        raise NotFound("There is no such call.", code="call_not_found")
    command = RecordingSet(id="0", room=row.room, call=row.call, on=body.on)
    await call.house.realtime.command(call.principal, command, call.request_id)


@routes.get("/api/v1/calls/{call_id}/recordings", scope="chat")
async def list_recordings_of_call(call: Call, call_id: str) -> CallRecordings:
    """What was recorded of your call, once it has ended."""
    return CallRecordings(await call.house.recordings.of_call(call.principal, call_id))


def part_of(header: str, size: int) -> tuple[int, int] | None:
    """Bytes [start, end) of a Range header; None for the whole (also where it asks for several).

    Raises RangeNotSatisfiable.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if start >= size or end <= start:
        raise RangeNotSatisfiable(f"There are {size} bytes.", details={"bytes": size})
    return start, end
