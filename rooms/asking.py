"""What a turn is about to do, decided before it begins: who asks, what is sent, what it may cost.

Asked is a value: the turn (rooms/turn.py) carries it out, the ledger stores it, tests make it
by hand.
"""

import hashlib
from typing import Literal

import msgspec
from msgspec import UNSET, Struct

from config.plans import Plan
from rooms.commands import Answer, Command
from rooms.credits.wallet import Outcome, Settled
from rooms.dialogue.prompt import Compiled
from rooms.errors import Conflict
from rooms.events import Notice
from rooms.ports import Memory, Metered, Principal
from rooms.shapes import Alternatives, Message, Part, Sender, TextPart, VoicePart


class NewMessage(Struct, frozen=True, kw_only=True):
    """The person's own words, about to be stored."""

    id: str
    text: str
    parent: str | None
    siblings: tuple[str, ...] = ()
    voice: VoicePart | None = None

    @property
    def parts(self) -> list[Part]:
        """What it is made of: `text` as it was written, or spoken."""
        return [TextPart(text=self.text)] if self.voice is None else [self.voice]


class Asked(Struct, frozen=True, kw_only=True):
    """One turn. `fixed_reply` is said instead of asking a model (care in a crisis); it is free."""

    who: Principal
    payer: str
    plan: Plan
    home: str
    room: str
    companion: str
    companion_name: str
    reply: str
    hold: str
    key: str | None
    digest: bytes
    compiled: Compiled
    message: NewMessage | None = None
    parent: str | None = None
    continues: str | None = None
    begun: str = ""
    siblings: tuple[str, ...] = ()
    memories: tuple[Memory, ...] = ()
    notices: tuple[Notice, ...] = ()
    fixed_reply: str = ""

    @property
    def answer(self) -> Answer:
        """What the command is acked with."""
        return Answer(message=self.message.id if self.message else None, reply=self.reply)

    @property
    def unmetered(self) -> Metered:
        """The log's account of a reply that has not begun to cost."""
        return Metered(self.reply, self.payer, self.hold, 0, 0)

    def stored_message(self, n: int, at_ms: int) -> Message:
        """The person's message as everyone sees it."""
        assert self.message is not None
        person = self.who.person
        return Message(
            id=self.message.id,
            room=self.room,
            n=n,
            sender=Sender(kind="person", id=person.id, name=person.display_name),
            parts=self.message.parts,
            at=at_ms,
            parent=self.message.parent,
            alternatives=alternatives((*self.message.siblings, self.message.id), self.message.id),
            edited=bool(self.message.siblings),
            key=self.key,
        )

    def stored_reply(self, outcome: Outcome, settled: Settled) -> Message | None:
        """The reply as everyone sees it; None when nothing was stored."""
        if settled.n is None:
            return None
        return Message(
            id=self.reply,
            room=self.room,
            n=settled.n,
            sender=Sender(kind="companion", id=self.companion, name=self.companion_name),
            parts=[
                TextPart(
                    text=outcome.text,
                    heard_until=UNSET if outcome.heard_until is None else outcome.heard_until,
                )
            ],
            at=settled.at_ms,
            parent=self.parent,
            continues=self.continues,
            status=outcome.status,
            continuable=outcome.continuable,
            alternatives=alternatives((*self.siblings, self.reply), self.reply),
            usage=outcome.usage,
            cost_microcredits=settled.captured_microcredits,
            receipt=settled.receipt,
            memories=[memory.id for memory in self.memories],
        )


def alternatives(siblings: tuple[str, ...], own: str) -> Alternatives | None:
    """A message's place among its siblings; None for an only child."""
    ids = list(dict.fromkeys(siblings))
    return Alternatives(index=ids.index(own) + 1, ids=ids) if len(ids) > 1 else None


def digest_of(command: Command) -> bytes:
    """A command's content without its id and key: the same key with other content is refused."""
    fields = msgspec.to_builtins(command)
    fields.pop("id", None)
    fields.pop("key", None)
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).digest()


def same_answer(known: tuple[bytes, Answer], digest: bytes) -> Answer:
    """What a repeat is answered with. Raises Conflict where it is none."""
    if known[0] != digest:
        raise Conflict("This key was used for something else.", code="key_reused", path="$.key")
    return known[1]


Mode = Literal["send", "edit", "again", "continue"]
