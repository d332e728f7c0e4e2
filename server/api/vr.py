"""Sessions in headsets over REST: how fast and how late pictures came. Numbers only."""

from msgspec import Struct

from rooms.calls.headsets import VrReport, sessions_of, take_report
from rooms.errors import NotFound
from server.rest import Call, Routes
from storage.vr_sessions import VrSession

routes = Routes(tag="calls")
MOST_NAME = 40


class VrSessions(Struct, frozen=True):
    items: list[VrSession]


@routes.put(
    "/api/v1/vr/sessions/{session}", status=204, scope="chat", limited="vr", body_bytes=2_048
)
async def report_vr_session(call: Call, session: str, body: VrReport) -> None:
    """Tell how a session in a headset goes, or went. `session` is a name of your own making.

    Repeating it is harmless; figures of a call stand in its quality record.
    """
    if not (session.isascii() and session.isalnum() and len(session) <= MOST_NAME):
        raise NotFound(f"A session's name has 1 to {MOST_NAME} letters and digits.")
    parts = call.house.room_parts.calls
    tally = parts.tally.headsets if parts is not None else None
    await take_report(call.house.db, tally, call.principal, session, body)


@routes.get("/api/v1/vr/sessions", scope="chat")
async def list_vr_sessions(call: Call) -> VrSessions:
    """Your last sessions in headsets."""
    return VrSessions(await sessions_of(call.house.db, call.principal))
