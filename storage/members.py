"""Who comes into a room and leaves it, at rest: invitations, seats, blocks between people.

What is allowed is decided in rooms/membership.py by the room's holder, one change at a time;
the statements here are conditional all the same, so that a late writer changes nothing.
"""

import hashlib
from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from storage.statements import sql


class InvitationRow(Struct, frozen=True, kw_only=True):
    """An invitation; `person` is empty where a code is enough. Instants are unix milliseconds."""

    home: str
    room: str
    invitation: str
    person: str
    uses_left: int
    expires_at: int


_COLUMNS = """home, room, invitation, person, uses_left,
    (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at"""

INVITE = sql(
    "invite",
    """
    INSERT INTO invitations (home, room, invitation, code_hash, person, uses_left, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7::bigint / 1000.0))
    """,
)
FIND_INVITATION = sql(
    "find_invitation",
    f"SELECT {_COLUMNS} FROM invitations WHERE code_hash = $1 "  # noqa: S608
    "OR (invitation = $2 AND person = $3 AND person <> '')",
)
INVITATIONS_OF_ROOM = sql(
    "invitations_of_room",
    f"SELECT {_COLUMNS} FROM invitations WHERE home = $1 AND room = $2 "  # noqa: S608
    "AND uses_left > 0 AND expires_at > now() ORDER BY created_at DESC LIMIT 100",
)
INVITATIONS_OF_PERSON = sql(
    "invitations_of_person",
    f"SELECT {_COLUMNS} FROM invitations WHERE person = $1 AND person <> '' "  # noqa: S608
    "AND uses_left > 0 AND expires_at > now() ORDER BY created_at DESC LIMIT 100",
)
WITHDRAW = sql(
    "withdraw_invitation",
    "DELETE FROM invitations WHERE home = $1 AND room = $2 AND invitation = $3",
)
DECLINE = sql(
    "decline_invitation",
    "DELETE FROM invitations WHERE invitation = $1 AND person = $2 AND person <> ''",
)
# A use is spent and the seat taken in one step; whoever is in already spends none.
TAKE_SEAT = sql(
    "take_seat",
    """
    WITH used AS (
        UPDATE invitations SET uses_left = uses_left - 1
         WHERE home = $1 AND room = $2 AND invitation = $3
           AND uses_left > 0 AND expires_at > now() AND person IN ('', $4)
           AND NOT EXISTS (SELECT 1 FROM members WHERE home = $1 AND room = $2
                            AND kind = 'person' AND member = $4 AND left_at IS NULL)
        RETURNING invitation
    )
    INSERT INTO members (home, room, kind, member, since_n, read_n, since_log)
    SELECT r.home, r.room, 'person', $4, CASE WHEN r.shares_history THEN 0 ELSE r.n END, r.n,
           CASE WHEN r.shares_history THEN '' ELSE $5 END
      FROM rooms r, used WHERE r.home = $1 AND r.room = $2
    ON CONFLICT (home, room, kind, member) DO UPDATE
       SET left_at = NULL, joined_at = now(), role = 'member', muted = false,
           since_n = excluded.since_n, read_n = excluded.read_n, since_log = excluded.since_log
    """,
)
ADD_COMPANION = sql(
    "add_companion_to_room",
    """
    INSERT INTO members (home, room, kind, member) VALUES ($1, $2, 'companion', $3)
    ON CONFLICT (home, room, kind, member) DO UPDATE
       SET left_at = NULL, joined_at = now(), muted = false
    """,
)
LEAVE_SEAT = sql(
    "leave_seat",
    "UPDATE members SET left_at = now(), role = 'member' WHERE home = $1 AND room = $2 "
    "AND kind = $3 AND member = $4 AND left_at IS NULL",
)
MUTE = sql(
    "mute_member",
    "UPDATE members SET muted = $4 WHERE home = $1 AND room = $2 AND member = $3 "
    "AND left_at IS NULL",
)
HAND_OVER = sql(
    "hand_over_room",
    "UPDATE members SET role = 'owner', muted = false WHERE home = $1 AND room = $2 "
    "AND kind = 'person' AND member = $3 AND left_at IS NULL",
)
SET_TERMS = sql(
    "set_terms_of_room",
    "UPDATE rooms SET payer = coalesce($3, payer), shares_history = coalesce($4, shares_history), "
    "status = coalesce($5, status), updated_at = now() WHERE home = $1 AND room = $2",
)
BLOCK_PERSON = sql(
    "block_person",
    "INSERT INTO person_blocks (person, member) VALUES ($1, $2) ON CONFLICT DO NOTHING",
)
UNBLOCK_PERSON = sql(
    "unblock_person", "DELETE FROM person_blocks WHERE person = $1 AND member = $2"
)
PERSON_CALLED = sql("person_called", "SELECT person FROM people WHERE lower(username) = lower($1)")
IS_BLOCKED = sql(
    "is_person_blocked",
    "SELECT EXISTS (SELECT 1 FROM person_blocks WHERE (person = $1 AND member = $2) "
    "OR (person = $2 AND member = $1))",
)
ROOMS_SHARED = sql(
    "rooms_shared",
    """
    SELECT mine.room FROM members mine
      JOIN members theirs ON theirs.home = mine.home AND theirs.room = mine.room
     WHERE mine.member = $1 AND mine.kind = 'person' AND mine.role = 'owner'
       AND mine.left_at IS NULL
       AND theirs.member = $2 AND theirs.kind = 'person' AND theirs.left_at IS NULL
    """,
)

ROOMS_WITH_OTHERS = sql(
    "rooms_with_others",
    """
    SELECT mine.room FROM members mine WHERE mine.member = $1 AND mine.kind = 'person'
       AND mine.left_at IS NULL AND EXISTS (
           SELECT 1 FROM members o WHERE o.home = mine.home AND o.room = mine.room
              AND o.kind = 'person' AND o.left_at IS NULL AND o.member <> $1)
    UNION
    SELECT o.room FROM members o WHERE o.home = $1 AND o.kind = 'person'
       AND o.left_at IS NULL AND o.member <> $1
    """,
)
NAMES_OF = sql(
    "names_of",
    "SELECT person, display_name FROM people WHERE person = ANY ($1::text[])",
)
FORGET_INVITATIONS = sql(
    "forget_invitations",
    "DELETE FROM invitations WHERE expires_at < now() - make_interval(hours => $1)",
)
# A function (0022_company.sql) bound to go from person to room to company along the indexes.
COMPANY_OF = sql("company_of", "SELECT person, room, other FROM company_of($1)")


def hash_of(code: str) -> bytes:
    """What is kept of an invitation's code."""
    return hashlib.sha256(code.encode()).digest()


async def invite(db: asyncpg.Pool, row: InvitationRow, code: str) -> None:
    """Keep a new invitation."""
    await db.execute(
        INVITE,
        row.home,
        row.room,
        row.invitation,
        hash_of(code),
        row.person,
        row.uses_left,
        row.expires_at,
    )


async def find_invitation(db: asyncpg.Pool, code: str, person: str) -> InvitationRow | None:
    """By its code, or by its id for the one it is addressed to."""
    record = await db.fetchrow(FIND_INVITATION, hash_of(code), code, person)
    return None if record is None else InvitationRow(**record)


async def invitations_of_room(db: asyncpg.Pool, home: str, room: str) -> list[InvitationRow]:
    """Those that can still be used."""
    return [InvitationRow(**record) for record in await db.fetch(INVITATIONS_OF_ROOM, home, room)]


async def invitations_of_person(db: asyncpg.Pool, person: str) -> list[InvitationRow]:
    """Those addressed to a person that can still be used."""
    return [InvitationRow(**record) for record in await db.fetch(INVITATIONS_OF_PERSON, person)]


async def withdraw(db: asyncpg.Pool, home: str, room: str, invitation: str) -> bool:
    """Take an invitation back; False when there is none."""
    return bool((await db.execute(WITHDRAW, home, room, invitation)).endswith(" 1"))


async def decline(db: asyncpg.Pool, invitation: str, person: str) -> bool:
    """Say no to one addressed to oneself."""
    return bool((await db.execute(DECLINE, invitation, person)).endswith(" 1"))


async def take_seat(
    db: asyncpg.Pool, home: str, room: str, invitation: str, person: str, since_log: str
) -> bool:
    """Spend one use of an invitation and sit down; False when it could not be used."""
    done = await db.execute(TAKE_SEAT, home, room, invitation, person, since_log)
    return bool(done.endswith(" 1"))


async def add_companion(db: asyncpg.Pool, home: str, room: str, companion: str) -> None:
    """A companion comes in."""
    await db.execute(ADD_COMPANION, home, room, companion)


async def leave_seat(db: asyncpg.Pool, home: str, room: str, kind: str, member: str) -> None:
    """A member goes; what they wrote stays."""
    await db.execute(LEAVE_SEAT, home, room, kind, member)


async def mute(db: asyncpg.Pool, home: str, room: str, member: str, *, muted: bool) -> None:
    """Have a member be silent, or speak again."""
    await db.execute(MUTE, home, room, member, muted)


async def hand_over(db: asyncpg.Pool, home: str, room: str, person: str) -> None:
    """Somebody else owns the room now; the old owner has left."""
    await db.execute(HAND_OVER, home, room, person)


async def set_terms(
    db: asyncpg.Pool,
    home: str,
    room: str,
    *,
    payer: str | None = None,
    shares_history: bool | None = None,
    status: str | None = None,
) -> None:
    """Who pays, and what newcomers may read; None leaves it."""
    await db.execute(SET_TERMS, home, room, payer, shares_history, status)


async def block_person(db: asyncpg.Pool, person: str, other: str, *, blocked: bool) -> None:
    """Block somebody, or take it back."""
    await db.execute(BLOCK_PERSON if blocked else UNBLOCK_PERSON, person, other)


async def is_blocked(db: asyncpg.Pool, one: str, other: str) -> bool:
    """Whether either has blocked the other."""
    return bool(await db.fetchval(IS_BLOCKED, one, other))


async def person_called(db: asyncpg.Pool, username: str) -> str | None:
    """The person of this name."""
    found: str | None = await db.fetchval(PERSON_CALLED, username)
    return found


async def rooms_shared(db: asyncpg.Pool, owner: str, other: str) -> list[str]:
    """The rooms of `owner` that `other` is in."""
    return [record["room"] for record in await db.fetch(ROOMS_SHARED, owner, other)]


async def company_of(db: asyncpg.Pool, people: Sequence[str]) -> list[tuple[str, str, str]]:
    """Of these people: (person, room, other person in it)."""
    if not people:
        return []
    return [tuple(record) for record in await db.fetch(COMPANY_OF, list(people))]


async def names_of(db: asyncpg.Pool, people: Sequence[str]) -> dict[str, str]:
    """What these are called; whoever was erased has no name."""
    found = await db.fetch(NAMES_OF, list(people))
    return {record["person"]: record["display_name"] for record in found}


async def forget_invitations(db: asyncpg.Pool, hours: int) -> None:
    """Drop invitations that ended longer ago."""
    await db.execute(FORGET_INVITATIONS, hours)


async def rooms_with_others(db: asyncpg.Pool, person: str) -> list[str]:
    """Rooms this person is in or made in which there are other people."""
    return [record["room"] for record in await db.fetch(ROOMS_WITH_OTHERS, person)]
