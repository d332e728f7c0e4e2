"""How many requests may be made: per person and class, per address where nobody is signed in.

Requests are counted here; turns a minute are a matter of the plan (rooms/credits).
"""

import contextlib

import structlog

from config.api import ApiSettings, Rate
from rooms.errors import TooMany
from server.rest.call import Call
from server.rest.routes import Operation
from storage.limits import Allowed, LimitUnknown, RateLimits

logger = structlog.get_logger(__name__)


class RequestLimits:
    """Admits calls or raises TooMany. While the store is away, everything passes."""

    def __init__(self, limits: RateLimits, api: ApiSettings | None = None) -> None:
        self._limits = limits
        self._api = api or ApiSettings()
        self._stricter = {
            "sign-in": self._api.sign_in,
            "register": self._api.register,
            "mail": self._api.mail,
            "export": self._api.export,
            "faces": self._api.faces,
            "vr": self._api.vr,
        }

    def _rate(self, op: Operation) -> tuple[str, Rate]:
        """What a call is counted as, and how many of those may be made."""
        stricter = self._stricter.get(op.limited or "")
        if stricter is not None:
            return op.limited or "", stricter
        general = Rate(self._api.requests, self._api.window_seconds)
        return (f"{op.method} {op.path}" if self._api.per_endpoint else "api"), general

    async def admit(self, call: Call, op: Operation) -> None:
        """Count this call against its class; leaves RateLimit headers for the answer."""
        kind, rate = self._rate(op)
        subject = call.caller.person.id if call.caller else call.address
        try:
            allowed = await self._limits.take(
                f"{kind}:{subject}", rate.requests, rate.window_seconds
            )
        except LimitUnknown:
            logger.warning("rate limits are not counted: the bus does not answer")
            return
        call.request.state.rate_headers = _headers(rate, allowed)
        if not allowed.yes:
            raise TooMany("Too many requests; slow down.", retry_after_ms=allowed.wait_ms)

    async def attempt(self, what: str, subject: str, rate: Rate) -> None:
        """Count one attempt at something dear (a sign-in to one account)."""
        try:
            allowed = await self._limits.take(
                f"{what}:{subject}", rate.requests, rate.window_seconds
            )
        except LimitUnknown:
            return
        if not allowed.yes:
            raise TooMany(
                "Too many attempts; wait a while.",
                code="too_many_attempts",
                retry_after_ms=allowed.wait_ms,
            )

    async def pardon(self, what: str, subject: str) -> None:
        """It was done rightly: earlier attempts count no more."""
        with contextlib.suppress(LimitUnknown):
            await self._limits.forget(f"{what}:{subject}")


def _headers(rate: Rate, allowed: Allowed) -> dict[str, str]:
    """What a client needs to pace itself; `reset` is when it has the whole rate again."""
    reset = str(-(-(allowed.full_ms if allowed.yes else allowed.wait_ms) // 1000))
    told = {"limit": str(rate.requests), "remaining": str(allowed.remaining), "reset": reset}
    return {
        f"{prefix}-{name}": value
        for prefix in ("ratelimit", "x-ratelimit")
        for name, value in told.items()
    }
