"""Privacy over REST: what one agreed to, and everything we keep about one."""

from typing import Literal

from msgspec import Struct
from starlette.responses import StreamingResponse

from server.accounts.archive import archive_of, pieces_of
from server.rest import Call, Routes
from storage import people

routes = Routes(tag="privacy")


class Consent(Struct, frozen=True, kw_only=True):
    purpose: str
    version: str
    granted: bool
    at: int


class Consents(Struct, frozen=True):
    items: list[Consent]


class ConsentChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    purpose: Literal[
        "terms", "privacy", "marketing", "data_sharing", "voice", "voice_notes", "recording"
    ]
    granted: bool


@routes.get("/api/v1/privacy/consents", scope="account")
async def list_consents(call: Call) -> Consents:
    """What you agreed to, and when."""
    rows = await people.consents(call.house.db, call.principal.person.id)
    return Consents([Consent(**row) for row in rows])


@routes.post("/api/v1/privacy/consents", status=201, scope="account")
async def change_consent(call: Call, body: ConsentChange) -> None:
    """Give or withdraw a consent; without the terms there is no account."""
    await call.house.accounts.consent(
        call.principal,
        body.purpose,
        granted=body.granted,
        address=call.address,
        agent=call.agent,
    )


@routes.get("/api/v1/privacy/export", limited="export")
async def export(call: Call) -> StreamingResponse:
    """Everything we keep about you: one JSON object, by table."""
    archive = await archive_of(call.house.db, call.principal.person.id, call.house.recordings)
    return StreamingResponse(
        pieces_of(archive),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="kindred-export.json"'},
    )
