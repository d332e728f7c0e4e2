"""The items of one `/v1/realtime` conversation, in order and bounded; nothing here is stored.

The client owns this conversation as it owns the messages of a chat completion: it is the
context of its responses, ends with its socket, and is no room's history.
"""

from typing import Any, Final, Literal

from msgspec import Struct

from realtime.openai_shapes import SPOKEN_AS, NewMessage, Role, item_not_found
from rooms.completion import Spoken
from rooms.errors import Conflict, TooLarge

ROOT: Final = "root"
BEGIN: Final = "(They have said nothing yet. Begin.)"
GO_ON: Final = "(They wait for you to go on.)"

Status = Literal["in_progress", "completed", "incomplete"]


class Item(Struct, eq=False):
    """One message. Its text is known in full once it is no longer in progress."""

    id: str
    role: Role
    texts: list[str]
    status: Status = "completed"
    refused: bool = False  # the screen let no response be made of it
    audio: bool = False  # it was said aloud: its text is a transcript
    marks: list[tuple[int, int]] = []  # how many characters had sounded at which sample

    def text(self) -> str:
        """All of it."""
        return "\n".join(self.texts)

    def shown(self) -> dict[str, Any]:
        """The item as clients read it."""
        if self.audio:
            kind = "input_audio" if self.role == "user" else "output_audio"
            said: list[str | None] = [*self.texts] or [None]
            content: list[dict[str, Any]] = [{"type": kind, "transcript": text} for text in said]
        else:
            content = [{"type": SPOKEN_AS[self.role], "text": text} for text in self.texts]
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": content,
        }

    def size(self) -> int:
        """Its text in bytes."""
        return sum(len(text.encode(errors="replace")) for text in self.texts)


def item_of(message: NewMessage, item_id: str) -> Item:
    """A client's message as an item."""
    return Item(item_id, message.role, [part.text or "" for part in message.content])


class Conversation:
    """Refusals are raised before anything changes."""

    __slots__ = ("_bytes", "_bytes_most", "_items", "_items_most")

    def __init__(self, items_most: int, bytes_most: int) -> None:
        self._items: dict[str, Item] = {}
        self._items_most = items_most
        self._bytes_most = bytes_most
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def find(self, item: str, path: str) -> Item:
        """Raises NotFound."""
        found = self._items.get(item)
        if found is None:
            raise item_not_found(item, path)
        return found

    def holds(self, item: Item) -> bool:
        """Whether it is (still) here."""
        return self._items.get(item.id) is item

    def room_for(self, size: int) -> None:
        """Raises TooLarge where one more item of `size` bytes would be too much."""
        if len(self._items) >= self._items_most:
            raise TooLarge(
                f"A conversation holds {self._items_most} items here; delete some.",
                code="conversation_full",
            )
        if self._bytes + size > self._bytes_most:
            raise TooLarge(
                f"A conversation holds {self._bytes_most} bytes of text here; delete some items.",
                code="conversation_full",
            )

    def insert(self, item: Item, after: str | None) -> str | None:
        """Put `item` after another, at the `root`, or (None) at the end; what stands before it.

        Raises NotFound, Conflict or TooLarge.
        """
        if item.id in self._items:
            raise Conflict(
                f"There is an item {item.id!r} already.", code="duplicate_item", path="$.item.id"
            )
        if after is not None and after != ROOT:
            self.find(after, "$.previous_item_id")
        self.room_for(item.size())
        self._bytes += item.size()
        return self._place(item, after)

    def append(self, item: Item) -> str | None:
        """Put what the companion says at the end, full or not; what stands before it."""
        self._bytes += item.size()
        return self._place(item, None)

    def _place(self, item: Item, after: str | None) -> str | None:
        order = list(self._items)
        if after is None:
            self._items[item.id] = item
            return order[-1] if order else None
        place = 0 if after == ROOT else order.index(after) + 1
        pairs = list(self._items.items())
        pairs.insert(place, (item.id, item))
        self._items = dict(pairs)
        return order[place - 1] if place else None

    def grown(self, item: Item) -> None:
        """An item that was put here empty has its text now."""
        if self.holds(item):
            self._bytes += item.size()

    def delete(self, item: str) -> None:
        """Raises NotFound."""
        found = self.find(item, "$.item_id")
        if found.status != "in_progress":
            self._bytes -= found.size()
        del self._items[item]

    def before(self, item: str) -> str | None:
        """What stands before an item."""
        order = list(self._items)
        place = order.index(item)
        return order[place - 1] if place else None

    def context(self) -> list[Item]:
        """What has been said in full."""
        return [item for item in self._items.values() if item.status != "in_progress"]


def last_words(items: list[Item]) -> list[Item]:
    """What the person said since the companion's last words; not again what was refused,
    unless there is nothing else."""
    said: list[Item] = []
    for item in reversed(items):
        if item.role == "assistant":
            break
        if item.role == "user" and item.text().strip():
            said.insert(0, item)
    return [item for item in said if not item.refused] or said


def spoken(items: list[Item], instructions: str) -> tuple[Spoken, ...]:
    """A response's context, ending with the person's last words.

    Those are one message, so that all of it is screened. Instructions are wishes, as in chat.
    """
    last = last_words(items)
    wishes = [Spoken("system", instructions)] if instructions.strip() else []
    talk: list[Spoken] = []
    for item in items:
        text = item.text()
        if item.role == "system" and text.strip():
            wishes.append(Spoken("system", text))
        elif item not in last and not item.refused and text.strip():
            talk.append(Spoken(item.role, text))
    words = "\n\n".join(item.text() for item in last)
    return (*wishes, *talk, Spoken("user", words or (GO_ON if talk else BEGIN)))
