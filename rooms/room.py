"""A room in memory on the node that holds its lease: its branch in use, its one turn at a time.

Commands are carried out in order. A new message interrupts the reply under way and waits for
it to settle; a repeated command gets its first answer and does nothing twice.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import asyncpg
import structlog

from config.plans import Plan
from config.sockets import RoomSettings
from rooms.asking import Asked, digest_of, who_answers
from rooms.commands import (
    Answer,
    BranchSelect,
    MessageEdit,
    MessageReact,
    MessageSend,
    ReadSet,
    ReplyCancel,
    ReplyCreate,
    RoomCommand,
    TypingSet,
)
from rooms.dialogue.prompt import Compiled, Persona, Said
from rooms.errors import Conflict, Forbidden, NotFound, ProductError
from rooms.events import MessageUpdated, Notice, Read, Typing
from rooms.moderation.care import care_for
from rooms.placing import Place, Placing
from rooms.ports import LogStale, Memory, Principal, Recall, RoomLog, Telling
from rooms.prompting import compile_for
from rooms.shapes import Message, Person, Sender
from rooms.tree import Tree, message_of
from rooms.turn import Turn, TurnParts
from storage.ids import new_id
from storage.messages import MessageRow, find_message, newest_leaf, react
from storage.rooms import RoomRow, answered, set_head, set_read
from storage.safety import count_crisis

logger = structlog.get_logger(__name__)
ANSWERS_KEPT: Final = 256
DISCLOSE_EVERY_MS: Final = 3 * 3_600_000


class Personas(Protocol):
    """Companions as turns need them."""

    async def persona(self, companion: str) -> Persona: ...

    def count_reply(self, companion: str) -> None: ...


class Entitled(Protocol):
    """What a plan allows; raises TooMany or PaymentRequired with what would unlock it."""

    async def turn(self, who: Principal, plan: Plan) -> None: ...


@dataclass(frozen=True, slots=True)
class RoomParts:
    """What rooms run on; the same for every room of a node."""

    db: asyncpg.Pool
    turn: TurnParts
    settings: RoomSettings
    plans: dict[str, Plan]
    personas: Personas
    recall: Recall
    entitled: Entitled
    now_ms: Callable[[], int]


class ChatRoom:
    """See rooms/ports.py `LiveRoom` for the promises."""

    def __init__(self, row: RoomRow, tree: Tree, log: RoomLog, parts: RoomParts) -> None:
        self.row = row
        self._tree = tree
        self._log = log
        self._parts = parts
        self._placing = Placing(row.home, row.room, tree, parts.db, parts.settings)
        self._order = asyncio.Lock()
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._answers: OrderedDict[tuple[str, str], tuple[bytes, Answer]] = OrderedDict()
        self._joined: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._disclosed_at_ms: dict[str, int] = {}
        self._people = {m.member for m in row.members if m.kind == "person"}
        self._companions = [m.member for m in row.members if m.kind == "companion"]

    @property
    def idle(self) -> bool:
        """No turn runs and nobody waits for one."""
        return self._task is None and not self._order.locked()

    @property
    def replying(self) -> str | None:
        """The reply under way, for lists and inspectors."""
        return self._turn.asked.reply if self._turn is not None else None

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """Carry out one command of a member; see rooms/commands.py for what each means."""
        if who.person.id not in self._people:
            raise NotFound("There is no such room.", code="room_not_found")
        match command:
            case MessageSend() | MessageEdit() | ReplyCreate():
                return await self._once(who, command, key)
            case ReplyCancel(reply=reply):
                return await self._cancel(reply)
            case MessageReact():
                return await self._react(who, command)
            case BranchSelect(message=message):
                return await self._select(message)
            case TypingSet(on=on):
                self._log.mention(Typing(room=self.row.room, person=who.person.id, on=on))
                return Answer()
            case ReadSet(n=n):
                n = min(n, self._tree.n)
                await set_read(self._parts.db, self.row.home, self.row.room, who.person.id, n)
                self._log.mention(Read(room=self.row.room, person=who.person.id, n=n))
                return Answer()

    async def close(self, *, interrupt: bool) -> None:
        """Let the turn finish, or stop it; it is settled when this returns."""
        if self._task is not None:
            if interrupt:
                self._task.cancel()
            await asyncio.wait([self._task])

    # --- commands that start a turn

    async def _once(
        self, who: Principal, command: MessageSend | MessageEdit | ReplyCreate, key: str
    ) -> Answer:
        """Do it once: a repeat joins the first, or gets its answer."""
        digest, name = digest_of(command), (who.person.id, key)
        first = self._joined.get(name)
        if first is not None:
            return await asyncio.shield(first)
        if (known := self._answers.get(name)) is not None:
            return _same(known, digest)
        joined = self._joined[name] = asyncio.get_running_loop().create_future()
        joined.add_done_callback(_retrieved)
        try:
            async with self._order:
                answer = await self._begin(who, command, key, digest)
        except BaseException as error:
            refusal = error if isinstance(error, ProductError | LogStale) else LogStale()
            joined.set_exception(refusal)
            raise
        finally:
            del self._joined[name]
        self._answers[name] = (digest, answer)
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        joined.set_result(answer)
        return answer

    async def _begin(
        self,
        who: Principal,
        command: MessageSend | MessageEdit | ReplyCreate,
        key: str,
        digest: bytes,
    ) -> Answer:
        if self._task is not None:
            stored = await answered(self._parts.db, who.person.id, key)
            if stored is not None:
                return _same((stored[0], Answer(**stored[1])), digest)
            self._task.cancel()
            await asyncio.wait([self._task])
        asked = await self._ask(who, command, key, digest)
        turn = Turn(asked, self._log, self._parts.turn)
        self._turn = turn
        self._task = asyncio.create_task(self._run(turn), name=f"turn {asked.reply}")
        answer = await asyncio.shield(turn.opened)
        if turn.message is not None:
            self._tree.add(turn.message)
            self._remember(asked)
        return answer

    def _remember(self, asked: Asked) -> None:
        """Only where the plan recalls at all, and never what was said in a crisis."""
        if asked.plan.recall > 0 and asked.message is not None and not asked.fixed_reply:
            self._parts.recall.remember(
                asked.who.person.id,
                asked.message.id,
                self.row.room,
                asked.companion,
                asked.message.text,
            )

    async def _run(self, turn: Turn) -> None:
        """The turn's task: what it leaves behind joins the branch."""
        try:
            delivered = await turn.run()
            if delivered is not None and delivered.reply is not None:
                self._tree.add(delivered.reply)
                self._parts.personas.count_reply(delivered.reply.sender.id)
        except LogStale:
            logger.info("a turn ended because the room moved", room=self.row.room)
        finally:
            self._turn = None
            self._task = None

    async def _ask(
        self,
        who: Principal,
        command: MessageSend | MessageEdit | ReplyCreate,
        key: str,
        digest: bytes,
    ) -> Asked:
        """Everything decided before a turn: the branch it stands on, the screen, the prompt."""
        plan = self._parts.plans[who.person.plan]
        place = await self._placing.place(who, command)  # refused for its form, it counts nowhere
        await self._parts.entitled.turn(who, plan)
        words = place.words
        companion = await self._companion(words)
        persona = await self._parts.personas.persona(companion)
        verdict = self._parts.turn.screen.screen(words, minor=who.minor, from_person=True)
        if verdict.action == "block":
            raise Forbidden(
                "This cannot be said here. Nothing was sent or charged.", code="content_blocked"
            )
        notices, fixed = self._notices(who), ""
        if verdict.action == "crisis" and place.message is not None:
            care = care_for(who.person.country, who.person.language)
            await count_crisis(self._parts.db, verdict.category or "self_harm")
            fixed = care.reply
            notice = Notice(kind="crisis", text=care.notice, links=care.links, room=self.row.room)
            notices = (*notices, notice)
        memories = await self._recall(who, companion, words, plan)
        return Asked(
            who=who,
            payer=who.person.id if self.row.payer == "sender" else self.row.payer,
            plan=plan,
            home=self.row.home,
            room=self.row.room,
            companion=companion,
            companion_name=persona.name,
            reply=new_id("m", self._parts.now_ms),
            hold=new_id("h", self._parts.now_ms),
            key=key,
            digest=digest,
            compiled=self._compile(who.person, persona, place, memories, plan),
            message=place.message,
            parent=place.message.id if place.message else place.parent,
            continues=place.continues,
            begun=place.begun,
            siblings=place.siblings,
            memories=memories,
            notices=notices,
            fixed_reply=fixed,
        )

    async def _companion(self, words: str) -> str:
        """Who answers; the ledger refuses one whom the person has blocked."""
        named = [
            (companion, (await self._parts.personas.persona(companion)).name)
            for companion in self._companions
        ]
        return who_answers(words, named, self._tree.last_companion)

    async def _recall(
        self, who: Principal, companion: str, words: str, plan: Plan
    ) -> tuple[Memory, ...]:
        if plan.recall <= 0 or not words:
            return ()
        found = await self._parts.recall.recall(who.person.id, companion, words, plan.recall)
        shown = {row.message for row in self._tree.recent(plan.context_messages)}
        return tuple(memory for memory in found if memory.id not in shown)

    def _compile(
        self,
        person: Person,
        persona: Persona,
        place: Place,
        memories: tuple[Memory, ...],
        plan: Plan,
    ) -> Compiled:
        said = list(place.branch)
        if place.message is not None:
            said.append(Said("person", place.message.text, person.display_name))
        several = len(self._people) + len(self._companions) > 2
        return compile_for(
            self._parts, person, persona, said, memories, plan, place.begun, several=several
        )

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
        return (Notice(kind="disclosure", text=text, room=self.row.room),)

    # --- commands that do not

    async def _cancel(self, reply: str) -> Answer:
        """Stop the reply; it is settled when this returns. Stopping an ended reply is no error."""
        if self._turn is not None and self._turn.asked.reply == reply and self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        return Answer(reply=reply)

    async def _react(self, who: Principal, command: MessageReact) -> Answer:
        changed = await react(
            self._parts.db,
            self.row.home,
            self.row.room,
            command.message,
            who.person.id,
            command.reaction,
            self._log.fence,
        )
        if not changed:
            raise NotFound("There is no such message in this room.", code="message_not_found")
        row = await self._placing.message(command.message)
        message = message_of(row, self.row.room, await self._sender(row))
        await self._log.append([Telling(MessageUpdated(room=self.row.room, message=message))])
        return Answer(message=command.message)

    async def stored(self, message: str) -> Message | None:
        """A message of this room as people see it, if it is stored."""
        row = await find_message(self._parts.db, self.row.home, self.row.room, message)
        if row is None:
            return None
        return message_of(row, self.row.room, await self._sender(row))

    async def _sender(self, row: MessageRow) -> Sender:
        if row.sender_kind == "companion":
            name = (await self._parts.personas.persona(row.sender)).name
            return Sender(kind="companion", id=row.sender, name=name)
        names = {m.member: m.name for m in self.row.members}
        return Sender(kind="person", id=row.sender, name=names.get(row.sender, ""))

    async def _select(self, message: str) -> Answer:
        """Walk to another alternative: the branch goes on from its newest leaf."""
        async with self._order:
            if self._task is not None:
                raise Conflict("A reply is under way; stop it first.", code="reply_under_way")
            db, home, room = self._parts.db, self.row.home, self.row.room
            leaf = await newest_leaf(db, home, room, message)
            if leaf is None:
                raise NotFound("There is no such message in this room.", code="message_not_found")
            if not await set_head(db, home, room, leaf, self._log.fence):
                raise LogStale
            self._tree.walk(leaf)
            row = await self._placing.message(leaf)
            shown = message_of(row, room, await self._sender(row))
            await self._log.append([Telling(MessageUpdated(room=room, message=shown))])
        return Answer(message=leaf)


def _same(known: tuple[bytes, Answer], digest: bytes) -> Answer:
    if known[0] != digest:
        raise Conflict("This key was used for something else.", code="key_reused", path="$.key")
    return known[1]


def _retrieved(future: asyncio.Future[Answer]) -> None:
    """Nobody may have joined; then nobody misses the error, and asyncio need not complain."""
    if not future.cancelled():
        future.exception()
