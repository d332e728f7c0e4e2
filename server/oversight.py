"""Who of the service may look into rooms, and that every look is written down before it happens.

Both doors ask here: REST (server/api/admin.py) and the socket (realtime/watch.py).
"""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import msgspec

from config.oversight import OversightSettings
from rooms.commands import Answer, Oversee, RoomCommand
from rooms.errors import Forbidden, NotFound, ProductError
from rooms.oversight import refusal_of
from rooms.ports import Principal
from storage import audit
from storage.ids import new_id
from storage.people import find_person
from storage.rooms import find_room

ATTEMPTS_A_MINUTE: Final = 10  # of one person, that are written down
Carry = Callable[[Principal, RoomCommand, str], Awaitable[Answer]]


class Staff:
    """The audit log's only writer."""

    def __init__(self, db: asyncpg.Pool, settings: OversightSettings, carry: Carry) -> None:
        """`carry` brings a command to a room's holder."""
        self._db = db
        self._settings = settings
        self._carry = carry

    async def admit(
        self,
        who: Principal,
        act: str,
        room: str = "",
        why: str = "",
        note: str = "",
        *,
        rarely: bool = False,
    ) -> None:
        """Let an administrator in, once that is written; raises, having written that, for others.

        `rarely`: one line a minute stands for a page that refreshes.
        """
        refusal = await self._refusal(who)
        if refusal is not None:
            await self.refused(who, act, room, refusal)
            raise refusal
        most = 1 if rarely else 0
        await audit.write(
            self._db, who.person.id, act, room=room[:64], why=why, note=note, most_a_minute=most
        )

    async def refused(self, who: Principal, act: str, room: str, error: ProductError) -> None:
        """Somebody tried."""
        await audit.write(
            self._db, who.person.id, act, room=room[:64], outcome="refused",
            note=error.code, most_a_minute=ATTEMPTS_A_MINUTE,
        )  # fmt: skip

    async def _refusal(self, who: Principal) -> ProductError | None:
        """The role as it is stored now: a socket may have been signed in for hours."""
        row = await find_person(self._db, who.person.id)
        if row is None or row.status != "active":
            return Forbidden("This account is closed.", code="missing_role")
        return refusal_of(row.role, who.scopes, enabled=self._settings.enabled)

    async def admit_watch(self, who: Principal, act: str, room: str, why: str) -> None:
        """Let an administrator watch a room that there is."""
        await self.admit(who, act, room, why)
        if await find_room(self._db, room) is None:
            missing = NotFound("There is no such room.", code="room_not_found")
            await self.failed(who, act, room, missing)
            raise missing

    async def still(self, who: Principal) -> None:
        """Raises for one who may look no longer."""
        refusal = await self._refusal(who)
        if refusal is not None:
            raise refusal

    async def tell(self, who: Principal, room: str) -> None:
        """Tell a room that somebody looks, where the settings say so."""
        if self._settings.members_are_told:
            command = Oversee(id="told", room=room, act="told")
            await self._carry(_as_admin(who), command, new_id("k"))

    async def failed(self, who: Principal, act: str, room: str, error: ProductError) -> None:
        """What was allowed did not come about."""
        await audit.write(
            self._db, who.person.id, act, room=room[:64], outcome="failed", note=error.code
        )

    async def act(self, who: Principal, command: Oversee, why: str, key: str) -> Answer:
        """Write down, then do. What becomes of it is written too where it matters."""
        act, note = f"room.{command.act}", command.text if command.act == "whisper" else ""
        await self.admit(who, act, command.room, why, note)
        try:
            answer = await self._carry(who, command, key)
        except ProductError as error:
            await self.failed(who, act, command.room, error)
            raise
        if answer.message is not None:
            await audit.write(
                self._db, who.person.id, act, room=command.room, outcome="done",
                note=answer.message,
            )  # fmt: skip
        return answer


def _as_admin(who: Principal) -> Principal:
    """One who was just admitted, though signed in before they had the role."""
    return msgspec.structs.replace(who, person=msgspec.structs.replace(who.person, role="admin"))
