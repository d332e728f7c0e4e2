"""What is known of a person before they call: read once, when a call begins."""

from typing import Final

import asyncpg

from rooms.calls.may import Caller
from rooms.errors import Unauthorized
from rooms.ports import Principal
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
