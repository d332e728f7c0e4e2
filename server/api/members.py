"""Company in rooms over REST: invitations, members, terms, and blocks between people.

Each change is carried out by the room's holder, in order with what is said there.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rooms.company import Invitation, Preview
from rooms.shapes import Member, Room
from server.rest import Call, Routes

routes = Routes(tag="members")

Username = Annotated[str, Meta(max_length=64)]


class NewInvitation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For one person by `username`, or for `uses` people who have the code."""

    username: Username = ""
    uses: Annotated[int, Meta(ge=1, le=100)] = 1
    hours: Annotated[int, Meta(ge=1, le=720)] = 72


class Invitations(Struct, frozen=True):
    items: list[Invitation]


class Previews(Struct, frozen=True):
    items: list[Preview]


class Members(Struct, frozen=True):
    items: list[Member]


class NewCompanion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    companion: str


class MemberChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    muted: bool


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who pays (`sender`: whoever causes a turn), and whether newcomers read what was before."""

    payer: Literal["sender", "owner"] | None = None
    shares_history: bool | None = None


@routes.post("/api/v1/rooms/{room}/invitations", status=201, scope="chat")
async def invite(call: Call, room: str, body: NewInvitation) -> Invitation:
    """Invite somebody by name, or make a code to hand out; the code is shown this once."""
    return await call.house.company.invite(
        call.principal, room, body.username, body.uses, body.hours
    )


@routes.get("/api/v1/rooms/{room}/invitations", scope="chat")
async def list_invitations(call: Call, room: str) -> Invitations:
    """The open invitations of your room."""
    return Invitations(await call.house.company.invitations(call.principal, room))


@routes.delete("/api/v1/rooms/{room}/invitations/{invitation}", status=204, scope="chat")
async def withdraw(call: Call, room: str, invitation: str) -> None:
    """Take an invitation back."""
    await call.house.company.withdraw(call.principal, room, invitation)


@routes.get("/api/v1/invitations", scope="chat")
async def my_invitations(call: Call) -> Previews:
    """Invitations that name you."""
    return Previews(await call.house.company.mine(call.principal))


@routes.get("/api/v1/invitations/{code}", scope="chat")
async def look_at_invitation(call: Call, code: str) -> Preview:
    """Where an invitation leads: whose room, who is in it, and who would pay."""
    return await call.house.company.look(call.principal, code)


@routes.post("/api/v1/invitations/{code}", scope="chat")
async def accept(call: Call, code: str) -> Room:
    """Come in, by a code or by the id of an invitation that names you."""
    return await call.house.company.accept(call.principal, code)


@routes.delete("/api/v1/invitations/{code}", status=204, scope="chat")
async def decline(call: Call, code: str) -> None:
    """Say no to an invitation that names you, by its id."""
    await call.house.company.decline(call.principal, code)


@routes.get("/api/v1/rooms/{room}/members", scope="chat")
async def list_members(call: Call, room: str) -> Members:
    """Who is in the room, people and companions."""
    return Members((await call.house.lobby.show(call.principal, room)).members)


@routes.patch("/api/v1/rooms/{room}/members/{member}", status=204, scope="chat")
async def change_member(call: Call, room: str, member: str, body: MemberChange) -> None:
    """Mute a member, or let them speak again. A muted companion does not answer."""
    await call.house.company.mute(call.principal, room, member, muted=body.muted)


@routes.delete("/api/v1/rooms/{room}/members/{member}", status=204, scope="chat")
async def remove_member(call: Call, room: str, member: str) -> None:
    """Send a member away, or leave with `me`. What they wrote stays."""
    company, who = call.house.company, call.principal
    if member in {"me", who.person.id}:
        await call.house.realtime.leave_room(who, room)
    else:
        await company.remove(who, room, member)


@routes.post("/api/v1/rooms/{room}/companions", scope="chat")
async def add_companion(call: Call, room: str, body: NewCompanion) -> Room:
    """Bring another companion into your room."""
    return await call.house.company.add_companion(call.principal, room, body.companion)


@routes.put("/api/v1/rooms/{room}/terms", scope="chat")
async def set_terms(call: Call, room: str, body: Terms) -> Room:
    """Say who pays in your room, and what newcomers may read."""
    await call.house.company.set_terms(call.principal, room, body.payer, body.shares_history)
    return await call.house.lobby.show(call.principal, room)


@routes.put("/api/v1/users/{username}/block", status=204, scope="chat")
async def block_person(call: Call, username: str) -> None:
    """Block a person: they leave your rooms, and neither can invite the other."""
    await call.house.company.block(call.principal, username, blocked=True)


@routes.delete("/api/v1/users/{username}/block", status=204, scope="chat")
async def unblock_person(call: Call, username: str) -> None:
    """Take that back."""
    await call.house.company.block(call.principal, username, blocked=False)
