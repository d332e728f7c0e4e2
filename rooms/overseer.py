"""Staff's hand in a live room, carried out by the room's holder: halt, direct, say, tell.

Who may is decided and audited before the command comes here; the role is checked once more.
"""

from typing import TYPE_CHECKING, Final

import structlog

from rooms.asking import Asked, digest_of
from rooms.commands import Answer, Oversee
from rooms.errors import Conflict, Forbidden, NotFound
from rooms.events import MessageCreated, Notice
from rooms.members import Members
from rooms.oversight import Oversight, after, check_words, refusal_of
from rooms.ports import LogStale, Principal, RoomLog, Telling
from rooms.shapes import Message, Sender, TextPart
from rooms.tree import Tree
from storage.database import DATABASE_AWAY
from storage.ids import new_id
from storage.messages import find_message, say_for
from storage.rooms import RoomRow, answered, set_oversight

if TYPE_CHECKING:
    from rooms.room import RoomParts

logger = structlog.get_logger(__name__)
TOLD_EVERY_MS: Final = 60_000


class Overseer:
    """How one room stands under staff's hand, in memory and stored."""

    def __init__(
        self, row: RoomRow, members: Members, tree: Tree, log: RoomLog, parts: "RoomParts"
    ) -> None:
        self.now = Oversight(
            halted=row.halted,  # type: ignore[arg-type]  # the table's CHECK is this Literal
            direction=row.direction,
            once=row.direction_once,
        )
        self._told_at_ms = 0
        self._members = members
        self._tree = tree
        self._log = log
        self._parts = parts

    async def carry(self, who: Principal, command: Oversee, key: str) -> Answer:
        """Carry a command out, in its turn among the room's others. Raises ProductError."""
        refusal = refusal_of(who.person.role, who.scopes, enabled=True)
        if refusal is not None:
            raise refusal
        if command.act == "say":
            return await self._say(who, command, key)
        if command.act == "told" and not self._is_due():
            return Answer()
        now, telling = after(self.now, command, self._parts.oversight.direction_characters)
        if command.act == "whisper":
            self._screen(now.direction)
        if now != self.now:
            await self._keep(now)
        if telling:
            notice = Notice(kind="oversight", text=telling, room=self._members.row.room)
            await self._log.append([Telling(notice)])
        return Answer()

    def _is_due(self) -> bool:
        """One look is two calls, and a lost connection looks again: once a minute is told."""
        now_ms = self._parts.now_ms()
        due = now_ms - self._told_at_ms >= TOLD_EVERY_MS
        if due:
            self._told_at_ms = now_ms
        return due

    async def replied(self, asked: Asked) -> None:
        """A turn began with this direction: one that was for one reply is over."""
        if asked.fixed_reply or not self.now.direction or self.now.replied() == self.now:
            return
        try:
            await self._keep(self.now.replied())
        except DATABASE_AWAY:
            self.now = self.now.replied()  # a room opened anew may hear it once more
            logger.warning("a used direction is still stored", room=self._members.row.room)

    async def _keep(self, now: Oversight) -> None:
        db, fence, row = self._parts.db, self._log.fence, self._members.row
        if not await set_oversight(db, row, now.halted, now.direction, once=now.once, fence=fence):
            raise LogStale
        self.now = now

    def _screen(self, words: str) -> None:
        """The rules hold for staff too, the strict ones: who reads it may be young."""
        if self._parts.turn.screen.screen(words, minor=True, from_person=False).action == "block":
            raise Forbidden("This cannot be said here.", code="content_blocked")

    async def _say(self, who: Principal, command: Oversee, key: str) -> Answer:
        """Say something in the companion's place: free, and marked as staff's for good."""
        text = command.text.strip()
        check_words(text, self._parts.settings.message_characters)
        digest, row, db = digest_of(command), self._members.row, self._parts.db
        stored = await answered(db, who.person.id, key)
        if stored is not None:
            if stored[0] != digest:
                raise Conflict("This key was used for something else.", code="key_reused")
            return Answer(**stored[1])
        self._screen(text)
        companion = self._companion(command.companion)
        message, parent = new_id("m", self._parts.now_ms), self._tree.head
        if not await say_for(
            db, row.home, row.room, message, parent, companion, text,
            fence=self._log.fence, by=who.person.id, key=key, digest=digest,
        ):  # fmt: skip
            raise LogStale
        kept = await find_message(db, row.home, row.room, message)
        assert kept is not None, "it was just stored"
        name = (await self._parts.personas.persona(companion)).name
        shown = Message(
            id=message,
            room=row.room,
            n=kept.n,
            sender=Sender(kind="companion", id=companion, name=name),
            parts=[TextPart(text=text)],
            at=kept.at,
            parent=parent,
            by_staff=True,
        )
        self._tree.add(shown)
        await self._log.append([Telling(MessageCreated(room=row.room, message=shown))])
        return Answer(message=message)

    def _companion(self, named: str) -> str:
        voices = self._members.voices or self._members.standing.those("companion")
        if named and named not in voices:
            raise NotFound("This companion is not in the room.", code="member_not_found")
        if named:
            return named
        last = self._tree.last_companion
        return last if last in voices else voices[0]
