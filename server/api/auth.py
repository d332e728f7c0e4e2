"""Sign-ins over REST: refresh, log out, who am I, list and revoke."""

from typing import Annotated

from msgspec import Meta, Struct

from rooms.errors import NotFound
from rooms.shapes import Person
from server.accounts.forms import Signed
from server.rest import Call, Routes
from storage import sign_ins

routes = Routes(tag="sign-in")


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=256)]


class SignIn(Struct, frozen=True, kw_only=True):
    id: str
    device: str
    address: str
    created_at: int
    used_at: int
    current: bool


class SignIns(Struct, frozen=True):
    items: list[SignIn]


@routes.post("/api/v1/auth/refresh", public=True, limited="sign-in-refresh")
async def refresh(call: Call, body: Refresh) -> Signed:
    """Exchange a refresh token for a new pair."""
    return await call.house.accounts.sign_ins.refresh(body.refresh_token)


@routes.post("/api/v1/auth/logout", status=204)
async def log_out(call: Call) -> None:
    """End this sign-in; its sockets close."""
    who = call.principal
    await call.house.accounts.sign_ins.revoke(who.person.id, who.sign_in, "logged out")


@routes.get("/api/v1/auth/me", scope="account")
async def me(call: Call) -> Person:
    """Who you are."""
    return call.principal.person


@routes.get("/api/v1/auth/sessions", scope="account")
async def list_sign_ins(call: Call) -> SignIns:
    """Where you are signed in."""
    who = call.principal
    rows = await sign_ins.sign_ins(
        call.house.db, who.person.id, call.house.settings.accounts.refresh_seconds
    )
    return SignIns(
        [
            SignIn(
                id=row.sign_in,
                device=row.device,
                address=row.address,
                created_at=row.created_at,
                used_at=row.used_at,
                current=row.sign_in == who.sign_in,
            )
            for row in rows
        ]
    )


@routes.delete("/api/v1/auth/sessions/{sign_in}", status=204, scope="account")
async def revoke_sign_in(call: Call, sign_in: str) -> None:
    """End one sign-in; its sockets close at once."""
    if not await call.house.accounts.sign_ins.revoke(call.principal.person.id, sign_in, "revoked"):
        raise NotFound("There is no such sign-in.", code="sign_in_not_found")


@routes.delete("/api/v1/auth/sessions", status=204, scope="account")
async def revoke_all(call: Call) -> None:
    """End every sign-in, this one too."""
    await call.house.accounts.sign_ins.revoke(call.principal.person.id, None, "revoked")
