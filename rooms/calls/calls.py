"""The calls of one live room: who may begin one, who joins it again, how it ends in the room.

One at a time. Another person's call meets `call_in_progress`; the same person's second device takes
the call over.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from media.calls.leg import Leg, LegAddress
from rooms.asking import digest_of
from rooms.calls.call import Call
from rooms.calls.callers import may_speak_ms
from rooms.calls.camera import share
from rooms.calls.farewell import farewell
from rooms.calls.going_on import rules_of, taken_up
from rooms.calls.life import CallLife, Why
from rooms.calls.meter import call_price
from rooms.calls.overheard import Overheard
from rooms.calls.parts import CallParts, LegLost
from rooms.calls.spoken import spoken
from rooms.calls.taping import record
from rooms.calls.told import entry_of
from rooms.calls.typed import read_typed
from rooms.commands import (
    Answer,
    CallCamera,
    CallEnd,
    CallJoin,
    CallShut,
    CallTake,
    RecordingSet,
)
from rooms.credits.calls import Calling, CallSettled
from rooms.credits.wallet import OpenHold
from rooms.errors import Conflict, Forbidden, NotFound, Unavailable
from rooms.events import CallEnded, MessageCreated, WalletUpdated
from rooms.members import Members
from rooms.overseer import Overseer
from rooms.placing import Placing
from rooms.ports import CallMark, LogStale, LogStalled, Principal, Telling
from rooms.shapes import CallEndReason
from rooms.stopping import finish
from rooms.tree import Tree
from storage.ids import new_id

if TYPE_CHECKING:
    from rooms.room import ChatRoom, RoomParts

logger = structlog.get_logger(__name__)
_ANY_LEG: Final = LegAddress(leg="", address="", key="", transport="socket")
LEAST_SECONDS: Final = 10  # beside the goodbye: a call shorter than this is not worth beginning


@dataclass(frozen=True, slots=True)
class Inside:
    """What of a live room its calls are made of."""

    members: Members
    tree: Tree
    log: Overheard
    placing: Placing
    overseer: Overseer
    order: asyncio.Lock
    parts: "RoomParts"


class Calls:
    """One per live room."""

    def __init__(self, room: "ChatRoom", inside: Inside) -> None:
        self._live = room
        self._room = inside
        self._parts = inside.parts.calls
        self._call: Call | None = None
        self._task: asyncio.Task[None] | None = None
        self._joining = asyncio.Lock()
        self._moved = False  # the room's calls are another holder's from now on

    @property
    def idle(self) -> bool:
        """No call goes on, and none is beginning."""
        return self._task is None and not self._joining.locked()

    @property
    def now(self) -> Call | None:
        """The call that goes on, if one does."""
        return self._call

    def covers(self, person: str) -> bool:
        """Whether this person's words are part of a call, whose seconds they pay for now."""
        call = self._call
        return call is not None and call.person == person and call.life.flowing

    async def command(
        self,
        who: Principal,
        command: CallJoin | CallTake | CallShut | CallCamera | CallEnd | RecordingSet,
        key: str,
    ) -> Answer:
        """Carry out one command of a member. Raises ProductError."""
        if isinstance(command, CallTake):
            return Answer(call=self._call.calling.call if self._call is not None else None)
        if isinstance(command, CallShut):
            if self._call is not None and self._call.came_by(who.person.id, command.sign_in):
                await self.stop("not_allowed")
            return Answer()
        if isinstance(command, CallEnd):
            return await self._end(who, command)
        if isinstance(command, RecordingSet):
            return await record(self._parts, self._call, who, command)
        if isinstance(command, CallCamera):
            return await share(self._room.parts, self._call, who, command)
        parts = self._parts
        if parts is None:
            raise Forbidden("Calls are not offered here.", code="calls_not_offered")
        if self._moved:
            raise LogStale
        leg = await self._dial(parts, command)
        try:
            async with self._joining:
                if self._moved:
                    raise LogStale
                return await self._join(parts, who, command, key, leg)
        except LogStale:
            leg.let_go()  # for the next holder, who is asked at once
            raise
        except BaseException as error:
            parts.tally.refused[getattr(error, "code", "internal")] += 1
            await finish(leg.aclose("refused"))
            raise

    async def stop(self, reason: CallEndReason) -> None:
        """End the call, if there is one; it is settled when this returns."""
        if self._call is not None:
            self._call.hang_up(reason)
        await self._settled()

    async def leave(self, *, interrupt: bool) -> None:
        """The server goes: say goodbye, or hang up at once; settled when this returns."""
        if self._call is not None:
            if interrupt:
                self._call.hang_up("server_restarting")
            else:
                self._call.leave()
        await self._settled()

    async def hand_over(self) -> tuple[Principal, CallTake] | None:
        """Let the call go, if there is one; how another holder is asked to go on with it."""
        async with self._joining:
            call = self._call
            if call is None or not call.going_on:
                return None
            self._moved = True
            call.hand_over()
            await self._settled()
        if call.handed is None:  # it ended instead
            return None
        return call.calling.who, CallTake(id="0", room=self._live.row.room)

    async def take_up(self, hold: OpenHold, mark: CallMark) -> bool:
        """Go on with a call that another holder began. False: it cannot go on, and is to be ended.

        Raises Unavailable, LogStale, LogStalled.
        """
        parts = self._parts
        if parts is None or self._call is not None:
            return False
        call = await taken_up(parts, self._room, hold, mark)
        if call is None:
            return False
        await call.taping.go_on()
        await call.go_on()
        self._go(parts, call)
        return True

    def unseat_unwelcome(self) -> None:
        """Who lost their seat, or their voice, or whose companion did, has no call any more."""
        call, members = self._call, self._room.members
        if call is not None and not members.may_go_on(call.person, call.calling.companion):
            call.hang_up("not_allowed")
        elif call is not None:
            call.taping.look()

    def care(self, person: str) -> None:
        """This person's words called for care: their call is free for a while."""
        if self._call is not None and self._call.person == person:
            self._call.care()

    async def _settled(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    # --- joining

    async def _dial(self, parts: CallParts, command: CallJoin) -> Leg:
        try:
            return await parts.dial(command.leg)
        except LegLost as error:
            raise Unavailable(
                "The connection for this call is not there any more.",
                code="leg_lost",
                retry_after_ms=500,
            ) from error

    async def _join(
        self, parts: CallParts, who: Principal, command: CallJoin, key: str, leg: Leg
    ) -> Answer:
        room, call = self._room, self._call
        room.members.check_in(who.person.id)  # they may have left while they waited
        room.members.check_speak(who.person.id)
        if call is not None and call.going_on:
            if call.person != who.person.id:
                raise Conflict(
                    "There is a call in this room already.", code="call_in_progress", retryable=True
                )
            if command.call in {None, call.calling.call}:
                call.take(leg, who.sign_in)
                return Answer(call=call.calling.call)
        if command.call is not None:
            raise NotFound("This call has ended; begin another.", code="call_not_found")
        await self._settled()
        room.overseer.now.check_running()
        call = await self._begun(parts, who, command, key)
        call.take(leg)
        self._go(parts, call)
        return Answer(call=call.calling.call)

    def _go(self, parts: CallParts, call: Call) -> None:
        self._call = call
        call.taping.people = lambda: self._room.members.people
        self._room.log.hears = call.overhear
        self._task = asyncio.create_task(self._run(parts, call), name=f"call {call.calling.call}")

    async def _begun(self, parts: CallParts, who: Principal, command: CallJoin, key: str) -> Call:
        """Entitled, held, told. Raises ProductError."""
        plans, settings = self._room.parts.plans, parts.settings
        limit = await may_speak_ms(parts, plans, who, command.kind)
        await parts.voices.check()
        calling = self._calling(who, command, key, limit)
        ahead_ms = (settings.hold_seconds + settings.goodbye_seconds) * 1000
        least_ms = (LEAST_SECONDS + settings.goodbye_seconds) * 1000
        log = self._room.log
        opened = await parts.credits.open(
            calling,
            log.fence,
            parts.node,
            amount=calling.price.of(ahead_ms),
            least=calling.price.of(least_ms),
        )
        if opened.repeated is not None:
            raise Conflict("This call has ended; begin another.", code="call_ended")
        rules = rules_of(settings, parts.disclosure_seconds, limit)
        now = parts.clock_ms()
        life = CallLife(rules, calling.price, opened.held_microcredits, now, greets=True)
        call = Call(calling, life, log, parts)
        try:
            await call.begin()
            call.told = True
        finally:
            if not call.told:  # whatever the reason: nobody would ever settle it
                life.hang_up("failed", parts.clock_ms())
                await finish(call.settle())
        return call

    def _calling(self, who: Principal, command: CallJoin, key: str, limit_ms: int) -> Calling:
        room = self._room
        plan = room.parts.plans[who.person.plan]
        row, voices = self._live.row, room.members.voices
        last = room.tree.last_companion
        return Calling(
            who=who,
            payer=who.person.id if row.payer == "sender" else row.payer,
            plan=plan,
            home=row.home,
            room=row.room,
            call=new_id("call", room.parts.now_ms),
            hold=new_id("h", room.parts.now_ms),
            companion=last if last in voices else voices[0],
            kind=command.kind,
            transport=command.leg.transport,
            price=call_price(room.parts.turn.credits.book, plan, command.kind),
            key=key,
            digest=digest_of(msgspec.structs.replace(command, leg=_ANY_LEG)),
            limit_ms=limit_ms,
        )

    # --- going on and ending

    async def _run(self, parts: CallParts, call: Call) -> None:
        """The call's task."""
        room, calling = self._room, call.calling
        try:
            persona = await room.parts.personas.persona(calling.companion)
            language = calling.who.person.language

            async def words(why: Why) -> str:
                branch = await room.placing.said()
                seconds = parts.settings.farewell_seconds
                return await farewell(
                    room.parts, calling.who, calling.companion, branch, why, seconds
                )

            await call.run(
                self._live,
                spoken("greeting", language, persona.name),
                spoken("again", language, persona.name),
                words,
                lambda one: read_typed(self._live, one),
            )
        finally:
            await finish(self._over(parts, call))

    async def _over(self, parts: CallParts, call: Call) -> None:
        """What it leaves behind joins the branch in use; then it is told."""
        room = self._room
        call.hang_up("failed")  # unless it has ended otherwise
        try:
            await call.let_go()
            await call.taping.close(handed=call.handed is not None)
            if call.handed is not None:
                await self._leave_to_another(call, call.handed)
            if call.stale or call.handed is not None:
                return
            async with room.order:
                await self._live.close(interrupt=True)
                settled = await call.settle()
                if settled is not None:
                    await self._tell(call, settled)
        finally:
            self._call, self._task = None, None
            room.log.hears = None
        if settled is not None:
            parts.tally.ended[settled.reason] += 1
            parts.tally.seconds += settled.seconds
            await call.taping.finish()

    async def _leave_to_another(self, call: Call, mark: CallMark) -> None:
        await self._live.close(interrupt=True)
        try:
            await self._room.log.append(call.untold())
            await self._room.log.mark(mark)
        except (LogStale, LogStalled) as error:  # then the last mark that was logged counts
            logger.warning("how far a call came is not logged", why=type(error).__name__)

    async def _tell(self, call: Call, settled: CallSettled) -> None:
        calling, entry = call.calling, entry_of(call.calling, settled, call.taping.recordings)
        if entry is not None:
            self._room.tree.add(entry)
        tellings = call.untold()
        if entry is not None:
            tellings.append(Telling(MessageCreated(room=calling.room, message=entry)))
        mark = CallMark(
            calling.call, calling.payer, calling.hold, calling.companion, 0, 0, over=True
        )
        ended = CallEnded(
            room=calling.room,
            call=calling.call,
            reason=settled.reason,
            seconds=settled.seconds,
            cost_microcredits=settled.captured_microcredits,
            receipt=settled.receipt,
            message=entry,
        )
        wallet = WalletUpdated(
            available_microcredits=settled.wallet.available_microcredits,
            held_microcredits=settled.wallet.held_microcredits,
            lots=settled.wallet.lots,
        )
        tellings += [Telling(ended, mark=mark), Telling(wallet, to=calling.payer)]
        try:
            await self._room.log.append(tellings)
        except (LogStale, LogStalled) as error:
            logger.warning("a call's end cannot be told", why=type(error).__name__)

    async def _end(self, who: Principal, command: CallEnd) -> Answer:
        call = self._call
        if call is None or command.call not in {None, call.calling.call}:
            return Answer(call=command.call)
        if call.person != who.person.id:
            raise Forbidden("Only who called can hang up.", code="not_your_call")
        call.hang_up("hung_up")
        await self._settled()
        return Answer(call=call.calling.call)
