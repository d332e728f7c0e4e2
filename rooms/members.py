"""The members of a live room: changed one at a time by the room's holder, by the pure rules.

What a newcomer may see begins where the log and the messages stand when they sit down.
"""

from typing import Literal

import asyncpg

from config.sockets import RoomSettings
from rooms.commands import Answer, MembersChange
from rooms.errors import Conflict, NotFound
from rooms.events import RoomEvent
from rooms.membership import (
    SENDER,
    Seat,
    Standing,
    after_leaving,
    check_companion,
    check_join,
    check_mute,
    check_owner,
    check_remove,
    check_speak,
    refusal_of,
)
from rooms.ports import Principal, RoomLog, Telling
from storage import members as store
from storage.rooms import RoomRow, find_room


class Members:
    """Who is in one room, as its holder knows it."""

    def __init__(
        self, row: RoomRow, log: RoomLog, db: asyncpg.Pool, settings: RoomSettings
    ) -> None:
        self.row = row
        self._log = log
        self._db = db
        self._settings = settings
        self.standing = standing_of(row)

    @property
    def people(self) -> list[str]:
        """Who came first first."""
        return self.standing.those("person")

    @property
    def voices(self) -> list[str]:
        """The companions who may speak."""
        seats = self.standing.seats
        return [one for one in self.standing.those("companion") if not seats[one].muted]

    @property
    def names(self) -> dict[str, str]:
        """The people's names by id."""
        return {m.member: m.name for m in self.row.members if m.kind == "person"}

    def since_n(self, person: str) -> int:
        """Messages up to this number are not for this person."""
        return next((m.since_n for m in self.row.members if m.member == person), 0)

    def check_in(self, person: str) -> None:
        """Raises NotFound for a stranger: not even that the room exists is said."""
        if person not in self.standing.seats:
            raise NotFound("There is no such room.", code="room_not_found")

    def check_speak(self, person: str) -> None:
        """Raises Forbidden for the muted, Conflict where nobody may answer."""
        check_speak(self.standing, person)
        if not self.voices:
            raise Conflict("All companions here are muted.", code="companions_muted")

    def check_may_choose(self, person: str) -> None:
        """Raises Forbidden for the muted: which branch is in use is everybody's."""
        check_speak(self.standing, person)

    def check_sees(self, person: str, n: int) -> None:
        """Raises NotFound for what was said before one came."""
        if n <= self.since_n(person):
            raise NotFound("There is no such message in this room.", code="message_not_found")

    def may_go_on(self, person: str, companion: str) -> bool:
        """Whether a turn that this person began and this companion takes may still run."""
        seat = self.standing.seats.get(person)
        return seat is not None and not seat.muted and companion in self.voices

    def told_of(self, event: RoomEvent, n: int) -> list[Telling]:
        """An event that shows message `n` again: only to those who may read it."""
        may = [person for person in self.people if self.since_n(person) < n]
        if len(may) == len(self.people):
            return [Telling(event)]
        return [Telling(event, to=person) for person in may]

    async def change(self, who: Principal, command: MembersChange, now_ms: int) -> Answer:
        """Carry one change out. Raises ProductError."""
        by, member = who.person.id, command.member
        home, room = self.row.home, self.row.room
        match command.act:
            case "join":
                await self._join(by, command.invitation, now_ms)
            case "leave":
                self.check_in(by)
                await self._leave(by)
            case "remove":
                check_remove(self.standing, by, member)
                kind = self.standing.seats[member].kind
                await store.leave_seat(self._db, home, room, kind, member)
                if self.standing.payer == member:
                    await store.set_terms(self._db, home, room, payer=SENDER)
            case "mute" | "unmute":
                check_mute(self.standing, by, member)
                silent = command.act == "mute"
                await store.mute(self._db, home, room, member, muted=silent)
            case "companion":
                most = self._settings.companions_per_room
                check_companion(self.standing, by, member, most)
                await store.add_companion(self._db, home, room, member)
            case "look":
                pass
            case "terms":
                check_owner(self.standing, by)
                payer = {"owner": by, "sender": SENDER, None: None}[command.payer]
                await store.set_terms(
                    self._db, home, room, payer=payer, shares_history=command.shares_history
                )
        await self._read_again()
        return Answer()

    async def _join(self, person: str, code: str, now_ms: int) -> None:
        found = await store.find_invitation(self._db, code, person)
        if found is None or found.room != self.row.room:
            raise NotFound("There is no such invitation.", code="invitation_not_found")
        owner = self.standing.owner
        blocked = owner is not None and await store.is_blocked(self._db, owner, person)
        check_join(self.standing, person, self._settings.people_per_room, blocked=blocked)
        refusal = refusal_of(found.uses_left, found.expires_at, found.person, person, now_ms)
        if refusal is not None:
            raise refusal
        since = await self._log.place()
        row = self.row
        if not await store.take_seat(self._db, row.home, row.room, found.invitation, person, since):
            raise Conflict("This invitation was just used up.", code="invitation_over")

    async def _leave(self, person: str) -> None:
        home, room = self.row.home, self.row.room
        follows = after_leaving(self.standing, person)
        await store.leave_seat(self._db, home, room, "person", person)
        if follows.owner is not None:
            await store.hand_over(self._db, home, room, follows.owner)
        if follows.payer is not None or follows.ends:
            status: Literal["ended"] | None = "ended" if follows.ends else None
            await store.set_terms(self._db, home, room, payer=follows.payer, status=status)

    async def _read_again(self) -> None:
        row = await find_room(self._db, self.row.room)
        if row is not None:
            self.row, self.standing = row, standing_of(row)


def standing_of(row: RoomRow) -> Standing:
    """The rules' view of a stored room."""
    seats = {
        m.member: Seat(
            kind="person" if m.kind == "person" else "companion",
            role="owner" if m.role == "owner" else "member",
            muted=m.muted,
            order=i,
        )
        for i, m in enumerate(row.members)
    }
    return Standing(seats=seats, payer=row.payer)
