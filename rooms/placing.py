"""Where in the tree a turn stands: what a send, an edit, another answer or a continuation mean.

A command goes in, a Place comes out: the branch before the turn, the words it answers, and
what it will add.
"""

from dataclasses import dataclass

import asyncpg

from config.sockets import RoomSettings
from rooms.asking import NewMessage
from rooms.commands import MessageEdit, MessageSend, ReplyCreate
from rooms.dialogue.prompt import Said
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from rooms.ports import Principal
from rooms.recordings import claim
from rooms.tree import Tree
from storage.ids import new_id
from storage.messages import MessageRow, find_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a turn stands. `begun` is an interrupted reply to carry on."""

    branch: list[Said]
    words: str
    message: NewMessage | None = None
    parent: str | None = None
    continues: str | None = None
    begun: str = ""
    siblings: tuple[str, ...] = ()


class Placing:
    """Finds places in one room."""

    def __init__(
        self, home: str, room: str, tree: Tree, db: asyncpg.Pool, settings: RoomSettings
    ) -> None:
        self.home = home
        self._room = room
        self._tree = tree
        self._db = db
        self._settings = settings

    async def place(
        self, who: Principal, command: MessageSend | MessageEdit | ReplyCreate, since_n: int = 0
    ) -> Place:
        """The place of a command. Raises NotFound, Forbidden, Conflict, TooLarge.

        `since_n`: messages up to there do not exist for this person.
        """
        named = command.parent if isinstance(command, MessageSend) else command.message
        if since_n and named is not None and (await self.message(named)).n <= since_n:
            raise NotFound("There is no such message in this room.", code="message_not_found")
        match command:
            case MessageSend(text=text, parent=parent, voice=None):
                return await self._of_new_words(text, parent)
            case MessageSend(parent=parent, voice=str(note), text=text):
                if text:
                    raise Invalid("A voice note has its own words.", path="$.text")
                return await self._of_a_note(who, note, parent)
            case MessageSend():
                raise AssertionError("a note has a name")
            case MessageEdit(message=old, text=text):
                return await self._of_an_edit(who, old, text)
            case ReplyCreate(message=target, mode="again"):
                return await self._of_another_answer(target)
            case ReplyCreate(message=target):
                return await self._of_a_continuation(target)

    async def _of_new_words(self, text: str, parent: str | None) -> Place:
        self._measure(text)
        at = parent or self._tree.head
        if parent is not None:
            await self.message(parent)
        message = NewMessage(id=new_id("m"), text=text, parent=at)
        return Place(branch=await self._branch(at), words=text, message=message)

    async def _of_a_note(self, who: Principal, note: str, parent: str | None) -> Place:
        at = parent or self._tree.head
        if parent is not None:
            await self.message(parent)
        message = new_id("m")
        part, words = await claim(self._db, who.person.id, note, self._room, message)
        self._measure(words)
        said = NewMessage(id=message, text=words, parent=at, voice=part)
        return Place(branch=await self._branch(at), words=words, message=said)

    async def _of_an_edit(self, who: Principal, old_id: str, text: str) -> Place:
        self._measure(text)
        old = await self.message(old_id)
        if old.sender != who.person.id:
            raise Forbidden("Only your own messages can be edited.")
        message = NewMessage(
            id=new_id("m"), text=text, parent=old.parent, siblings=tuple(old.siblings)
        )
        return Place(branch=await self._branch(old.parent), words=text, message=message)

    async def _of_another_answer(self, target: str) -> Place:
        row = await self.message(target)
        if row.sender_kind == "system":
            raise Conflict("This is no message that can be answered.", code="no_question")
        siblings: tuple[str, ...] = ()
        if row.sender_kind == "companion":
            siblings, row = tuple(row.siblings), await self._asking(row)
        branch = await self._branch(row.message)
        return Place(branch=branch, words=row.words, parent=row.message, siblings=siblings)

    async def _of_a_continuation(self, target: str) -> Place:
        row = await self.message(target)
        if row.sender_kind != "companion" or not row.continuable:
            raise Conflict("This reply cannot be continued.", code="not_continuable")
        branch = await self._branch(row.parent)
        return Place(
            branch=branch,
            words=branch[-1].text if branch else "",
            parent=row.message,
            continues=row.message,
            begun=row.words,
        )

    async def _asking(self, reply: MessageRow) -> MessageRow:
        """The message a reply answers; a continuation is walked back to it."""
        row = reply
        while row.sender_kind == "companion":
            if row.parent is None:
                raise Conflict("A greeting cannot be answered again.", code="no_question")
            row = await self.message(row.parent)
        return row

    def _measure(self, text: str) -> None:
        longest = self._settings.message_characters
        if len(text) > longest:
            raise TooLarge(
                f"A message may have {longest} characters; this one has {len(text)}.", path="$.text"
            )
        if not any(mark.isprintable() and mark != " " for mark in text):
            raise Invalid("A message needs words.", code="empty_message", path="$.text")

    async def _branch(self, head: str | None) -> list[Said]:
        rows = await self._tree.branch(self._db, head)
        return [
            Said(
                "person" if row.sender_kind == "person" else "companion",
                row.words,
                row.sender,
            )
            for row in rows
            if row.words and row.status not in {"moderated", "deleted"}
        ]

    async def said(self) -> list[Said]:
        """The branch in use, as a prompt takes it."""
        return await self._branch(self._tree.head)

    async def after(self, reply: str, words: str) -> Place:
        """Where a companion speaks who takes up another's words."""
        return Place(branch=await self._branch(reply), words=words, parent=reply)

    async def message(self, message: str) -> MessageRow:
        """A message of this room. Raises NotFound."""
        row = await find_message(self._db, self.home, self._room, message)
        if row is None:
            raise NotFound("There is no such message in this room.", code="message_not_found")
        return row
