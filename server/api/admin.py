"""Watching live over REST: the rooms on all nodes, a look into one, staff's hand, the audit log.

Every call is audited before it shows or does anything, and so is every attempt that is refused.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from rooms.commands import NO_NUL, Answer, Oversee, Text
from rooms.errors import ProductError
from rooms.oversight import Halted
from rooms.shapes import Message, Room
from server.rest import Call, Routes
from storage import audit
from storage.audit import AuditRow

SHOWN = 100
Why = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]


async def guard(call: Call, scope: str | None, role: str | None) -> None:
    """As everywhere, but who is refused is written down."""
    try:
        call.demand(scope, role)
    except ProductError as error:
        act = f"{call.request.method} {call.request.url.path.removeprefix('/api/v1/admin/')}"
        room = call.request.path_params.get("room", "")
        if room:
            act = act.replace(f"/{room}", "")
        await call.house.staff.refused(call.principal, act[:60], room, error)
        raise


routes = Routes(tag="watching", guard=guard)


class Companion(Struct, frozen=True):
    """A companion by name."""

    id: str
    name: str
    portrait: str


class Someone(Struct, frozen=True):
    """A person by name."""

    id: str
    name: str


class LiveRow(Struct, frozen=True, kw_only=True):
    """A live room. `turn_microcredits` is what the reply under way has cost so far."""

    room: str
    node: str
    people: list[Someone]
    companions: list[Companion]
    state: str
    reply: str | None
    turn_microcredits: int
    spent_microcredits: int
    n: int
    halted: Halted
    directed: bool
    at: int


class LiveRooms(Struct, frozen=True, kw_only=True):
    """The liveliest rooms of every node. `rooms` counts all; `silent` nodes did not answer."""

    items: list[LiveRow]
    rooms: int
    silent: list[str]


class NodeRow(Struct, frozen=True, kw_only=True):
    """A node, as far as it answers."""

    node: str
    answers: bool
    rooms: int
    people: int
    sockets: int
    watches: int


class Nodes(Struct, frozen=True):
    items: list[NodeRow]


class WatchQuery(Struct, frozen=True, kw_only=True):
    """`why` one looks; it is kept in the audit log."""

    why: Why


class Seen(Struct, frozen=True, kw_only=True):
    """A room as staff sees it: its last messages, and its direction."""

    room: Room
    messages: list[Message]
    halted: str
    direction: str
    direction_once: bool


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why; kept in the audit log."""

    why: Why


class Whisper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A direction for the next reply, or with `once` false until it is withdrawn. "" withdraws."""

    why: Why
    text: Annotated[str, Meta(max_length=16_000, pattern=NO_NUL)]
    once: bool = True


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to say in the companion's place; without `companion`, that of the last speaker."""

    why: Why
    text: Text
    companion: Annotated[str, Meta(max_length=64)] = ""


class End(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`turn` stops the reply under way; `room` ends the conversation too."""

    why: Why
    what: Annotated[str, Meta(pattern="^(turn|room)$")] = "turn"


class AuditQuery(Struct, frozen=True, kw_only=True):
    """`before` a line's number; of one room, or of one administrator."""

    before: Annotated[int, Meta(ge=0, le=2**62)] = 2**62
    room: Annotated[str, Meta(max_length=64)] = ""
    who: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AuditPage(Struct, frozen=True):
    items: list[AuditRow]


@routes.get("/api/v1/admin/rooms", role="admin")
async def live_rooms(call: Call) -> LiveRooms:
    """The live rooms of all nodes. Audited once a minute while it is refreshed."""
    await call.house.staff.admit(call.principal, "rooms.list", rarely=True)
    found = await call.house.realtime.roll(call.house.settings.oversight.listed_rooms)
    seen = [(node, one) for node, present in found.items() if present for one in present.glances]
    cards = await call.house.catalogue.cards(list({c for _, one in seen for c in one.companions}))
    items = [
        LiveRow(
            room=one.room,
            node=node,
            people=[Someone(*person) for person in one.people],
            companions=[
                Companion(c, cards[c].name, cards[c].portrait) for c in one.companions if c in cards
            ],
            state=one.state,
            reply=one.reply,
            turn_microcredits=one.turn_microcredits,
            spent_microcredits=one.spent_microcredits,
            n=one.n,
            halted=one.halted,
            directed=one.directed,
            at=one.at,
        )
        for node, one in seen
    ]
    items.sort(key=lambda row: (row.state == "idle", -row.at))
    return LiveRooms(
        items=items,
        rooms=sum(present.rooms for present in found.values() if present),
        silent=[node for node, present in found.items() if present is None],
    )


@routes.get("/api/v1/admin/nodes", role="admin")
async def nodes(call: Call) -> Nodes:
    """The living nodes and what they carry."""
    await call.house.staff.admit(call.principal, "nodes.list", rarely=True)
    found = await call.house.realtime.roll(0)
    return Nodes(
        [
            NodeRow(
                node=node,
                answers=present is not None,
                rooms=present.rooms if present else 0,
                people=present.people if present else 0,
                sockets=present.sockets if present else 0,
                watches=present.watches if present else 0,
            )
            for node, present in sorted(found.items())
        ]
    )


@routes.get("/api/v1/admin/rooms/{room}/watch", role="admin")
async def watch_room(call: Call, room: str, query: WatchQuery) -> Seen:
    """A look into a room: its last messages. What follows comes by `watch.start` on the socket."""
    staff = call.house.staff
    await staff.admit_watch(call.principal, "room.look", room, query.why)
    await staff.tell(call.principal, room)
    shown, messages, row = await call.house.lobby.whole(room, SHOWN)
    return Seen(
        room=shown,
        messages=messages,
        halted=row.halted,
        direction=row.direction,
        direction_once=row.direction_once,
    )


async def _act(call: Call, room: str, act: Any, why: str, **more: Any) -> Answer:
    command = Oversee(id="rest", room=room, act=act, **more)
    key = call.idempotency_key or call.request_id
    return await call.house.staff.act(call.principal, command, why, key)


@routes.post("/api/v1/admin/rooms/{room}/whisper", role="admin")
async def whisper(call: Call, room: str, body: Whisper) -> Answer:
    """Give the companion a direction; nobody in the room is shown it."""
    if not body.text.strip():
        return await _act(call, room, "withdraw", body.why)
    return await _act(call, room, "whisper", body.why, text=body.text, once=body.once)


@routes.post("/api/v1/admin/rooms/{room}/pause", role="admin")
async def pause(call: Call, room: str, body: Reason) -> Answer:
    """Let no new turn begin. The reply under way is finished; reading goes on."""
    return await _act(call, room, "pause", body.why)


@routes.post("/api/v1/admin/rooms/{room}/resume", role="admin")
async def resume(call: Call, room: str, body: Reason) -> Answer:
    """Let a paused or ended room go on."""
    answer = await _act(call, room, "resume", body.why)
    await call.house.lobby.tell_everyone(room)
    return answer


@routes.post("/api/v1/admin/rooms/{room}/say", role="admin")
async def say(call: Call, room: str, body: Words) -> Answer:
    """Speak in the companion's place. It is free, and the message says that staff wrote it."""
    return await _act(call, room, "say", body.why, text=body.text, companion=body.companion)


@routes.post("/api/v1/admin/rooms/{room}/end", role="admin")
async def end(call: Call, room: str, body: End) -> Answer:
    """Stop the reply under way, or end the whole conversation."""
    if body.what == "turn":
        return await _act(call, room, "stop", body.why)
    answer = await _act(call, room, "end", body.why)
    await call.house.lobby.tell_everyone(room)
    return answer


@routes.get("/api/v1/admin/audit", role="admin")
async def audit_log(call: Call, query: AuditQuery) -> AuditPage:
    """Who looked where, did what, and why; the newest first. Reading it is audited too."""
    await call.house.staff.admit(call.principal, "audit.read", query.room, rarely=True)
    rows = await audit.read(
        call.house.db, before=query.before, room=query.room, who=query.who, limit=query.limit
    )
    return AuditPage(rows)
