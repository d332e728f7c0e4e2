"""What a plan allows, asked at one place: turns a minute, messages a day, fair use.

Turns are counted, reads are not. A refusal says what would unlock it.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from config.plans import Plan
from rooms.errors import PaymentRequired, TooMany
from rooms.ports import Principal

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0


class Taken(Protocol):
    """An answer of the shared rate limits."""

    @property
    def yes(self) -> bool: ...

    @property
    def wait_ms(self) -> int: ...

    @property
    def remaining(self) -> int: ...

    @property
    def full_ms(self) -> int: ...


class TurnsLeft(Struct, frozen=True):
    """Of `limit` replies a minute, how many more at once, and how long until all are back."""

    limit: int
    remaining: int
    full_ms: int


Take = Callable[[str, int, float], Awaitable[Taken]]


class Entitlements:
    """See rooms/room.py `Entitled`. `take(key, count, seconds)` counts across all nodes."""

    def __init__(self, plans: dict[str, Plan], take: Take) -> None:
        self._plans = plans
        self._take = take

    async def turn(self, who: Principal, plan: Plan) -> TurnsLeft | None:
        """Count one turn; what is left of a minute's, where they are counted.

        Raises TooMany, or PaymentRequired when a larger plan has more.
        """
        person, left = who.person.id, None
        if plan.requests_per_minute:
            taken = await self._take(f"turns:{person}", plan.requests_per_minute, MINUTE_SECONDS)
            if not taken.yes:
                raise TooMany(
                    f"Your plan allows {plan.requests_per_minute} replies a minute.",
                    code="turns_per_minute",
                    retry_after_ms=taken.wait_ms,
                    details={"unlocked_by": self._with_more(_requests_per_minute, plan)},
                )
            left = TurnsLeft(plan.requests_per_minute, taken.remaining, taken.full_ms)
        daily = _messages_per_day(plan)
        if daily:
            taken = await self._take(f"messages:{person}", daily, DAY_SECONDS)
            if not taken.yes:
                raise PaymentRequired(
                    f"Your plan allows {daily} messages a day.",
                    code="messages_per_day",
                    retry_after_ms=taken.wait_ms,
                    details={"unlocked_by": self._with_more(_messages_per_day, plan)},
                )
        return left

    def _with_more(self, limit: Callable[[Plan], int], plan: Plan) -> list[str]:
        """The plans whose limit is higher; 0 is no limit."""
        have = limit(plan)
        return [
            name for name, other in self._plans.items() if limit(other) == 0 or limit(other) > have
        ]


def _requests_per_minute(plan: Plan) -> int:
    return plan.requests_per_minute


def _messages_per_day(plan: Plan) -> int:
    """What is promised, or else the fair use of an unlimited plan."""
    return plan.messages_per_day or plan.fair_use_messages_per_day
