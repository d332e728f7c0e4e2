"""One turn of conversation, from a person's words to a settled reply.

Screened and recalled and compiled before it starts (rooms/asking.py); here: hold -> stream ->
settle. The model is asked while the hold is still being committed, but not a word is logged,
shown or paid for before the hold stands. Cancelling the task *is* the stop button; settling
survives it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from msgspec import Struct
from structlog.contextvars import bind_contextvars

from rooms.asking import Asked
from rooms.commands import Answer
from rooms.credits.meter import Meter, OutOfHold
from rooms.credits.wallet import Credits, Opened, Outcome, Settled
from rooms.dialogue.ports import Ended, ModelError, Words
from rooms.dialogue.router import Answering, Router
from rooms.ending import Ending, Moderated, ending_of, only_error
from rooms.errors import ProductError, Unavailable
from rooms.events import (
    MessageCreated,
    ReplyDone,
    ReplyStarted,
    WalletLow,
    WalletUpdated,
)
from rooms.mouth import Aloud, Voicing
from rooms.pen import Pen
from rooms.ports import LogStale, LogStalled, RoomLog, Screen, Telling
from rooms.shapes import Message, Usage
from rooms.spans import past, step
from rooms.stopping import finish, survive
from rooms.tallies import TurnTally

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What turns run on; the same for every turn of a node."""

    credits: Credits
    router: Router
    screen: Screen
    node: str
    gap_seconds: float
    turn_seconds: float
    settle_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    tally: TurnTally = field(default_factory=TurnTally)


class Delivered(Struct, frozen=True, kw_only=True):
    """What a finished turn leaves behind: the reply as stored, or None if nothing was said."""

    reply: Message | None
    ending: Ending


class Turn:
    """Runs once. `opened` tells the asker; `run` returns when the reply is settled."""

    def __init__(
        self, asked: Asked, log: RoomLog, parts: TurnParts, voicing: Voicing | None = None
    ) -> None:
        """`voicing`: who speaks the reply; without one it is written."""
        self.asked = asked
        self.opened: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.message: Message | None = None  # the person's own, once it is stored
        self.saw = 0  # pictures that the model which answered was shown
        self._log = log
        self._parts = parts
        self._gate = asyncio.Event()
        self._hold: Opened | None = None
        self._meter: Meter | None = None
        self._ended: Ended | None = None
        self._provider = ""
        self._model = ""
        self._began = parts.clock()
        self._first_token_ms: int | None = None
        self._word_at = 0.0
        self._pen = Pen(
            log,
            asked.reply,
            asked.payer,
            asked.hold,
            gap_seconds=voicing.log_seconds if voicing is not None else parts.gap_seconds,
            inspect=self._inspect,
            tail=asked.begun,
        )
        self._voicing = voicing
        self._aloud = Aloud(asked, voicing, self._pen, self._inspect) if voicing else None
        self._short: Exception | None = None  # why a spoken reply has no more words

    @property
    def speaking(self) -> bool:
        """Whether words have come."""
        return self._first_token_ms is not None

    @property
    def spent_microcredits(self) -> int:
        """What the reply has cost so far."""
        return self._meter.spent_microcredits if self._meter is not None else 0

    async def run(self) -> Delivered | None:
        """Take the turn. Returns None when it never opened; cancelling it stops the reply."""
        asked = self.asked
        bind_contextvars(room=asked.room, reply=asked.reply)
        with step("turn", room=asked.room, reply=asked.reply, companion=asked.companion) as turn:
            delivered = await self._take()
            turn.tell(status=delivered.ending.status if delivered else "not opened or not settled")
        return delivered

    async def _take(self) -> Delivered | None:
        error: BaseException | None = None
        try:
            async with asyncio.timeout(self._parts.turn_seconds):
                await self._stream()
        except BaseExceptionGroup as group:
            error = only_error(group)
        except (Exception, asyncio.CancelledError) as bare:  # noqa: BLE001 - logged in _end
            error = bare
        if self._hold is None:
            self._refuse(error)
            return None
        return await survive(self._end(error))

    async def _stream(self) -> None:
        """Hold and ask side by side; words wait at the gate until the hold stands."""
        async with asyncio.TaskGroup() as tasks:
            thinking = tasks.create_task(self._think(), name=f"think {self.asked.reply}")
            with step("open"):
                await finish(self._open())
            if self._aloud is not None:
                self._aloud.begin()
            self._gate.set()
            writing = tasks.create_task(self._pen.run(), name=f"pen {self.asked.reply}")
            await (thinking if self._aloud is None else self._speak(self._aloud, thinking))
            writing.cancel()

    async def _speak(self, aloud: Aloud, thinking: asyncio.Task[None]) -> None:
        """Until all was heard. What was thought is said, even where the model failed after it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(aloud.hear(), name=f"hear {self.asked.reply}")
            await thinking
            aloud.close()
        if self._short is not None:
            raise self._short

    async def _open(self) -> None:
        """Commit 1: the message, the command's answer and the hold; then log that it began."""
        asked = self.asked
        try:
            opened = await self._parts.credits.open(asked, self._log.fence, self._parts.node)
        except ProductError as refusal:
            self.opened.set_exception(refusal)
            raise
        if opened.repeated is not None:
            self.opened.set_result(opened.repeated)
            raise asyncio.CancelledError
        self._hold = opened
        self._meter = opened.meter
        self.message = asked.stored_message(opened.n, opened.at_ms) if asked.message else None
        tellings = [Telling(notice, to=asked.who.person.id) for notice in asked.notices]
        if self.message is not None:
            tellings.append(Telling(MessageCreated(room=asked.room, message=self.message)))
        started = ReplyStarted(
            room=asked.room,
            reply=asked.reply,
            companion=asked.companion,
            ceiling_microcredits=opened.granted_microcredits,
            parent=asked.parent,
            continues=asked.continues,
        )
        tellings.append(Telling(started, metered=asked.unmetered))
        await self._log.append(tellings)
        if not self.opened.done():
            self.opened.set_result(opened.answer)

    async def _think(self) -> None:
        """Ask the model and carry its words through the meter to the pen, or to a mouth."""
        if self.asked.fixed_reply:
            await self._gate.wait()
            await (self._aloud or self._pen).write(self.asked.fixed_reply, 0)
            return
        try:
            await self._ask()
        except (OutOfHold, ModelError) as error:
            if self._aloud is None or not self._aloud.begun:
                raise
            self._short = error

    async def _ask(self) -> None:
        prompt = self.asked.compiled.prompt
        with step("model") as asking:
            early = self._voicing.ahead(prompt) if self._voicing is not None else None
            async with early or self._parts.router.stream(prompt) as answer:
                asking.mark("first token")
                asking.tell(provider=answer.provider, model=answer.model)
                await self._listen(answer)

    async def _listen(self, answer: Answering) -> None:
        self._provider, self._model, self.saw = answer.provider, answer.model, answer.saw
        async for item in answer.words:
            match item:
                case Words(text=text, tokens=tokens):
                    await self._say(text, tokens)
                case Ended():
                    self._ended = item

    async def _say(self, text: str, tokens: int) -> None:
        tally, now = self._parts.tally, self._parts.clock()
        tally.pieces += 1
        if self._meter is None or self._first_token_ms is None:
            await self._gate.wait()
            now = self._parts.clock()
            self._first_token_ms = int((now - self._began) * 1000)
        else:
            tally.between_words.see(now - self._word_at)
        self._word_at = now
        meter = self._meter
        assert meter is not None, "the gate opens after the hold"
        meter.charge(tokens)
        await (self._aloud or self._pen).write(text, meter.spent_microcredits)

    def _inspect(self, words: str) -> None:
        """Screen what is about to be shown; raises Moderated."""
        asked = self.asked
        verdict = self._parts.screen.screen(words, minor=asked.who.minor, from_person=False)
        if verdict.action == "block" and not asked.fixed_reply:
            raise Moderated(verdict.category or "blocked")

    def _refuse(self, error: BaseException | None) -> None:
        """The turn never opened: tell the asker why, unless it was answered already."""
        if self.opened.done():
            refused = self.opened.cancelled() or self.opened.exception() is not None
            self._parts.tally.refused += refused
            return
        self._parts.tally.refused += 1
        if error is not None and not isinstance(error, asyncio.CancelledError | LogStale):
            logger.error("a turn did not open", reply=self.asked.reply, exc_info=error)
        self.opened.set_exception(
            Unavailable("This message was not taken. Please try again.", code="try_again")
        )

    async def _end(self, error: BaseException | None) -> Delivered | None:
        """Flush what was said, settle what was logged, and tell the one ending."""
        if isinstance(error, LogStale):
            logger.warning("another holder has this room", room=self.asked.room)
            return None
        ending = ending_of(error, self._ended, delivered=self._pen.logged_characters > 0)
        try:
            if self._aloud is not None:
                await self._aloud.stop()
                ending = ending_of(error, self._ended, delivered=self._pen.began)
            whole = {"completed", "out_of_credits"}  # of a spoken one nothing unheard waits
            drop = ending.status not in whole and (
                self._aloud is None or ending.status == "moderated"
            )
            await self._pen.close(drop=drop)
        except Moderated as refused:
            ending = ending_of(refused, self._ended, delivered=True)
        except LogStale:
            return None
        except Exception as late:  # noqa: BLE001 - the log is gone; settle what it took
            ending = ending_of(late, self._ended, delivered=self._pen.logged_characters > 0)
        if not ending.expected:
            logger.error("a turn failed", reply=self.asked.reply, exc_info=error)
        if not self.opened.done():
            self.opened.set_exception(Unavailable("The room's log does not answer."))
        return await self._settle(ending)

    async def _settle(self, ending: Ending) -> Delivered | None:
        pen, outcome = self._pen, self._outcome(ending)
        if pen.appends:
            past("appends", pen.began_ns, pen.ended_ns, count=pen.appends)
        with step("settle"):
            settled = await self._settle_until_done(outcome)
        if settled is None:
            return None
        self._parts.tally.end(outcome.status, outcome.first_token_ms, outcome.total_ms)
        reply = self.asked.stored_reply(outcome, settled)
        await self._tell_the_end(outcome, settled, reply)
        return Delivered(reply=reply, ending=ending)

    def _outcome(self, ending: Ending) -> Outcome:
        """What was delivered and what it costs, from the log's own account of it."""
        assert self._meter is not None
        text = "" if ending.status == "moderated" else self._pen.logged
        usage = self._usage(ending)
        return Outcome(
            status=ending.status,
            code=ending.code,
            continuable=ending.continuable and bool(text),
            text=text,
            heard_until=len(text) if self._aloud is not None else None,
            logged_microcredits=self._pen.logged_microcredits if text else 0,
            usage=usage,
            provider=self._provider,
            model=self._model,
            first_token_ms=self._first_token_ms,
            total_ms=int((self._parts.clock() - self._began) * 1000),
        )

    def _usage(self, ending: Ending) -> Usage:
        """The provider's count where the reply is whole, else ours of what was logged."""
        ended = self._ended
        if ending.status == "completed" and ended is not None and ended.output_tokens is not None:
            # What staff whispered is read by the model, and paid for by nobody in the room.
            reading = None if self.asked.compiled.directed else ended.input_tokens
            return Usage(
                input_tokens=self.asked.compiled.input_tokens if reading is None else reading,
                output_tokens=ended.output_tokens,
                source="provider",
            )
        return Usage(
            input_tokens=self.asked.compiled.input_tokens,
            output_tokens=self._parts.router.count_tokens(self._pen.logged),
            source="kindred",
        )

    async def _settle_until_done(self, outcome: Outcome) -> Settled | None:
        """Commit 2. While the database is away, wait for it; past that, the reaper settles."""
        deadline = self._parts.clock() + self._parts.settle_seconds
        wait_seconds = 0.1
        while True:
            try:
                return await self._parts.credits.settle(self.asked, outcome, self._log.fence)
            except Unavailable:
                if self._parts.clock() > deadline:
                    logger.error("a reply waits for the reaper", reply=self.asked.reply)
                    return None
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, 2.0)

    async def _tell_the_end(
        self, outcome: Outcome, settled: Settled, reply: Message | None
    ) -> None:
        done = ReplyDone(
            room=self.asked.room,
            reply=self.asked.reply,
            status=outcome.status,
            text=outcome.text,
            cost_microcredits=settled.captured_microcredits,
            message=reply,
            usage=outcome.usage,
            receipt=settled.receipt,
            continuable=outcome.continuable,
            code=outcome.code,
        )
        tellings = [Telling(done)]
        payer, wallet = self.asked.payer, settled.wallet
        if wallet is not None:
            tellings.append(
                Telling(
                    WalletUpdated(
                        available_microcredits=wallet.available_microcredits,
                        held_microcredits=wallet.held_microcredits,
                        lots=wallet.lots,
                    ),
                    to=payer,
                )
            )
            if settled.low:
                left = wallet.available_microcredits
                tellings.append(
                    Telling(WalletLow(available_microcredits=left, text=settled.low), to=payer)
                )
        try:
            await self._log.append(tellings)
        except LogStale:
            logger.warning("settled, then the room went elsewhere", reply=self.asked.reply)
        except LogStalled:
            logger.error("settled, but its end cannot be told yet", reply=self.asked.reply)
