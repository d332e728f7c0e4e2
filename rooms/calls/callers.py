"""What is known of a person before they call: read once, when a call begins."""

from collections.abc import Mapping
from typing import Final

import asyncpg

from config.plans import Plan
from rooms.calls.may import Caller, check_caller, check_lawful, check_plan, limit_ms
from rooms.calls.parts import CallParts
from rooms.errors import ProductError, Unauthorized
from rooms.ports import Principal
from rooms.shapes import CallKind
from storage.calls import seconds_today
from storage.people import caller

KINDS: Final = ["voice", "video"]


async def caller_of(db: asyncpg.Pool, who: Principal, *, counted: bool) -> Caller:
    """See rooms/calls/parts.py `Callers`."""
    person = who.person
    found = await caller(db, person.id)
    if found is None:
        raise Unauthorized("This account is gone.")
    level, consents = found
    seconds = await seconds_today(db, person.id, person.timezone, KINDS) if counted else 0
    return Caller(level=level, consents=consents, seconds_today=seconds)


async def may_speak_ms(
    parts: CallParts, plans: Mapping[str, Plan], who: Principal, kind: CallKind
) -> int:
    """How long they may speak with companions from now on. Raises ProductError."""
    plan = plans[who.person.plan]
    check_lawful(who, parts.settings)
    check_plan(kind, plan, plans)
    caller = await parts.caller(who, counted=plan.call_minutes_per_day > 0)
    check_caller(caller, parts.settings)
    return limit_ms(caller, plan, plans, parts.settings)


async def refusal_of(
    parts: CallParts, plans: Mapping[str, Plan], who: Principal, kind: CallKind
) -> ProductError | None:
    """Why this person may not speak with companions here, or None."""
    try:
        check_lawful(who, parts.settings)
        check_plan(kind, plans[who.person.plan], plans)
        check_caller(await parts.caller(who, counted=False), parts.settings)
    except ProductError as refusal:
        return refusal
    return None
