"""One request as a handler sees it: who asks, from where, and the house behind it all."""

import re
import secrets
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from starlette.requests import Request

from rooms.errors import Forbidden, Unauthorized
from rooms.ports import Principal

if TYPE_CHECKING:
    from server.house import House


_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def request_id_of(request: Request) -> str:
    """The client's `X-Request-Id` where it is a plain one, else one of ours."""
    told = request.headers.get("x-request-id", "")
    return told if _REQUEST_ID.fullmatch(told) else secrets.token_hex(8)


class Call(Struct, frozen=True):
    """The request, its id, and who asks (None on public routes without a token)."""

    request: Request
    request_id: str
    caller: Principal | None

    @property
    def house(self) -> "House":
        """The services of this process."""
        house: House = self.request.app.state.house
        return house

    @property
    def principal(self) -> Principal:
        """Who asks; raises Unauthorized where a route forgot to demand it."""
        if self.caller is None:
            raise Unauthorized("Sign in first.")
        return self.caller

    @property
    def address(self) -> str:
        """The client's address, after trusted proxies."""
        client = self.request.client
        return client.host if client is not None else "unknown"

    @property
    def agent(self) -> str:
        """The client's own description of itself, bounded."""
        return self.request.headers.get("user-agent", "")[:200]

    @property
    def idempotency_key(self) -> str | None:
        """The `Idempotency-Key` header, where the client sent one of a sensible length."""
        key = self.request.headers.get("idempotency-key", "")
        return key if 1 <= len(key) <= 128 else None

    @property
    def token(self) -> str | None:
        """The bearer token, unchecked."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    def demand(self, scope: str | None, role: str | None) -> None:
        """Raises unless the caller's key has `scope` and their account has `role`.

        What has no scope is for people and for keys that may do everything.
        """
        who = self.principal
        if "*" not in who.scopes and scope not in who.scopes:
            wanted = scope or "*"
            raise Forbidden(
                f"This API key lacks the scope {wanted!r}.",
                code="missing_scope",
                details={"needed_scope": wanted},
            )
        if role is not None and who.person.role not in {role, "admin"}:
            raise Forbidden("This needs more rights than your account has.", code="missing_role")
