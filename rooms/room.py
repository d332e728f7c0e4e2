"""A room in memory on the node that holds its lease: its branch in use, its one turn at a time.

Commands are carried out in order. A new message interrupts the reply under way and waits for
it to settle; a repeated command gets its first answer and does nothing twice.
"""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Final

import structlog

from rooms.asker import Asker
from rooms.asking import Asked, digest_of, same_answer
from rooms.calls.calls import Calls, Inside
from rooms.calls.camera import saw, shown
from rooms.calls.overheard import Overheard
from rooms.commands import (
    Answer,
    BranchSelect,
    CallCamera,
    CallEnd,
    CallJoin,
    CallShut,
    CallTake,
    MembersChange,
    MessageEdit,
    MessageReact,
    MessageSend,
    Oversee,
    ReadSet,
    RecordingSet,
    ReplyCancel,
    ReplyCreate,
    RoomCommand,
    TypingSet,
)
from rooms.dialogue.ahead import Ahead
from rooms.dialogue.ports import Prompt
from rooms.errors import Conflict, NotFound, ProductError
from rooms.events import MessageUpdated, Read, Typing
from rooms.members import Members
from rooms.mouth import Voicing
from rooms.overseer import Overseer
from rooms.oversight import Glance
from rooms.parts import Entitled, Personas, RoomParts
from rooms.placing import Placing
from rooms.ports import LogStale, Principal, RoomLog
from rooms.shapes import Message, Sender, text_of
from rooms.tree import Tree, message_of
from rooms.turn import Turn
from storage.messages import MessageRow, find_message, newest_leaf, react
from storage.rooms import RoomRow, answered, set_head, set_read

logger = structlog.get_logger(__name__)
ANSWERS_KEPT: Final = 256
TYPING_EVERY_MS: Final = 3_000
HAND_OVER_SECONDS: Final = 8.0  # how long a call waits for its turn to end before it moves
__all__ = ["ChatRoom", "Entitled", "Personas", "RoomParts"]


class ChatRoom:
    """See rooms/ports.py `LiveRoom` for the promises."""

    def __init__(self, row: RoomRow, tree: Tree, log: RoomLog, parts: RoomParts) -> None:
        log = Overheard(log)
        self._members = Members(row, log, parts.db, parts.settings)
        self._tree = tree
        self._log = log
        self._parts = parts
        self._placing = Placing(row.home, row.room, tree, parts.db, parts.settings)
        self._order = asyncio.Lock()
        self._changing = asyncio.Lock()  # who is in the room, one change at a time
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._answers: OrderedDict[tuple[str, str], tuple[bytes, Answer]] = OrderedDict()
        self._joined: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._overseer = Overseer(row, self._members, tree, log, parts)
        self._asker = Asker(parts, self._members, tree, self._placing, self._overseer)
        inside = Inside(self._members, tree, log, self._placing, self._overseer, self._order, parts)
        self.calls = Calls(self, inside)
        self._asker.spoken, self._asker.shown = self.calls.covers, partial(shown, self.calls)
        self._spent_microcredits, self._at_ms = row.spent, row.updated_at
        self._typed_at_ms: dict[str, int] = {}

    @property
    def row(self) -> RoomRow:
        """The room as it is stored, with its present members."""
        return self._members.row

    @property
    def tree(self) -> Tree:
        """The branch in use."""
        return self._tree

    @property
    def idle(self) -> bool:
        """No turn runs and nobody waits for one."""
        return self._task is None and not self._order.locked() and self.calls.idle

    @property
    def replying(self) -> str | None:
        """The reply under way, for lists and inspectors."""
        return self._turn.asked.reply if self._turn is not None else None

    def speak_through(self, voicing: Voicing | None) -> None:
        """From the next turn on replies are spoken by `voicing`; None: written."""
        self._asker.voicing = voicing

    async def foresee(self, who: Principal, text: str) -> Ahead | None:
        """Ask the model early what it would answer to this; None where that cannot be known now.

        Whoever asks closes it. Raises ProductError.
        """
        if self._task is not None or self._overseer.now.halted:
            return None
        prompt = await self._asker.foresee(who, text)
        return Ahead(self._parts.turn.router, prompt) if prompt is not None else None

    async def read_ahead(self, who: Principal) -> None:
        """Have a slow model read what stands before this person's words. Raises ProductError."""
        await self._parts.turn.router.read_ahead(partial(self._unread, who))

    async def _unread(self, who: Principal) -> Prompt | None:
        busy = self._task is not None or self._order.locked() or self._overseer.now.halted
        return None if busy else await self._asker.before(who)

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """Carry out one command of a member; see rooms/commands.py for what each means."""
        if isinstance(command, MembersChange):
            async with self._changing:
                answer = await self._members.change(who, command, self._parts.now_ms())
                self._tree.home = self._placing.home = self.row.home  # it may have been handed on
            await self._stop_unwelcome()
            return answer
        if isinstance(command, Oversee):
            if command.act == "end":
                await self.calls.stop("ended_by_staff")
            async with self._order:
                if command.act in {"say", "stop", "end"}:
                    await self.close(interrupt=True)
                return await self._overseer.carry(who, command, key)
        self._members.check_in(who.person.id)
        match command:
            case MessageSend() | MessageEdit() | ReplyCreate():
                return await self._once(who, command, key)
            case CallJoin() | CallTake() | CallShut() | CallCamera() | CallEnd() | RecordingSet():
                return await self.calls.command(who, command, key)
            case ReplyCancel(reply=reply):
                return await self._cancel(reply)
            case MessageReact():
                return await self._react(who, command)
            case BranchSelect(message=message):
                return await self._select(who, message)
            case TypingSet(on=on):
                self._type(who.person.id, on=on)
                return Answer()
            case ReadSet(n=n):
                n = min(n, self._tree.n)
                await set_read(self._parts.db, self.row.home, self.row.room, who.person.id, n)
                self._log.mention(Read(room=self.row.room, person=who.person.id, n=n))
                return Answer()

    def glance(self) -> Glance:
        """How it stands, for those who run the service."""
        row, turn, now = self.row, self._turn, self._overseer.now
        spent = turn.spent_microcredits if turn is not None else 0
        return Glance(
            room=row.room,
            people=[(one, self._members.names.get(one, "")) for one in self._members.people],
            companions=self._members.standing.those("companion"),
            state="idle" if turn is None else "speaking" if turn.speaking else "thinking",
            reply=self.replying,
            turn_microcredits=spent,
            spent_microcredits=self._spent_microcredits + spent,
            n=self._tree.n,
            halted=now.halted,
            directed=bool(now.direction),
            at=self._at_ms,
        )

    async def close(self, *, interrupt: bool) -> None:
        """Let the turn finish, or stop it; it is settled when this returns."""
        if self._task is not None:
            if interrupt:
                self._task.cancel()
            await asyncio.wait([self._task])

    async def leave(self, *, interrupt: bool) -> None:
        """The server goes: the call says goodbye, the turn ends; both are settled on return."""
        await self.calls.leave(interrupt=interrupt)
        await self.close(interrupt=interrupt)

    async def hand_over(self) -> tuple[Principal, CallTake] | None:
        """See the port: what is being said is finished first, within reason."""
        if self._task is not None and self.calls.now is not None:
            await asyncio.wait([self._task], timeout=HAND_OVER_SECONDS)
        return await self.calls.hand_over()

    async def _stop_unwelcome(self) -> None:
        """A turn ends with the seat, or the voice, of whoever asked for it or answers in it."""
        self.calls.unseat_unwelcome()
        if self._turn is None or self._task is None:
            return
        asked = self._turn.asked
        if not self._members.may_go_on(asked.who.person.id, asked.companion):
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
            return same_answer(known, digest)
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
        if self._task is not None or self._overseer.now.halted:
            stored = await answered(self._parts.db, who.person.id, key)
            if stored is not None:
                return same_answer((stored[0], Answer(**stored[1])), digest)
            self._overseer.now.check_running()
            await self.close(interrupt=True)
        asked = await self._asker.ask(who, command, key, digest)
        if asked.fixed_reply:
            self.calls.care(who.person.id)
        turn = Turn(asked, self._log, self._parts.turn, self._asker.voicing)
        self._turn = turn
        self._task = asyncio.create_task(self._run(turn), name=f"turn {asked.reply}")
        answer = await asyncio.shield(turn.opened)
        self._at_ms = self._parts.now_ms()
        if answer.reply == asked.reply:
            await self._overseer.replied(asked)
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

    async def _run(self, first: Turn) -> None:
        """The turn's task: what it leaves behind joins the branch, and others may take it up."""
        spoken: list[str] = []
        turn: Turn | None = first
        try:
            while turn is not None:
                self._turn = turn
                delivered = await turn.run()
                if delivered is None or delivered.reply is None:
                    return
                reply = delivered.reply
                self._tree.add(reply)
                self._spent_microcredits += reply.cost_microcredits
                saw(self.calls, self._parts, turn.saw, reply.status)
                self._parts.personas.count_reply(reply.sender.id)
                spoken.append(reply.sender.id)
                turn = await self._taken_up(first.asked, turn.asked, reply, spoken)
        except ProductError as refused:
            logger.info("nobody took a reply up", room=self.row.room, code=refused.code)
        except LogStale:
            logger.info("a turn ended because the room moved", room=self.row.room)
        finally:
            self._turn = self._task = None
            if self._asker.voicing is not None:
                self._asker.voicing.settled()

    async def _taken_up(
        self, first: Asked, last: Asked, reply: Message, spoken: list[str]
    ) -> Turn | None:
        """The turn of the companion who speaks next, if one does."""
        halted = self._overseer.now.halted
        if reply.status != "completed" or len(self._members.voices) < 2 or halted:
            return None
        said = text_of(reply.parts)
        asked = await self._asker.follow(first, last, reply.id, said, spoken)
        if asked is None:
            return None
        turn = Turn(asked, self._log, self._parts.turn, self._asker.voicing)
        turn.opened.add_done_callback(_retrieved)  # nobody waits for its answer
        return turn

    # --- commands that do not

    async def _cancel(self, reply: str) -> Answer:
        """Stop the reply; it is settled when this returns. Stopping an ended reply is no error."""
        if self._turn is not None and self._turn.asked.reply == reply and self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        return Answer(reply=reply)

    def _type(self, person: str, *, on: bool) -> None:
        """Writing is shown for 6 s; to say so more often than every 3 s is not passed on."""
        now_ms = self._parts.now_ms()
        if on and now_ms - self._typed_at_ms.get(person, 0) < TYPING_EVERY_MS:
            return
        self._typed_at_ms[person] = now_ms if on else 0
        self._log.mention(Typing(room=self.row.room, person=person, on=on))

    async def _react(self, who: Principal, command: MessageReact) -> Answer:
        at = await self._placing.message(command.message)
        self._members.check_sees(who.person.id, at.n)
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
        event = MessageUpdated(room=self.row.room, message=message)
        await self._log.append(self._members.told_of(event, message.n))
        return Answer(message=command.message)

    async def stored(self, message: str) -> Message | None:
        """A message of this room as people see it, if it is stored."""
        row = await find_message(self._parts.db, self.row.home, self.row.room, message)
        if row is None:
            return None
        return message_of(row, self.row.room, await self._sender(row))

    async def _sender(self, row: MessageRow) -> Sender:
        if row.sender_kind == "system":
            return Sender(kind="system", id=row.sender, name="")
        if row.sender_kind == "companion":
            name = (await self._parts.personas.persona(row.sender)).name
            return Sender(kind="companion", id=row.sender, name=name)
        return Sender(kind="person", id=row.sender, name=self._members.names.get(row.sender, ""))

    async def _select(self, who: Principal, message: str) -> Answer:
        """Walk to another alternative: the branch goes on from its newest leaf."""
        async with self._order:
            if self._task is not None:
                raise Conflict("A reply is under way; stop it first.", code="reply_under_way")
            db, home, room = self._parts.db, self.row.home, self.row.room
            self._members.check_in(who.person.id)
            self._members.check_may_choose(who.person.id)
            chosen = await self._placing.message(message)
            self._members.check_sees(who.person.id, chosen.n)
            leaf = await newest_leaf(db, home, room, message)
            if leaf is None:
                raise NotFound("There is no such message in this room.", code="message_not_found")
            if not await set_head(db, home, room, leaf, self._log.fence):
                raise LogStale
            self._tree.walk(leaf)
            row = await self._placing.message(leaf)
            shown = message_of(row, room, await self._sender(row))
            event = MessageUpdated(room=room, message=shown)
            await self._log.append(self._members.told_of(event, shown.n))
        return Answer(message=leaf)


def _retrieved(future: asyncio.Future[Answer]) -> None:
    """Nobody may have joined; then nobody misses the error, and asyncio need not complain."""
    if not future.cancelled():
        future.exception()
