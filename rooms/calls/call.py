"""One call from its first leg to its settled end: carries out what its life orders.

Owns a TaskGroup: the conversation over one leg after another, the clock, the scribe. The rules are
in rooms/calls/life.py; what is said and heard is the conversation's (rooms/calls/conversation.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from media.calls.leg import (
    Blocked,
    Connected,
    Leg,
    LegAddress,
    LegEvent,
    LegQuality,
    Played,
    Typed,
)
from rooms.calls import together
from rooms.calls.ending import hang_up, settled
from rooms.calls.life import (
    AT_MOST_MS,
    CallLife,
    Disclose,
    End,
    Extend,
    Goodbye,
    Keep,
    Mark,
    Order,
    Prepare,
    Tell,
    Why,
)
from rooms.calls.parts import CallParts, LegLost, Talk
from rooms.calls.shown import Shown
from rooms.calls.sight import Looking, Sight
from rooms.calls.spoken import spoken
from rooms.calls.taped_leg import TapedLeg
from rooms.calls.taping import Says, Taping
from rooms.calls.told import marked, updated
from rooms.credits.calls import Calling, CallSettled
from rooms.errors import ProductError, Unavailable
from rooms.events import CallStarted, CallUpdated, RoomEvent
from rooms.ports import CallMark, LogStale, LogStalled, RoomLog, Telling
from rooms.shapes import CallEndReason
from storage.database import DATABASE_AWAY

if TYPE_CHECKING:
    from rooms.room import ChatRoom

logger = structlog.get_logger(__name__)
TYPED_WAITING: Final = 16
WITH_CHANNEL: Final = ("webrtc", "livekit")
_encode = msgspec.json.Encoder().encode
Words = Callable[[Why], Awaitable[str]]


class Call(Shown):
    """See rooms/calls/around.py `Around` for what the conversation tells it."""

    def __init__(
        self,
        calling: Calling,
        life: CallLife,
        log: RoomLog,
        parts: CallParts,
        *,
        left: LegAddress | None = None,
        legs: int = 0,
    ) -> None:
        """`left`: where the leg of a call that goes on here may still wait; it had `legs`."""
        super().__init__(calling, log, parts)
        self.life = life
        self.told = False  # that it has begun
        self.stale = False  # the room has another holder: the call is that one's
        self.handed: CallMark | None = None  # or will have: how far it came here
        self.typed: asyncio.Queue[bytes] = asyncio.Queue(TYPED_WAITING)
        self.leg: Leg | None = None
        self.sight = Sight(
            parts.settings, parts.clock_ms, parts.check, self._run_beside, self.unseen
        )
        self._arrivals: asyncio.Queue[Leg] = asyncio.Queue(4)
        self._over = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._beside: set[asyncio.Task[object]] = set()
        self._talk: Talk | None = None
        self._greeted = life.meter.metered_ms > 0
        self._legs = legs
        self._left = left
        self._words: Words | None = None
        self._last_words: tuple[Why, str] | None = None  # found before they are needed
        self._greeting = self._again = ""
        self.taping = Taping(
            calling, parts.tapes, self._now, self.scribe.tell, self._say_of_recording
        )

    @property
    def going_on(self) -> bool:
        """It has not ended."""
        return self.life.reason is None

    @property
    def cared_for(self) -> bool:
        """Words were said that call for care: nothing is charged for now."""
        return self.life.care_ms(self._now()) > 0

    # --- what the room asks

    def take(self, leg: Leg, sign_in: str | None = None) -> None:
        """A leg of the same person: the first one, one after a loss, or another device's."""
        if self._arrivals.full():
            raise Unavailable("Too many devices at once.", retry_after_ms=1000)
        self.sign_in = self.sign_in if sign_in is None else sign_in
        self._arrivals.put_nowait(leg)
        if self.leg is not None:
            self._obey(self.life.replaced(self._now()))
            self._run_beside(self.leg.aclose("replaced"), "letting a leg go")

    def hang_up(self, reason: CallEndReason) -> None:
        """End it now."""
        self._obey(self.life.hang_up(reason, self._now()))

    def look(self) -> None:
        """See what time has brought."""
        self._obey(self.life.tick(self._now()))

    def leave(self) -> None:
        """The server goes: say goodbye, then end."""
        self._obey(self.life.leave(self._now()))

    def care(self) -> None:
        """Words were said that call for care."""
        self._obey(self.life.care(self._now()))

    def overhear(self, event: RoomEvent, to: str | None) -> None:
        """What the room tells goes over the data channel too, where the leg has one."""
        leg = self.leg
        if leg is not None and leg.address.transport in WITH_CHANNEL and to in {None, self.person}:
            leg.tell(_encode(event))

    def hand_over(self) -> None:
        """Another holder goes on with it: stop here, and end nothing."""
        if self.going_on and self.handed is None:
            self._obey(self.life.replaced(self._now()))
        if self.going_on and self.handed is None:
            self.handed = self._marked()
            self._over.set()

    async def go_on(self) -> None:
        """Tell that it goes on here once it has a leg. Raises LogStale or LogStalled."""
        await self._log.append([Telling(self._updated(), mark=self._marked())])

    async def begin(self) -> None:
        """Tell that it begins. Raises LogStale or LogStalled."""
        calling = self.calling
        started = CallStarted(
            room=calling.room,
            call=calling.call,
            kind=calling.kind,
            person=self.person,
            companion=calling.companion,
            microcredits_per_minute=calling.price.microcredits_per_minute,
        )
        await self._log.append([Telling(started, mark=self._marked())])

    async def run(
        self, room: "ChatRoom", greeting: str, again: str, words: Words, typed: "TypedLoop"
    ) -> None:
        """Talk until it is over. `words` finds those of a goodbye; `typed` reads `self.typed`."""
        self._greeting, self._again, self._words = greeting, again, words
        tally = self._parts.tally
        tally.live += 1
        try:
            await self._talk_in(room, typed)
        except* LogStale:
            self.stale = True
            logger.info("a call ends here because its room moved", call=self.calling.call)
        except* (LogStalled, ProductError, *DATABASE_AWAY) as group:
            why = [type(error).__name__ for error in group.exceptions]
            logger.warning("a call failed", call=self.calling.call, why=why)
        except* Exception as group:
            logger.exception("a call failed", call=self.calling.call, exc_info=group)
        finally:
            tally.live -= 1
            self.life.hang_up("failed", self._now())
            self._tasks, self._talk = None, None

    async def _talk_in(self, room: "ChatRoom", typed: "TypedLoop") -> None:
        calling = self.calling
        voices = self._parts.voices.talk(
            room, calling.who, calling.companion, calling.kind, around=Looking(self, self.sight)
        )
        async with voices as talk, asyncio.TaskGroup() as tasks:
            self._tasks, self._talk = tasks, talk
            running = [
                tasks.create_task(self._go_through_legs(talk), name=f"legs {calling.call}"),
                tasks.create_task(self._watch_the_clock(), name=f"clock {calling.call}"),
                tasks.create_task(self.scribe.run(), name=f"scribe {calling.call}"),
                tasks.create_task(typed(self), name=f"typed {calling.call}"),
                tasks.create_task(self._dial_again(), name=f"leg left of {calling.call}"),
            ]
            await self._over.wait()
            for task in (*running, *self._beside):
                task.cancel()

    async def let_go(self) -> None:
        """Hang up every leg that is here; one that is handed over goes on waiting."""
        legs = [self.leg] if self.leg is not None else []
        while not self._arrivals.empty():
            legs.append(self._arrivals.get_nowait())
        self.leg = None
        if self.handed is None:
            await hang_up(legs, self.life.reason or "failed")
        else:
            for leg in legs:
                leg.let_go()

    async def settle(self) -> CallSettled | None:
        """Charge and store it; while the database is away, wait. None: somebody else will."""
        fence, kept = self._log.fence, self.quality.stored()
        return await settled(
            self._parts.credits, self.calling, self.life, fence, kept, self.sight.paid
        )

    def untold(self) -> list[Telling]:
        """What was said last and is not logged yet."""
        return self.scribe.left()

    # --- one leg after another

    async def _dial_again(self) -> None:
        """The leg that the holder before held, unless its person was quicker with another."""
        if self._left is None:
            return
        try:
            leg = await self._parts.dial(self._left)
        except LegLost:
            return
        if self.leg is None and self._arrivals.empty():
            self.take(leg)
        else:
            await leg.aclose("replaced")

    async def _go_through_legs(self, talk: Talk) -> None:
        while True:
            leg = await self._arrivals.get()
            while not self._arrivals.empty():  # who came last is who is here
                self._run_beside(leg.aclose("replaced"), "letting a leg go")
                leg = self._arrivals.get_nowait()
            self._legs += 1
            self.stands_anew()
            self.leg = leg
            self.sight.left(leg)
            reason = await talk.run(TapedLeg(leg, self.taping.tape, self._now))
            replaced = not self._arrivals.empty()
            if reason == "replaced" and not replaced and self.handed is None:
                reason = "connection_lost"  # by nothing: whoever let it go is waited for, unmetered
            if self.leg is leg:
                self.leg = None
                self.sight.left(None)
            now = self._now()
            self.quality.lost(now)
            self._obey(self.life.gone("replaced" if replaced else reason, now))
            await leg.aclose(reason)

    async def _watch_the_clock(self) -> None:
        while True:
            due_ms = self.life.next_tick()
            exact = due_ms < AT_MOST_MS  # its credits end there, to the millisecond
            await (asyncio.sleep if exact else together.wait)(due_ms / 1000)
            self.look()

    # --- what the life orders

    def _obey(self, orders: Sequence[Order]) -> None:
        for order in orders:
            match order:
                case Extend(k=k, more=more):
                    self._run_beside(self._extend(k, more), "extending a hold")
                case Mark():
                    self.scribe.mark(self._marked())
                case Keep():
                    self._run_beside(self._keep(), "keeping a call")
                case Tell():
                    self.scribe.tell(self._updated())
                case Disclose():
                    self._say_beside(self._again)
                case Prepare(why=why):
                    self._run_beside(self._find_words(why), "finding last words")
                case Goodbye(why=why):
                    self._run_beside(self._say_goodbye(why), "goodbye")
                case End():
                    self._over.set()

    def _run_beside(self, work: Coroutine[object, object, object], name: str) -> None:
        if self._tasks is None or self._over.is_set():
            work.close()
            return
        task = self._tasks.create_task(work, name=name)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _extend(self, k: int, more: int) -> None:
        spent = self.life.meter.spent_microcredits
        try:
            held = await self._parts.credits.extend(self.calling, self._log.fence, k, more, spent)
        except Unavailable:
            self._obey(self.life.not_extended(self._now()))
            return
        self._obey(self.life.extended(held, self._now()))

    async def _keep(self) -> None:
        transport = self.leg.address.transport if self.leg else self.calling.transport
        try:
            await self._parts.credits.keep(
                self.calling,
                seconds=self.life.seconds,
                microcredits=self.life.meter.spent_microcredits,
                legs=max(1, self._legs),
                transport=transport,
                quality=self.quality.stored(),
            )
        except Unavailable:
            logger.info("a call's state was not kept; the database is away")

    def _say_beside(self, text: str) -> None:
        if self._talk is not None:
            self._run_beside(self._talk.say(text), "saying")

    def _say_of_recording(self, what: Says) -> None:
        self._say_beside(spoken(what, self.calling.who.person.language, ""))

    async def _find_words(self, why: Why) -> None:
        if self._words is not None:
            self._last_words = (why, await self._words(why))

    async def _say_goodbye(self, why: Why) -> None:
        """Stop what is being said, take leave, end."""
        talk, words = self._talk, self._words
        if talk is not None and words is not None:
            found = self._last_words
            text = found[1] if found is not None and found[0] == why else await words(why)
            await talk.hush()
            await talk.say(text, interruptible=False)
        self._obey(self.life.said_goodbye(self._now()))

    # --- what the leg tells

    def happened(self, event: LegEvent) -> None:
        """What the leg tells beside sound."""
        now = self._now()
        match event:
            case Connected(remote=remote):
                self.quality.connected(remote, now)
                self._obey(self.life.connected(now))
                self._greet()
                self.taping.connected()
            case Blocked(on=on):
                self.quality.blocked(now, on=on)
                self._obey(self.life.blocked(now, on=on))
            case LegQuality():
                self.quality.network(event)
                self._parts.tally.received += event.received
                self._parts.tally.lost += event.lost
            case Typed(data=data):
                if not self.typed.full():
                    self.typed.put_nowait(data)
            case Played(samples=samples):
                if samples:
                    self._obey(self.life.sounded(now))
                self.stands(event)
            case _:
                pass

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._say_beside(self._greeting)

    # --- inside

    def _now(self) -> int:
        return self._parts.clock_ms()

    def _marked(self) -> CallMark:
        leg = self.leg.address if self.leg is not None else None
        return marked(self.calling, self.life, leg, self._now(), self.sight.paid)

    def _updated(self) -> CallUpdated:
        return updated(self.calling, self.life, recorded=self.taping.on)


TypedLoop = Callable[[Call], Coroutine[object, object, None]]
