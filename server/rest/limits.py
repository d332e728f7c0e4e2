"""How many requests may be made: per person and class, per address where nobody is signed in.

Requests are counted here; turns a minute are a matter of the plan (rooms/credits).
"""

import structlog
from msgspec import Struct

from rooms.errors import TooMany
from server.rest.call import Call
from server.rest.routes import Operation
from storage.limits import LimitUnknown, RateLimits

logger = structlog.get_logger(__name__)


class Rate(Struct, frozen=True):
    """`count` requests per `seconds`."""

    count: int
    seconds: float


READ = Rate(600, 60)
WRITE = Rate(240, 60)
CLASSES = {
    "sign-in": Rate(20, 300),
    "register": Rate(30, 3600),
    "mail": Rate(5, 900),
}


class RequestLimits:
    """Admits calls or raises TooMany. While the store is away, everything passes."""

    def __init__(self, limits: RateLimits, classes: dict[str, Rate] | None = None) -> None:
        self._limits = limits
        self._classes = classes or CLASSES

    async def admit(self, call: Call, op: Operation) -> None:
        """Count this call against its class; leaves RateLimit headers for the answer."""
        kind = op.limited or ("read" if op.method == "GET" else "write")
        rate = self._classes.get(kind) or (READ if kind == "read" else WRITE)
        subject = call.caller.person.id if call.caller else call.address
        try:
            allowed = await self._limits.take(f"{kind}:{subject}", rate.count, rate.seconds)
        except LimitUnknown:
            logger.warning("rate limits are not counted: the bus does not answer")
            return
        headers = {
            "ratelimit-limit": str(rate.count),
            "ratelimit-remaining": str(allowed.remaining),
            "x-ratelimit-limit": str(rate.count),
            "x-ratelimit-remaining": str(allowed.remaining),
        }
        if not allowed.yes:
            headers["ratelimit-reset"] = str(-(-allowed.wait_ms // 1000))
        call.request.state.rate_headers = headers
        if not allowed.yes:
            raise TooMany("Too many requests; slow down.", retry_after_ms=allowed.wait_ms)

    async def attempt(self, what: str, subject: str, rate: Rate) -> None:
        """Count one attempt at something dear (a sign-in to one account)."""
        try:
            allowed = await self._limits.take(f"{what}:{subject}", rate.count, rate.seconds)
        except LimitUnknown:
            return
        if not allowed.yes:
            raise TooMany(
                "Too many attempts; wait a while.",
                code="too_many_attempts",
                retry_after_ms=allowed.wait_ms,
            )
