"""Rooms over REST: make, list, show, history, send (with a reply as SSE), search, report, block.

What changes a live room is the same command as on the socket, carried to the room's holder.
"""

import contextlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from realtime.transports.sse import reply_stream
from rooms.commands import Answer, BranchSelect, MessageEdit, MessageSend, ReplyCancel, ReplyCreate
from rooms.errors import NotFound
from rooms.lobby import Page, Reason
from rooms.shapes import Message, Room
from server.inspector import PromptView, inspect
from server.rest import Call, Routes

routes = Routes(tag="rooms")

Limit = Annotated[int, Meta(ge=1, le=100)]
Offset = Annotated[int, Meta(ge=0, le=100_000)]
Title = Annotated[str, Meta(max_length=120)]
Text = Annotated[str, Meta(min_length=1, max_length=16_000)]


class NewRoom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who to talk with: companion ids or slugs."""

    companions: Annotated[list[str], Meta(min_length=1, max_length=8)]
    title: Title = ""


class RoomChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Title | None = None
    status: Literal["active", "ended", "archived"] | None = None


class RoomList(Struct, frozen=True):
    items: list[Room]
    has_more: bool
    cursor: str | None = None


class RoomQuery(Struct, frozen=True, kw_only=True):
    status: Literal["active", "ended", "archived"] | None = None
    limit: Limit = 50
    offset: Offset = 0


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """`before` and `cursor` are message numbers; the page holds what stands before them."""

    before: int | None = None
    cursor: int | None = None
    limit: Limit = 50
    offset: Offset = 0


class SearchQuery(Struct, frozen=True, kw_only=True):
    q: Annotated[str, Meta(min_length=1, max_length=200)]
    limit: Limit = 20


class Found(Struct, frozen=True):
    items: list[Message]


class NewMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words, or (`voice`) a voice note of yours."""

    text: Text = ""  # "" only where it is left out
    parent: str | None = None
    voice: str | None = None

    def __post_init__(self) -> None:
        """Something has to be said, in one way or the other."""
        if not self.text and self.voice is None:
            raise ValueError("Object missing required field `text`")


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Text


class NewReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: str
    mode: Literal["again", "continue"] = "again"


class NewReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    room: str
    message: str
    reason: Reason
    note: Annotated[str, Meta(max_length=2_000)] = ""


class Reported(Struct, frozen=True):
    id: str
    status: Literal["pending"] = "pending"


@routes.post("/api/v1/rooms", status=201, scope="chat")
async def create_room(call: Call, body: NewRoom) -> Room:
    """Start a conversation with one companion or several."""
    made = await call.house.lobby.create(call.principal, body.companions, body.title)
    await _faces_ahead(call, made)
    return made


@routes.get("/api/v1/rooms", scope="chat")
async def list_rooms(call: Call, query: RoomQuery) -> RoomList:
    """Your conversations, the liveliest first."""
    items, more = await call.house.lobby.page(
        call.principal, query.status, query.limit, query.offset
    )
    return RoomList(items, more, str(query.offset + query.limit) if more else None)


@routes.get("/api/v1/rooms/active", scope="chat")
async def active_rooms(call: Call, query: RoomQuery) -> RoomList:
    """Your active conversations."""
    items, more = await call.house.lobby.page(call.principal, "active", query.limit, query.offset)
    return RoomList(items, more, str(query.offset + query.limit) if more else None)


@routes.get("/api/v1/rooms/{room}", scope="chat")
async def show_room(call: Call, room: str) -> Room:
    """One conversation."""
    found = await call.house.lobby.show(call.principal, room)
    await _faces_ahead(call, found)
    return found


async def _faces_ahead(call: Call, room: Room) -> None:
    """Whoever opens a conversation may call in it next: its face is drawn by then."""
    if not call.house.settings.calls.enabled:
        return
    for member in room.members:
        if member.kind == "companion":
            with contextlib.suppress(NotFound):  # its maker took it away; the room stays
                call.house.ahead.want((await call.house.catalogue.find(member.id)).appearance)


@routes.patch("/api/v1/rooms/{room}", scope="chat")
async def change_room(call: Call, room: str, body: RoomChange) -> Room:
    """Rename, end or archive a conversation."""
    return await call.house.lobby.change(call.principal, room, body.title, body.status)


@routes.get("/api/v1/rooms/{room}/messages", scope="chat")
async def list_messages(call: Call, room: str, query: HistoryQuery) -> Page:
    """A page of the branch in use, oldest first."""
    before = query.before if query.before is not None else query.cursor
    return await call.house.lobby.history(
        call.principal, room, before=before, limit=query.limit, offset=query.offset
    )


@routes.post("/api/v1/rooms/{room}/messages", status=202, scope="chat")
async def send_message(call: Call, room: str, body: NewMessage) -> Response:
    """Say something. With `Accept: text/event-stream` the reply streams back as SSE."""
    key = call.idempotency_key or call.request_id
    command = MessageSend(
        id="rest", room=room, text=body.text, parent=body.parent, voice=body.voice
    )
    if "text/event-stream" in call.request.headers.get("accept", ""):
        return await reply_stream(call.house.realtime, call.principal, room, command, key)
    answer = await call.house.realtime.command(call.principal, command, key)
    return Response(msgspec.json.encode(answer), 202, media_type="application/json")


@routes.patch("/api/v1/rooms/{room}/messages/{message}", status=202, scope="chat")
async def edit_message(call: Call, room: str, message: str, body: Edit) -> Answer:
    """Say one of your messages otherwise; a new branch is answered, the old one kept."""
    command = MessageEdit(id="rest", room=room, message=message, text=body.text)
    key = call.idempotency_key or call.request_id
    return await call.house.realtime.command(call.principal, command, key)


@routes.post("/api/v1/rooms/{room}/replies", status=202, scope="chat")
async def create_reply(call: Call, room: str, body: NewReply) -> Answer:
    """Answer again, or carry an interrupted reply on."""
    command = ReplyCreate(id="rest", room=room, message=body.message, mode=body.mode)
    key = call.idempotency_key or call.request_id
    return await call.house.realtime.command(call.principal, command, key)


@routes.delete("/api/v1/rooms/{room}/replies/{reply}", scope="chat")
async def cancel_reply(call: Call, room: str, reply: str) -> Answer:
    """Stop a reply; what was said stays, and only that is charged."""
    command = ReplyCancel(id="rest", reply=reply)
    await call.house.lobby.admit(call.principal, room)
    return await call.house.realtime.command(call.principal, command, call.request_id)


@routes.post("/api/v1/rooms/{room}/branch/{message}", scope="chat")
async def select_branch(call: Call, room: str, message: str) -> Answer:
    """Walk to another alternative."""
    command = BranchSelect(id="rest", room=room, message=message)
    return await call.house.realtime.command(call.principal, command, call.request_id)


@routes.get("/api/v1/rooms/{room}/prompt", scope="chat")
async def inspect_prompt(call: Call, room: str) -> PromptView:
    """What the model would be shown for the next reply: nothing is hidden from the payer."""
    return await inspect(call.house, call.principal, room)


@routes.get("/api/v1/search", scope="chat")
async def search(call: Call, query: SearchQuery) -> Found:
    """Messages with these words, in all your conversations."""
    return Found(await call.house.lobby.search(call.principal, query.q, query.limit))


@routes.post("/api/v1/moderation/report", status=201, scope="chat")
async def report(call: Call, body: NewReport) -> Reported:
    """Report a message; a sealed copy is kept for the reviewers."""
    report_id = await call.house.lobby.report(
        call.principal, body.room, body.message, body.reason, body.note
    )
    return Reported(report_id)


@routes.put("/api/v1/companions/{companion}/block", status=204, scope="chat")
async def block(call: Call, companion: str) -> None:
    """Block a companion: it cannot answer you any more."""
    await call.house.lobby.block(call.principal, companion, blocked=True)


@routes.delete("/api/v1/companions/{companion}/block", status=204, scope="chat")
async def unblock(call: Call, companion: str) -> None:
    """Take a block back."""
    await call.house.lobby.block(call.principal, companion, blocked=False)
