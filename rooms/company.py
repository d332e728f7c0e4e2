"""Company in a room as requests see it: invite, come in, leave, send away, mute, pay, block.

Each change is carried to the room's holder as a command; then everybody concerned is told.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Literal

import asyncpg
import structlog
from msgspec import Struct

from rooms.commands import Answer, MembersChange, RoomCommand
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, ProductError
from rooms.events import RoomInvited
from rooms.lobby import Lobby
from rooms.members import standing_of
from rooms.membership import check_owner, refusal_of
from rooms.ports import AccountLog, Principal
from rooms.shapes import Person, Room
from storage import members as store
from storage.ids import new_id
from storage.members import InvitationRow
from storage.rooms import RoomRow, find_room

logger = structlog.get_logger(__name__)
CODE_BYTES = 18
OPEN_INVITATIONS_MAX = 50
Carry = Callable[[Principal, RoomCommand, str], Awaitable[Answer]]


class Invitation(Struct, frozen=True, kw_only=True):
    """What one is shown of an invitation. `code` is said once, to whoever made it."""

    id: str
    room: str
    expires_at: int
    uses_left: int
    code: str | None = None
    person: str | None = None


class Preview(Struct, frozen=True, kw_only=True):
    """What an invitation leads to, before one accepts it."""

    id: str
    title: str
    owner: str
    people: int
    companions: list[str]
    payer: Literal["sender", "owner"]
    shares_history: bool
    expires_at: int


class Company:
    """Membership for requests."""

    def __init__(
        self,
        db: asyncpg.Pool,
        lobby: Lobby,
        account_log: AccountLog,
        carry: Carry,
        now_ms: Callable[[], int],
    ) -> None:
        self._db = db
        self._lobby = lobby
        self._account_log = account_log
        self._carry = carry
        self._now_ms = now_ms

    # --- invitations

    async def invite(
        self, who: Principal, room: str, username: str, uses: int, hours: int
    ) -> Invitation:
        """An invitation by code, or for one person by name. Only the owner makes one."""
        _adults_only(who)
        row = await self._lobby.admit(who, room)
        check_owner(standing_of(row), who.person.id)
        if len(await store.invitations_of_room(self._db, row.home, room)) >= OPEN_INVITATIONS_MAX:
            raise Conflict(
                f"A room has {OPEN_INVITATIONS_MAX} open invitations at most; withdraw some.",
                code="too_many_invitations",
            )
        person = await self._invited(who, row, username) if username else ""
        code = secrets.token_urlsafe(CODE_BYTES)
        made = InvitationRow(
            home=row.home,
            room=room,
            invitation=new_id("iv", self._now_ms),
            person=person,
            uses_left=1 if person else uses,
            expires_at=self._now_ms() + hours * 3_600_000,
        )
        await store.invite(self._db, made, code)
        if person:
            event = RoomInvited(
                invitation=made.invitation,
                title=row.title,
                by=who.person.display_name,
                expires_at=made.expires_at,
            )
            await self._account_log.tell(person, event)
        return _shown(made, code)

    async def _invited(self, who: Principal, row: RoomRow, username: str) -> str:
        found = await store.person_called(self._db, username)
        if found is None or await store.is_blocked(self._db, who.person.id, found):
            raise _nobody()
        if found in standing_of(row).seats:
            raise Conflict("They are in this room already.", code="already_in")
        return found

    async def invitations(self, who: Principal, room: str) -> list[Invitation]:
        """The open ones of a room, for its owner."""
        row = await self._lobby.admit(who, room)
        check_owner(standing_of(row), who.person.id)
        return [_shown(i) for i in await store.invitations_of_room(self._db, row.home, room)]

    async def withdraw(self, who: Principal, room: str, invitation: str) -> None:
        """Take one back; whoever is in stays in."""
        row = await self._lobby.admit(who, room)
        check_owner(standing_of(row), who.person.id)
        if not await store.withdraw(self._db, row.home, room, invitation):
            raise NotFound("There is no such invitation.", code="invitation_not_found")

    async def mine(self, who: Principal) -> list[Preview]:
        """Invitations that name this person."""
        rows = await store.invitations_of_person(self._db, who.person.id)
        return [await self._preview(row) for row in rows]

    async def look(self, who: Principal, code: str) -> Preview:
        """What an invitation leads to."""
        return await self._preview(await self._usable(who, code))

    async def accept(self, who: Principal, code: str) -> Room:
        """Come in."""
        _adults_only(who)
        found = await self._usable(who, code)
        await self._change(who, found.room, "join", invitation=code)
        return await self._lobby.show(who, found.room)

    async def decline(self, who: Principal, invitation: str) -> None:
        """Say no to one that names you."""
        if not await store.decline(self._db, invitation, who.person.id):
            raise NotFound("There is no such invitation.", code="invitation_not_found")

    async def _usable(self, who: Principal, code: str) -> InvitationRow:
        found = await store.find_invitation(self._db, code, who.person.id)
        if found is None:
            raise NotFound("There is no such invitation.", code="invitation_not_found")
        person, now_ms = who.person.id, self._now_ms()
        refusal = refusal_of(found.uses_left, found.expires_at, found.person, person, now_ms)
        if refusal is not None:
            raise refusal
        return found

    async def _preview(self, found: InvitationRow) -> Preview:
        row = await find_room(self._db, found.room)
        if row is None:
            raise NotFound("There is no such room any more.", code="room_not_found")
        standing = standing_of(row)
        names = {m.member: m.name for m in row.members if m.kind == "person"}
        return Preview(
            id=found.invitation,
            title=row.title,
            owner=names.get(standing.owner or "", ""),
            people=len(standing.those("person")),
            companions=await self._lobby.companion_names(row),
            payer="sender" if row.payer == "sender" else "owner",
            shares_history=row.shares_history,
            expires_at=found.expires_at,
        )

    # --- members

    async def leave(self, who: Principal, room: str) -> None:
        """Go; with the last person the room ends."""
        await self._lobby.admit(who, room)
        await self._change(who, room, "leave")
        await self._account_log.left(who.person.id, room, "left")

    async def remove(self, who: Principal, room: str, member: str) -> None:
        """Send somebody away, person or companion."""
        row = await self._lobby.admit(who, room)
        seat = standing_of(row).seats.get(member)
        await self._change(who, room, "remove", member=member)
        if seat is not None and seat.kind == "person":
            await self._account_log.left(member, room, "removed")

    async def mute(self, who: Principal, room: str, member: str, *, muted: bool) -> None:
        """Have a member be silent, or speak again."""
        await self._lobby.admit(who, room)
        await self._change(who, room, "mute" if muted else "unmute", member=member)

    async def add_companion(self, who: Principal, room: str, companion: str) -> Room:
        """Bring another companion in, one the owner may talk to."""
        await self._lobby.admit(who, room)
        card = await self._lobby.open_card(who, companion)
        await self._change(who, room, "companion", member=card.id)
        return await self._lobby.show(who, room)

    async def set_terms(
        self,
        who: Principal,
        room: str,
        payer: Literal["sender", "owner"] | None,
        shares_history: bool | None,
    ) -> None:
        """Who pays, and whether newcomers may read what was said before."""
        await self._lobby.admit(who, room)
        await self._change(who, room, "terms", payer=payer, shares_history=shares_history)

    async def block(self, who: Principal, username: str, *, blocked: bool) -> None:
        """Block a person: neither can invite the other, and yours are closed to them."""
        found = await store.person_called(self._db, username)
        if found is None:
            raise _nobody()
        if found == who.person.id:
            raise Invalid("That is you.", code="not_yourself")
        await store.block_person(self._db, who.person.id, found, blocked=blocked)
        if blocked:
            for room in await store.rooms_shared(self._db, who.person.id, found):
                await self.remove(who, room, found)

    async def depart(self, person: str) -> list[str]:
        """Leave every room with others in it, for somebody about to be erased; returns which.

        A room whose holder cannot be reached now is handed on by the erasure itself.
        """
        who = nameless(person)
        rooms = await store.rooms_with_others(self._db, person)
        for room in rooms:
            try:
                await self._change(who, room, "leave")
            except ProductError as error:
                logger.warning("a room was not left before its erasure", code=error.code)
        return rooms

    async def look_again(self, person: str, rooms: list[str]) -> None:
        """Have the holders of these read again what an erasure changed beside them."""
        for room in rooms:
            try:
                await self._change(nameless(person), room, "look")
            except ProductError as error:
                logger.warning("a room's holder did not look again", code=error.code)

    async def _change(
        self,
        who: Principal,
        room: str,
        act: Literal["join", "leave", "remove", "mute", "unmute", "companion", "terms", "look"],
        *,
        member: str = "",
        invitation: str = "",
        payer: Literal["sender", "owner"] | None = None,
        shares_history: bool | None = None,
    ) -> None:
        """Have the holder do it, then tell everybody in the room how it is now."""
        command = MembersChange(
            id="rest",
            room=room,
            act=act,
            member=member,
            invitation=invitation,
            payer=payer,
            shares_history=shares_history,
        )
        await self._carry(who, command, f"{act}/{room}")
        await self._lobby.tell_everyone(room)


def nameless(person: str) -> Principal:
    """Somebody who is going, without what they were called."""
    shown = Person(
        id=person,
        username="",
        display_name="",
        role="member",
        plan="",
        language="en",
        timezone="UTC",
        country="",
    )
    return Principal(person=shown, sign_in="")


def _nobody() -> NotFound:
    return NotFound("There is nobody of this name.", code="person_not_found", path="$.username")


def _adults_only(who: Principal) -> None:
    """Rooms with others are for adults: nobody can tell who sits on the other side."""
    if who.minor:
        raise Forbidden("Rooms with other people are for adults.", code="adults_only")


def _shown(row: InvitationRow, code: str | None = None) -> Invitation:
    return Invitation(
        id=row.invitation,
        room=row.room,
        expires_at=row.expires_at,
        uses_left=row.uses_left,
        code=code,
        person=row.person or None,
    )
