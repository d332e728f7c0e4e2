"""The rules of who may be in a room and who decides that; pure.

The room's holder asks here before each change (rooms/members.py carries it out), so that two
changes never cross.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from rooms.errors import Conflict, Forbidden, NotFound, ProductError

SENDER = "sender"


class Seat(Struct, frozen=True, kw_only=True):
    """One member's place. `order` tells who came first."""

    kind: Literal["person", "companion"]
    role: Literal["owner", "member"] = "member"
    muted: bool = False
    order: int = 0


class Standing(Struct, frozen=True, kw_only=True):
    """Who is in a room, and who pays: `sender` or a person's id."""

    seats: Mapping[str, Seat]
    payer: str = SENDER

    @property
    def owner(self) -> str | None:
        """Who decides."""
        return next((who for who, seat in self.seats.items() if seat.role == "owner"), None)

    def those(self, kind: str) -> list[str]:
        """People or companions, who came first first."""
        found = [(seat.order, who) for who, seat in self.seats.items() if seat.kind == kind]
        return [who for _, who in sorted(found)]


class Succession(Struct, frozen=True):
    """What a leaving brings with it: a new owner, another payer, or the room's end."""

    owner: str | None
    payer: str | None
    ends: bool


def check_owner(standing: Standing, by: str) -> None:
    """Only the owner decides. Raises Forbidden, or NotFound for a stranger."""
    if by not in standing.seats:
        raise NotFound("There is no such room.", code="room_not_found")
    if standing.owner != by:
        raise Forbidden("Only the room's owner can do this.", code="not_the_owner")


def check_join(standing: Standing, person: str, most: int, *, blocked: bool) -> None:
    """Whether somebody with an invitation may come in. Raises ProductError."""
    if person in standing.seats:
        raise Conflict("You are in this room already.", code="already_in")
    if blocked:
        raise NotFound("This invitation is not for you.", code="invitation_not_found")
    if len(standing.those("person")) >= most:
        raise Conflict(f"This room is full: {most} people are in it.", code="room_full")


def check_companion(standing: Standing, by: str, companion: str, most: int) -> None:
    """Whether a companion may be brought in. Raises ProductError."""
    check_owner(standing, by)
    if companion in standing.seats:
        raise Conflict("This companion is in the room already.", code="already_in")
    if len(standing.those("companion")) >= most:
        raise Conflict(f"A room has {most} companions at most.", code="room_full")


def check_remove(standing: Standing, by: str, member: str) -> None:
    """Whether a member may be sent away. Raises ProductError."""
    check_owner(standing, by)
    seat = _seat(standing, member)
    if member == by:
        raise Conflict("Leave the room instead of removing yourself.", code="leave_instead")
    if seat.kind == "companion" and len(standing.those("companion")) == 1:
        raise Conflict("A room keeps at least one companion.", code="last_companion")


def check_mute(standing: Standing, by: str, member: str) -> None:
    """Whether a member may be silenced. Raises ProductError."""
    check_owner(standing, by)
    _seat(standing, member)
    if member == by:
        raise Conflict("You cannot mute yourself.", code="not_yourself")


def check_speak(standing: Standing, person: str) -> None:
    """Whether a member may cause a turn now. Raises Forbidden."""
    seat = standing.seats.get(person)
    if seat is not None and seat.muted:
        raise Forbidden("The room's owner has muted you; you can still read.", code="muted")


def after_leaving(standing: Standing, person: str) -> Succession:
    """What follows when a person goes. Money is never handed on: the new owner did not agree.

    Whoever was muted can speak again as the owner: nobody else is left who could unmute them.
    """
    _seat(standing, person)
    left = [who for who in standing.those("person") if who != person]
    payer = SENDER if standing.payer == person else None
    if not left:
        return Succession(None, payer, ends=True)
    heir = left[0] if standing.owner == person else None
    return Succession(heir, payer, ends=False)


def refusal_of(
    uses_left: int, expires_at_ms: int, for_person: str, person: str, now_ms: int
) -> ProductError | None:
    """Why an invitation cannot be used, or None."""
    if for_person and for_person != person:
        return NotFound("There is no such invitation.", code="invitation_not_found")
    if expires_at_ms <= now_ms or uses_left <= 0:
        return Conflict(
            "This invitation can no longer be used; ask for another.", code="invitation_over"
        )
    return None


def _seat(standing: Standing, member: str) -> Seat:
    seat = standing.seats.get(member)
    if seat is None:
        raise NotFound("Nobody of that name is in this room.", code="member_not_found")
    return seat
