"""API keys over REST: make one, list them, end one."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.rest import Call, Routes
from storage import api_keys

routes = Routes(tag="API keys")


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the key is called and what it may do; `*` is everything its owner may."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    scopes: Annotated[
        list[Literal["chat", "account", "wallet", "*"]], Meta(min_length=1, max_length=8)
    ]


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


@routes.post("/api/v1/api-keys", status=201)
async def create_key(call: Call, body: NewKey) -> MadeKey:
    """Make an API key; its secret is shown this once."""
    scopes: list[str] = list(dict.fromkeys(body.scopes))
    api_key, secret = await call.house.accounts.sign_ins.add_key(call.principal, body.name, scopes)
    return MadeKey(api_key, secret)


@routes.get("/api/v1/api-keys", scope="account")
async def list_keys(call: Call) -> Keys:
    """Your API keys, without their secrets."""
    rows = await api_keys.api_keys(call.house.db, call.principal.person.id)
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
    """End an API key; its sockets close."""
    await call.house.accounts.sign_ins.revoke_key(call.principal, api_key)
