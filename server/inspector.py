"""The prompt inspector: what a model would be shown for the next reply, part by part.

It compiles with the very code a turn uses, so that what is shown cannot differ from what is sent.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from rooms.dialogue.prompt import Said
from rooms.ports import Principal
from rooms.prompting import compile_for, heard_by
from rooms.shapes import Message, Room, text_of
from storage.rooms import find_room

if TYPE_CHECKING:
    from server.house import House

DIRECTED = "The people who run this service have given a direction here. It is not charged."


class PromptPart(Struct, frozen=True):
    """One section and what it weighs."""

    name: str
    tokens: int
    text: str


class PromptView(Struct, frozen=True):
    """The compiled prompt. `dropped_messages` had no room in the window or the budget."""

    parts: list[PromptPart]
    input_tokens: int
    dropped_messages: int
    model: str


async def inspect(house: "House", who: Principal, room: str) -> PromptView:
    """The prompt of the next reply in a room of the person's.

    Whoever came in later is not shown what was said before, though the companion may know it.
    """
    page = await house.lobby.history(who, room, before=None, limit=100, offset=0)
    shown = await house.lobby.show(who, room)
    companion = _who_answers(shown, page.items)
    persona = await house.catalogue.persona(companion)
    said = [
        Said(
            "person" if message.sender.kind == "person" else "companion",
            text_of(message.parts),
            message.sender.id,
        )
        for message in page.items
        if message.status not in {"moderated", "deleted"}
    ]
    several = len(shown.members) > 2
    if several:
        said = heard_by(companion, said, {member.id: member.name for member in shown.members})
    plan = house.settings.plans[who.person.plan]
    compiled = compile_for(
        house.room_parts, who.person, persona, said, (), plan, "", several=several
    )
    parts = [PromptPart(s.name, s.tokens, s.text) for s in compiled.sections]
    row = await find_room(house.db, room)
    if row is not None and row.direction:
        parts.append(PromptPart("direction", 0, DIRECTED))
    return PromptView(
        parts,
        compiled.input_tokens,
        compiled.dropped,
        house.router.model,
    )


def _who_answers(room: Room, said: list[Message]) -> str:
    """Whoever spoke last, as long as nobody is named."""
    voices = [member.id for member in room.members if member.kind == "companion"]
    open_ones = [member.id for member in room.members if member.id in voices and not member.muted]
    last = [message.sender.id for message in said if message.sender.id in open_ones]
    return last[-1] if last else (open_ones or voices)[0]
