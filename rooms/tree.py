"""A live room's branch in use, kept in memory so that a turn need not read the database.

Only the newest messages are kept; an older branch is read when somebody walks to it.
"""

from typing import Final

import asyncpg
import msgspec

from rooms.asking import alternatives
from rooms.shapes import Message, Part, Sender, Usage, text_of
from storage.messages import MessageRow, branch

KEPT: Final = 120


class Tree:
    """The newest messages of the branch in use, oldest first."""

    def __init__(self, home: str, room: str, n: int, rows: list[MessageRow]) -> None:
        self.home = home
        self._room = room
        self._rows = rows
        self._loaded = True
        self.n = n
        self.head: str | None = rows[-1].message if rows else None

    @property
    def last_companion(self) -> str | None:
        """The companion who spoke last on this branch."""
        return next((r.sender for r in reversed(self._rows) if r.sender_kind == "companion"), None)

    def recent(self, count: int) -> list[MessageRow]:
        """The newest `count` messages; 0 is all that are kept."""
        return self._rows[-count:] if count else self._rows

    def add(self, message: Message) -> None:
        """A message was stored: it becomes the head; a fork drops what it does not stand on."""
        row = row_of(message)
        self.n = max(self.n, message.n)
        ids = [r.message for r in self._rows]
        if message.parent in ids:
            del self._rows[ids.index(message.parent) + 1 :]
        elif message.parent is not None:
            self._loaded = False
        self._rows.append(row)
        del self._rows[:-KEPT]
        self.head = message.id

    def walk(self, head: str) -> None:
        """The branch in use now ends in `head`; it is read again when needed."""
        self.head, self._loaded = head, False

    async def branch(self, db: asyncpg.Pool, head: str | None) -> list[MessageRow]:
        """The newest messages of the branch that ends in `head`."""
        if head is None:
            return []
        if self._loaded:
            ids = [row.message for row in self._rows]
            if head in ids:
                return self._rows[: ids.index(head) + 1]
        rows = await branch(db, self.home, self._room, head, limit=KEPT)
        if head == self.head:
            self._rows, self._loaded = rows, True
        return rows


def row_of(message: Message) -> MessageRow:
    """A message as the database would give it back."""
    return MessageRow(
        message=message.id,
        n=message.n,
        parent=message.parent,
        continues=message.continues,
        sender_kind=message.sender.kind,
        sender=message.sender.id,
        parts=msgspec.to_builtins(message.parts),
        words=text_of(message.parts),
        status=message.status,
        continuable=message.continuable,
        edited=message.edited,
        usage=None if message.usage is None else msgspec.to_builtins(message.usage),
        cost=message.cost_microcredits,
        receipt=message.receipt,
        memories=message.memories,
        reactions=message.reactions,
        key=message.key,
        at=message.at,
        siblings=message.alternatives.ids if message.alternatives else [message.id],
        by_staff=message.by_staff,
    )


def message_of(row: MessageRow, room: str, sender: Sender) -> Message:
    """A stored message as people see it."""
    return Message(
        id=row.message,
        room=room,
        n=row.n,
        sender=sender,
        parts=msgspec.convert(row.parts, list[Part]),
        at=row.at,
        parent=row.parent,
        continues=row.continues,
        status=msgspec.convert(row.status, Message.__annotations__["status"]),
        continuable=row.continuable,
        alternatives=alternatives(tuple(row.siblings), row.message),
        reactions=row.reactions,
        edited=row.edited,
        usage=None if row.usage is None else msgspec.convert(row.usage, Usage),
        cost_microcredits=row.cost,
        receipt=row.receipt,
        memories=row.memories,
        key=row.key,
        by_staff=row.by_staff,
    )
