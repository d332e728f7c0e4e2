"""Who somebody is while no token of theirs is at hand: their call goes on after its holder died.

What they may do is looked up anew, so that whoever lost their account meanwhile is not let in.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg

from rooms.ports import Principal
from server.accounts.forms import age_on, shown
from storage.people import find_person


async def principal_of(
    db: asyncpg.Pool, now_ms: Callable[[], int], person: str
) -> Principal | None:
    """This person, in their own right; None where the account is closed or suspended."""
    row = await find_person(db, person)
    if row is None or row.status != "active":
        return None
    today = datetime.fromtimestamp(now_ms() / 1000, UTC).date()
    return Principal(person=shown(row), sign_in="", minor=age_on(today, row.birth_date) < 18)
