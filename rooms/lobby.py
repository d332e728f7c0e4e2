"""What people do with rooms outside a turn: make, list, show, read back, search, report, block.

Nothing here needs a room in memory or its lease; what changes a live room goes through its
holder (rooms/room.py).
"""

from collections.abc import Callable
from typing import Literal, Protocol

import asyncpg
import msgspec
from msgspec import UNSET, Struct

from config.plans import Plan
from rooms.errors import Forbidden, Invalid, NotFound, PaymentRequired
from rooms.events import RoomUpdated
from rooms.ports import AccountLog, Principal
from rooms.shapes import CompanionCard, Member, Message, Room, Sender
from rooms.tree import message_of
from storage import messages, rooms, safety
from storage.ids import new_id
from storage.members import names_of
from storage.messages import MessageRow
from storage.rooms import Greeting, RoomRow


class Cards(Protocol):
    """Companions as lists and greetings need them."""

    async def card(self, companion: str, who: Principal) -> CompanionCard:
        """The card of a companion this person may talk to; raises NotFound or Forbidden."""

    async def cards(self, companions: list[str]) -> dict[str, CompanionCard]:
        """The cards of these companions, whoever looks."""

    async def greeting(self, companion: str, who: Principal) -> str:
        """The first words in a new room."""


class Page(Struct, frozen=True):
    """Messages of a branch, oldest first."""

    items: list[Message]
    has_more: bool
    cursor: str | None


Reason = Literal["harmful", "sexual", "harassment", "self_harm", "minor", "illegal", "other"]


class Lobby:
    """Rooms as requests see them."""

    def __init__(
        self,
        db: asyncpg.Pool,
        cards: Cards,
        account_log: AccountLog,
        plans: dict[str, Plan],
        now_ms: Callable[[], int],
        replying: Callable[[str], str | None],
    ) -> None:
        """`replying` tells a room's reply under way, where this node knows of one."""
        self._db = db
        self._cards = cards
        self._account_log = account_log
        self._plans = plans
        self._now_ms = now_ms
        self._replying = replying

    async def create(self, who: Principal, companions: list[str], title: str) -> Room:
        """A new room with the companions' greetings in it; told to all the person's devices."""
        if not companions:
            raise Invalid("Name at least one companion.", path="$.companions")
        await self._check_quota(who)
        cards = [await self.open_card(who, companion) for companion in companions]
        room = new_id("r", self._now_ms)
        greetings = [
            Greeting(new_id("m", self._now_ms), card.id, await self._cards.greeting(card.id, who))
            for card in cards
        ]
        await rooms.create_room(
            self._db,
            who.person.id,
            room,
            title or " & ".join(card.name for card in cards),
            "sender",
            [card.id for card in cards],
            greetings,
        )
        made = await self.show(who, room)
        await self._account_log.tell(who.person.id, RoomUpdated(room=made))
        return made

    async def _check_quota(self, who: Principal) -> None:
        quota = self._plans[who.person.plan].rooms
        if quota and await rooms.count_rooms(self._db, who.person.id) >= quota:
            more = [name for name, plan in self._plans.items() if not 0 < plan.rooms <= quota]
            raise PaymentRequired(
                f"Your plan has {quota} conversations. End one, or take a larger plan.",
                code="quota_rooms",
                details={"unlocked_by": more},
            )

    async def page(
        self, who: Principal, status: str | None, limit: int, offset: int
    ) -> tuple[list[Room], bool]:
        """The person's rooms, the liveliest first, and whether there are more."""
        rows = await rooms.list_rooms(self._db, who.person.id, status, limit + 1, offset)
        person = who.person.id
        shown = [await self._view(row, _since(row, person)) for row in rows[:limit]]
        return shown, len(rows) > limit

    async def show(self, who: Principal, room: str) -> Room:
        """One room of the person's."""
        row = await self.admit(who, room)
        return await self._view(row, _since(row, who.person.id))

    async def admit(self, who: Principal, room: str) -> RoomRow:
        """The room, if the person is in it; a stranger learns nothing, not even that it exists."""
        row = await rooms.find_room(self._db, room)
        person = who.person.id
        if row is None or not any(m.member == person for m in row.members if m.kind == "person"):
            raise NotFound("There is no such room.", code="room_not_found")
        return row

    async def history(
        self, who: Principal, room: str, *, before: int | None, limit: int, offset: int
    ) -> Page:
        """A page of the branch in use, the newest first to come, in reading order."""
        row = await self.admit(who, room)
        since = _since(row, who.person.id)
        found = await messages.branch(
            self._db,
            row.home,
            room,
            row.head,
            limit=limit + 1,
            before_n=before if before is not None else 2**62,
            after_n=since,
            offset=offset,
        )
        more = len(found) > limit
        items = await self._shown(row, found[1:] if more else found)
        return Page(items, more, str(items[0].n) if items and more else None)

    async def search(self, who: Principal, query: str, limit: int) -> list[Message]:
        """Messages with these words in the person's rooms, the newest first."""
        found = await messages.search_messages(self._db, who.person.id, query, limit)
        shown: list[Message] = []
        for room, message in found:
            row = await rooms.find_room(self._db, room)
            if row is not None:
                shown += await self._shown(row, [message])
        return shown

    async def seat(self, who: Principal, room: str) -> str:
        """Admit somebody, and say from where on the room's log is theirs."""
        row = await self.admit(who, room)
        return next(m.since_log for m in row.members if m.member == who.person.id)

    async def companion_names(self, row: RoomRow) -> list[str]:
        """The companions of a room, by name."""
        ids = [m.member for m in row.members if m.kind == "companion"]
        cards = await self._cards.cards(ids)
        return [cards[one].name for one in ids if one in cards]

    async def open_card(self, who: Principal, companion: str) -> CompanionCard:
        """The card of a companion this person may talk to and has not blocked."""
        card = await self._cards.card(companion, who)
        if card.id in await safety.blocks_of(self._db, who.person.id):
            raise Forbidden("You have blocked this companion.", code="companion_blocked")
        return card

    async def tell_everyone(self, room: str) -> None:
        """Tell each member how the room is now, as they may see it."""
        row = await rooms.find_room(self._db, room)
        if row is None:
            return
        shown = await self._view(row)
        for member in row.members:
            if member.kind != "person":
                continue
            last = shown.last_message
            hidden = last is not None and last.n <= member.since_n
            view = msgspec.structs.replace(shown, last_message=None) if hidden else shown
            since = member.since_log or UNSET
            await self._account_log.tell(member.member, RoomUpdated(room=view, since=since))

    async def change(
        self, who: Principal, room: str, title: str | None, status: str | None
    ) -> Room:
        """Rename, end or archive a room; told to everyone in it."""
        row = await self.admit(who, room)
        await rooms.set_room(self._db, row.home, room, title, status)
        await self.tell_everyone(room)
        return await self.show(who, room)

    async def whole(self, room: str, limit: int) -> tuple[Room, list[Message], RoomRow]:
        """A room and its last messages for somebody who is not in it: staff, whose look is
        audited before."""
        row = await rooms.find_room(self._db, room)
        if row is None:
            raise NotFound("There is no such room.", code="room_not_found")
        found = await messages.branch(self._db, row.home, room, row.head, limit=limit)
        return await self._view(row), await self._shown(row, found), row

    async def report(
        self, who: Principal, room: str, message: str, reason: Reason, note: str
    ) -> str:
        """Keep a report with a sealed copy of the words; returns its id."""
        row = await self.admit(who, room)
        found = await messages.find_message(self._db, row.home, room, message)
        if found is None or found.n <= _since(row, who.person.id):
            raise NotFound("There is no such message in this room.", code="message_not_found")
        report = new_id("rp", self._now_ms)
        await safety.report_message(
            self._db, who.person.id, report, room, message, reason, note, found.words
        )
        return report

    async def block(self, who: Principal, companion: str, *, blocked: bool) -> None:
        """Block a companion, or take it back."""
        act = safety.block_companion if blocked else safety.unblock_companion
        await act(self._db, who.person.id, companion)

    async def _view(self, row: RoomRow, since_n: int = 0) -> Room:
        ids = [m.member for m in row.members if m.kind == "companion"]
        cards = await self._cards.cards(ids)
        last = await messages.branch(self._db, row.home, row.room, row.head, limit=1)
        shown = await self._shown(row, [one for one in last if one.n > since_n])
        return Room(
            id=row.room,
            title=row.title,
            status=row.status,  # type: ignore[arg-type]  # the table's CHECK is this Literal
            payer=row.payer,
            members=[_member(m, cards) for m in row.members],
            n=row.n,
            unread=row.unread,
            created_at=row.created_at,
            updated_at=row.updated_at,
            head=row.head,
            last_message=shown[0] if shown else None,
            replying=self._replying(row.room),
            shares_history=row.shares_history,
            spent_microcredits=row.spent,
        )

    async def _shown(self, row: RoomRow, found: list[MessageRow]) -> list[Message]:
        """Under the names of their senders, also of those who have left."""
        speakers = {m.sender for m in found if m.sender_kind == "companion"}
        cards = await self._cards.cards(sorted(speakers))
        people = {m.member: m.name for m in row.members if m.kind == "person"}
        left = {m.sender for m in found if m.sender_kind == "person"} - people.keys()
        if left:
            people |= await names_of(self._db, sorted(left))
        return [message_of(m, row.room, _sender(m, cards, people)) for m in found]


def _since(row: RoomRow, person: str) -> int:
    """Messages up to this number are not for this person."""
    return next((m.since_n for m in row.members if m.member == person), 0)


def _sender(row: MessageRow, cards: dict[str, CompanionCard], people: dict[str, str]) -> Sender:
    if row.sender_kind == "companion":
        card = cards.get(row.sender)
        return Sender(kind="companion", id=row.sender, name=card.name if card else "")
    kind: Literal["person", "system"] = "person" if row.sender_kind == "person" else "system"
    return Sender(kind=kind, id=row.sender, name=people.get(row.sender, ""))


def _member(row: rooms.MemberRow, cards: dict[str, CompanionCard]) -> Member:
    if row.kind == "person":
        return Member(
            kind="person",
            id=row.member,
            name=row.name,
            read_n=row.read_n,
            role="owner" if row.role == "owner" else "member",
            muted=row.muted,
        )
    card = cards.get(row.member)
    return Member(
        kind="companion",
        id=row.member,
        name=card.name if card else "",
        muted=row.muted,
        portrait=card.portrait if card else None,
        hue=card.hue if card else None,
    )
