"""Calls over REST, after they began: how long, at what cost, how well. Never what was said.

Beginning one over WebRTC is server/api/calls.py; staff sees everybody's, and its look is audited.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from rooms.calls.headsets import of_calls
from rooms.calls.quality import CallQuality
from rooms.errors import NotFound
from server.rest import Call, Routes
from storage.calls import CallRow, calls_of, find_call, last_calls
from storage.vr_sessions import VrSession

routes = Routes(tag="calls")
LATEST_MS = 4_102_444_800_000  # the year 2100: later than any call


class CallsQuery(Struct, frozen=True, kw_only=True):
    """Of one room, or of all; `cursor` from the page before."""

    room: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[int, Meta(ge=0, le=LATEST_MS)] = LATEST_MS


class CallRecord(Struct, frozen=True, kw_only=True):
    """A call. `ended_at` is null while it goes on, and the record is then a little behind.

    `headsets`: how the person's headset drew it, where one did.
    """

    id: str
    room: str
    person: str
    companion: str
    kind: str
    transport: str
    state: str
    reason: str | None
    seconds: int
    cost_microcredits: int
    receipt: str | None
    message: str | None
    started_at: int
    ended_at: int | None
    quality: dict[str, Any]
    headsets: list[VrSession] = []


class CallRecords(Struct, frozen=True, kw_only=True):
    items: list[CallRecord]
    has_more: bool
    cursor: str | None = None


def record_of(row: CallRow, headsets: list[VrSession]) -> CallRecord:
    """A stored call as it is shown; figures an older version did not keep are their defaults."""
    known = CallQuality.__struct_fields__
    return CallRecord(
        id=row.call,
        room=row.room,
        person=row.person,
        companion=row.companion,
        kind=row.kind,
        transport=row.transport,
        state="ended" if row.ended_at is not None else "open",
        reason=row.reason,
        seconds=row.seconds,
        cost_microcredits=row.cost,
        receipt=row.receipt,
        message=row.message,
        started_at=row.started_at,
        ended_at=row.ended_at,
        quality={name: value for name, value in row.quality.items() if name in known},
        headsets=headsets,
    )


async def _page(call: Call, rows: list[CallRow], limit: int) -> CallRecords:
    shown, more = rows[:limit], len(rows) > limit
    headsets = await of_calls(call.house.db, [row.call for row in shown])
    return CallRecords(
        items=[record_of(row, headsets.get(row.call, [])) for row in shown],
        has_more=more,
        cursor=str(shown[-1].started_at) if more else None,
    )


@routes.get("/api/v1/calls", scope="chat")
async def list_calls(call: Call, query: CallsQuery) -> CallRecords:
    """Your calls, the newest first."""
    rows = await calls_of(
        call.house.db,
        call.principal.person.id,
        before_ms=query.cursor,
        room=query.room,
        limit=query.limit + 1,
    )
    return await _page(call, rows, query.limit)


async def own_call(call: Call, call_id: str) -> CallRow:
    """A call of whoever asks. Raises NotFound, as for one that never was."""
    row = await find_call(call.house.db, call_id)
    if row is None or row.person != call.principal.person.id:
        raise NotFound("There is no such call.", code="call_not_found")
    return row


@routes.get("/api/v1/calls/{call_id}", scope="chat")
async def show_call(call: Call, call_id: str) -> CallRecord:
    """One of your calls, with its quality: latency per stage, loss, gaps, words heard."""
    row = await own_call(call, call_id)
    headsets = await of_calls(call.house.db, [row.call])
    return record_of(row, headsets.get(row.call, []))


@routes.get("/api/v1/admin/calls", role="admin")
async def everybodys_calls(call: Call, query: CallsQuery) -> CallRecords:
    """The last calls of everybody, for those who run the service. Audited once a minute."""
    await call.house.staff.admit(call.principal, "calls.list", rarely=True)
    rows = await last_calls(call.house.db, before_ms=query.cursor, limit=query.limit + 1)
    return await _page(call, rows, query.limit)
