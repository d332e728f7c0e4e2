"""Sign-ins over REST: refresh, log out, who am I, list and revoke; API keys; privacy."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from rooms.errors import NotFound
from rooms.shapes import Person
from server.accounts.forms import Signed
from server.rest import Call, Routes
from storage import people, sign_ins

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


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=60)]
    scopes: Annotated[list[Literal["chat", "account", "wallet", "*"]], Meta(min_length=1)]


class MadeKey(Struct, frozen=True):
    """`key` is shown this once."""

    id: str
    key: str


class Key(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scopes: list[str]
    created_at: int
    used_at: int | None


class Keys(Struct, frozen=True):
    items: list[Key]


class Consent(Struct, frozen=True, kw_only=True):
    purpose: str
    version: str
    granted: bool
    at: int


class Consents(Struct, frozen=True):
    items: list[Consent]


class ConsentChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    purpose: Literal["terms", "privacy", "marketing", "data_sharing"]
    granted: bool


@routes.post("/api/v1/auth/refresh", public=True, limited="sign-in-refresh")
async def refresh(call: Call, body: Refresh) -> Signed:
    """Exchange a refresh token for a new pair."""
    return await call.house.accounts.refresh(body.refresh_token)


@routes.post("/api/v1/auth/logout", status=204)
async def log_out(call: Call) -> None:
    """End this sign-in; its sockets close."""
    who = call.principal
    await call.house.accounts.revoke(who.person.id, who.sign_in, "logged out")


@routes.get("/api/v1/auth/me")
async def me(call: Call) -> Person:
    """Who you are."""
    return call.principal.person


@routes.get("/api/v1/auth/sessions", scope="account")
async def list_sign_ins(call: Call) -> SignIns:
    """Where you are signed in."""
    who = call.principal
    rows = await sign_ins.sign_ins(call.house.db, who.person.id)
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
    if not await call.house.accounts.revoke(call.principal.person.id, sign_in, "revoked"):
        raise NotFound("There is no such sign-in.", code="sign_in_not_found")


@routes.delete("/api/v1/auth/sessions", status=204, scope="account")
async def revoke_all(call: Call) -> None:
    """End every sign-in, this one too."""
    await call.house.accounts.revoke(call.principal.person.id, None, "revoked")


@routes.post("/api/v1/api-keys", status=201)
async def create_key(call: Call, body: NewKey) -> MadeKey:
    """Make an API key; its secret is shown this once."""
    api_key, secret = await call.house.accounts.add_key(call.principal, body.name, [*body.scopes])
    return MadeKey(api_key, secret)


@routes.get("/api/v1/api-keys", scope="account")
async def list_keys(call: Call) -> Keys:
    """Your API keys, without their secrets."""
    rows = await sign_ins.api_keys(call.house.db, call.principal.person.id)
    return Keys(
        [
            Key(
                id=row.api_key,
                name=row.name,
                scopes=row.scopes,
                created_at=row.created_at,
                used_at=row.used_at,
            )
            for row in rows
        ]
    )


@routes.delete("/api/v1/api-keys/{api_key}", status=204)
async def revoke_key(call: Call, api_key: str) -> None:
    """End an API key."""
    await call.house.accounts.revoke_key(call.principal, api_key)


@routes.get("/api/v1/privacy/consents", scope="account")
async def list_consents(call: Call) -> Consents:
    """What you agreed to, and when."""
    rows = await people.consents(call.house.db, call.principal.person.id)
    return Consents([Consent(**row) for row in rows])


@routes.post("/api/v1/privacy/consents", status=201, scope="account")
async def change_consent(call: Call, body: ConsentChange) -> None:
    """Give or withdraw a consent."""
    versions = {
        "terms": call.house.settings.accounts.terms_version,
        "privacy": call.house.settings.accounts.privacy_version,
    }
    await people.consent(
        call.house.db,
        call.principal.person.id,
        body.purpose,
        versions.get(body.purpose, "1"),
        granted=body.granted,
        address=call.address,
        agent=call.agent,
    )


@routes.get("/api/v1/privacy/export")
async def export(call: Call) -> dict[str, Any]:
    """Everything we keep about you, by table."""
    return await call.house.accounts.export(call.principal)
