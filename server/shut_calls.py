"""A call of somebody who may not go on with it ends at once, wherever it is held.

A connection over WebRTC has no token that could run out: without this, whoever was suspended,
signed out or erased would talk on.
"""

from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from rooms.commands import Answer, CallShut
from rooms.company import nameless
from rooms.errors import ProductError
from rooms.ports import Principal
from storage.calls import open_call_of
from storage.database import DATABASE_AWAY
from storage.ids import new_id

logger = structlog.get_logger(__name__)


async def shut_call(
    db: asyncpg.Pool,
    command: Callable[[Principal, CallShut, str], Awaitable[Answer]],
    person: str,
    sign_in: str,
) -> None:
    """End this person's call, if they are in one; `sign_in`: only if it came by this one."""
    try:
        found = await open_call_of(db, person)
        if found is not None:
            shut = CallShut(id="0", room=found[1], sign_in=sign_in)
            await command(nameless(person), shut, new_id("k"))
    except (ProductError, *DATABASE_AWAY) as error:
        logger.warning("a call could not be ended at once", why=type(error).__name__)
