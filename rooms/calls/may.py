"""Who may call whom, and for how long; pure. Every refusal says what would unlock it."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from config.calls import CallSettings
from config.plans import Plan
from rooms.errors import Forbidden, PaymentRequired, Unlawful
from rooms.ports import Principal
from rooms.shapes import CallKind

LEVELS: Final = ("declared", "contact", "document", "bank")
UNLIMITED_MS: Final = 2**53


class Caller(Struct, frozen=True, kw_only=True):
    """What is known of who calls. `seconds_today` are those of the limited kinds."""

    level: str
    consents: frozenset[str]
    seconds_today: int = 0


def check_lawful(who: Principal, settings: CallSettings) -> None:
    """Raises Forbidden where calls are not offered, Unlawful where law or age forbid them."""
    if not settings.enabled:
        raise Forbidden("Calls are not offered here.", code="calls_not_offered")
    if who.person.country in settings.closed_countries:
        raise Unlawful("Calls are not offered in this country.", code="calls_unlawful_here")
    if who.minor and not settings.minors:
        raise Unlawful("Calls are for adults here.", code="calls_for_adults")


def check_caller(caller: Caller, settings: CallSettings) -> None:
    """Raises Forbidden for an age not well enough known, or a consent not given."""
    if LEVELS.index(caller.level) < LEVELS.index(settings.age_level):
        raise Forbidden(
            "Calls need a verified age.",
            code="verification_needed",
            details={"level": settings.age_level, "unlocked_by": ["users/verify-age"]},
        )
    missing = [purpose for purpose in settings.consents if purpose not in caller.consents]
    if missing:
        raise Forbidden(
            "Agree first that your voice is turned into text. No sound of it is kept.",
            code="consent_needed",
            details={"purposes": missing, "unlocked_by": ["privacy/consents"]},
        )


def check_plan(kind: CallKind, plan: Plan, plans: Mapping[str, Plan]) -> None:
    """Raises PaymentRequired where the plan has no such calls, with the plans that do."""
    if includes(plan, kind):
        return
    raise PaymentRequired(
        f"Your plan has no {kind} calls.",
        code="plan_required",
        details={"plans": [name for name, other in plans.items() if includes(other, kind)]},
    )


def includes(plan: Plan, kind: CallKind) -> bool:
    """Whether a plan has calls of this kind."""
    return plan.voice if kind == "voice" else plan.video


def limit_ms(caller: Caller, plan: Plan, plans: Mapping[str, Plan], settings: CallSettings) -> int:
    """How long this call may last, connected. Raises PaymentRequired when the day's is used up."""
    longest_ms = settings.longest_seconds * 1000
    if not plan.call_minutes_per_day:
        return longest_ms
    left_ms = (plan.call_minutes_per_day * 60 - caller.seconds_today) * 1000
    if left_ms <= settings.goodbye_seconds * 1000:
        raise PaymentRequired(
            f"Your plan has {plan.call_minutes_per_day} minutes of calls a day; they are used up.",
            code="call_minutes_used_up",
            details={"renews": "day", "unlocked_by": _with_more_minutes(plan, plans)},
        )
    return min(left_ms, longest_ms)


def _with_more_minutes(plan: Plan, plans: Mapping[str, Plan]) -> list[str]:
    have = plan.call_minutes_per_day
    return [
        name
        for name, other in plans.items()
        if other.voice and (other.call_minutes_per_day == 0 or other.call_minutes_per_day > have)
    ]
