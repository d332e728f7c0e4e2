"""Everything decided before a turn: the branch it stands on, who answers, the screen, the prompt.

The room (rooms/room.py) keeps the order of things; what a turn is about to do is found here, for
a person's command and for a companion who takes up another's words.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from config.plans import Plan
from rooms.asking import Asked
from rooms.commands import MessageEdit, MessageSend, ReplyCreate
from rooms.dialogue.ports import Picture, Prompt
from rooms.dialogue.prompt import Compiled, Persona, Said
from rooms.errors import Forbidden
from rooms.events import Notice
from rooms.members import Members
from rooms.moderation.care import care_for
from rooms.mouth import Voicing
from rooms.overseer import Overseer
from rooms.placing import Place, Placing
from rooms.ports import Memory, Principal
from rooms.prompting import compile_for, heard_by
from rooms.spans import step
from rooms.tree import Tree
from rooms.turn_taking import Voice, first_voice, next_voice
from storage.ids import new_id
from storage.safety import count_crisis

if TYPE_CHECKING:
    from rooms.room import RoomParts

DISCLOSE_EVERY_MS: Final = 3 * 3_600_000
UNSAID: Final = "So, what do you think of that?"  # about as long as what is said in a call
# What a person shows with the words of this key; None: with those they are about to say.
Shown = Callable[[str, str | None], Awaitable[tuple[Picture, ...]]]


async def _nothing(_person: str, _key: str | None) -> tuple[Picture, ...]:
    return ()


class Asker:
    """Makes `Asked` values for one room."""

    def __init__(
        self,
        parts: "RoomParts",
        members: Members,
        tree: Tree,
        placing: Placing,
        overseer: Overseer,
    ) -> None:
        self._parts = parts
        self._members = members
        self._tree = tree
        self._placing = placing
        self._overseer = overseer
        self.spoken: Callable[[str], bool] = lambda _person: False  # whether they are in a call
        self.voicing: Voicing | None = None  # who speaks replies at the moment
        self.shown: Shown = _nothing  # what a person in a call lets the companion see
        self._disclosed_at_ms: dict[str, int] = {}

    async def ask(
        self,
        who: Principal,
        command: MessageSend | MessageEdit | ReplyCreate,
        key: str,
        digest: bytes,
    ) -> Asked:
        """What a person's command begins. Raises ProductError."""
        self._members.check_in(who.person.id)  # they may have left while they waited
        self._members.check_speak(who.person.id)
        plan = self._parts.plans[who.person.plan]
        since_n = self._members.since_n(who.person.id)
        place = await self._placing.place(who, command, since_n)
        if self.spoken(who.person.id):
            plan = self._in_a_call(plan)
        else:
            await self._parts.entitled.turn(who, plan)  # refused for its form, it counts nowhere
        companion = first_voice(place.words, await self._voices(), self._tree.last_companion)
        with step("screen"):
            verdict = self._parts.turn.screen.screen(place.words, minor=who.minor, from_person=True)
        if verdict.action == "block":
            raise Forbidden(
                "This cannot be said here. Nothing was sent or charged.", code="content_blocked"
            )
        notices, fixed = self._notices(who), ""
        if verdict.action == "crisis" and place.message is not None:
            care = care_for(who.person.country, who.person.language)
            await count_crisis(self._parts.db, verdict.category or "self_harm")
            fixed = care.reply
            room = self._members.row.room
            notice = Notice(kind="crisis", text=care.notice, links=care.links, room=room)
            notices = (*notices, notice)
        pictures = await self.shown(who.person.id, key) if not fixed else ()
        asked = await self._asked(who, place, companion, plan, pictures)
        return msgspec.structs.replace(
            asked, key=key, digest=digest, notices=notices, fixed_reply=fixed
        )

    async def foresee(self, who: Principal, text: str) -> Prompt | None:
        """What the model would be asked if the person said this now; nothing is counted for it,
        told or kept. None where it would not be asked at all. Raises ProductError."""
        place = await self._as_if(who, text)
        screen = self._parts.turn.screen
        if screen.screen(place.words, minor=who.minor, from_person=True).action != "allow":
            return None
        return await self._prompt(who, place, await self.shown(who.person.id, None))

    async def before(self, who: Principal) -> Prompt:
        """What the model would be asked if the person now said something nobody can foresee: all
        but the last line is right, unless they say so much that older talk has no room beside it.
        Raises ProductError."""
        return await self._prompt(who, await self._as_if(who, UNSAID))

    async def _as_if(self, who: Principal, text: str) -> Place:
        self._members.check_speak(who.person.id)
        command = MessageSend(id="foresee", room=self._members.row.room, text=text)
        return await self._placing.place(who, command, self._members.since_n(who.person.id))

    async def _prompt(
        self, who: Principal, place: Place, pictures: tuple[Picture, ...] = ()
    ) -> Prompt:
        plan = self._parts.plans[who.person.plan]
        companion = first_voice(place.words, await self._voices(), self._tree.last_companion)
        return (await self._asked(who, place, companion, plan, pictures)).compiled.prompt

    def _in_a_call(self, plan: Plan) -> Plan:
        """What is said in a call is paid by the second, where the prices say so; not counted."""
        if not self._parts.turn.credits.book.calls_include_replies:
            return plan
        return msgspec.structs.replace(plan, discount_percent=100)

    async def follow(
        self, first: Asked, last: Asked, reply: str, said: str, spoken: list[str]
    ) -> Asked | None:
        """What a companion says after another, if anybody does: for the same payer, on a hold of
        its own. `first` is what the person asked, `last` the turn that just ended."""
        most = self._parts.settings.companion_turns
        words = first.message.text if first.message is not None else ""
        companion = next_voice(words, said, spoken, await self._voices(), most)
        if companion is None or first.fixed_reply:
            return None
        place = await self._placing.after(reply, said)
        return await self._asked(first.who, place, companion, last.plan)

    async def _asked(
        self,
        who: Principal,
        place: Place,
        companion: str,
        plan: Plan,
        pictures: tuple[Picture, ...] = (),
    ) -> Asked:
        row = self._members.row
        persona = await self._parts.personas.persona(companion)
        with step("recall") as recalling:
            memories = await self._recall(who, companion, place.words, plan)
            recalling.tell(memories=len(memories))
        with step("prompt") as compiling:
            compiled = await self._compile(who, persona, companion, place, memories, plan, pictures)
            compiling.tell(input_tokens=compiled.input_tokens)
        return Asked(
            who=who,
            payer=who.person.id if row.payer == "sender" else row.payer,
            plan=plan,
            home=row.home,
            room=row.room,
            companion=companion,
            companion_name=persona.name,
            reply=new_id("m", self._parts.now_ms),
            hold=new_id("h", self._parts.now_ms),
            key=None,
            digest=b"",
            compiled=compiled,
            message=place.message,
            parent=place.message.id if place.message else place.parent,
            continues=place.continues,
            begun=place.begun,
            siblings=place.siblings,
            memories=memories,
        )

    async def _voices(self) -> list[Voice]:
        """Who may answer here; the ledger refuses one whom the person has blocked."""
        return [
            Voice(one, (await self._parts.personas.persona(one)).name)
            for one in self._members.voices
        ]

    async def _recall(
        self, who: Principal, companion: str, words: str, plan: Plan
    ) -> tuple[Memory, ...]:
        if plan.recall <= 0 or not words or self._parts.turn.router.is_demo:
            return ()  # a model of that size is shown none, and looking them up keeps it waiting
        found = await self._parts.recall.recall(who.person.id, companion, words, plan.recall)
        shown = {row.message for row in self._tree.recent(plan.context_messages)}
        return tuple(memory for memory in found if memory.id not in shown)

    async def _compile(
        self,
        who: Principal,
        persona: Persona,
        companion: str,
        place: Place,
        memories: tuple[Memory, ...],
        plan: Plan,
        pictures: tuple[Picture, ...],
    ) -> Compiled:
        said = list(place.branch)
        person = who.person
        if place.message is not None:
            said.append(Said("person", place.message.text, person.id))
        several = len(self._members.standing.seats) > 2
        named = await self._as_heard_by(companion, said) if several else said
        direction = self._overseer.now.direction
        return compile_for(
            self._parts, person, persona, named, memories, plan, place.begun,
            several=several, direction=direction,
            spoken_tokens=self.voicing.reply_tokens if self.voicing is not None else 0,
            pictures=pictures,
        )  # fmt: skip

    async def _as_heard_by(self, companion: str, said: list[Said]) -> list[Said]:
        """Everybody's words under their names; a companion's own are its own, without one."""
        names = self._members.names
        for one in self._members.standing.those("companion"):
            names[one] = (await self._parts.personas.persona(one)).name
        return heard_by(companion, said, names)

    def _notices(self, who: Principal) -> tuple[Notice, ...]:
        """The AI disclosure: at the first turn here, and every three hours of going on."""
        person, now_ms = who.person.id, self._parts.now_ms()
        told = self._disclosed_at_ms.get(person)
        if told is not None and now_ms - told < DISCLOSE_EVERY_MS:
            return ()
        self._disclosed_at_ms[person] = now_ms
        text = "You are talking with an AI companion, not a person."
        if told is not None:
            text += " You have been talking for a while; a short break does good."
        return (Notice(kind="disclosure", text=text, room=self._members.row.room),)
