"""Carries out what the talk of one leg orders: ear, speaker, leg and room, each at its word.

Nothing is decided here (media/voice/talk.py does); every task has an owner and ends with the leg.
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import structlog

from config.voice import VoiceSettings
from media.calls.leg import Gone, GoneReason, Heard, Leg, Played
from media.hearing.ports import Ear
from media.sound.formats import PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE
from media.speech.ports import Speaker, Spoken, VoiceChoice
from media.voice import orders as o
from media.voice.talk import Talk
from rooms.asking import Asked
from rooms.calls.around import Around, Caption
from rooms.calls.listening import Listening
from rooms.calls.making import Making
from rooms.calls.saying import Saying
from rooms.calls.times import Stage, Times
from rooms.commands import MessageSend
from rooms.dialogue.ahead import Ahead
from rooms.dialogue.ports import Prompt
from rooms.dialogue.router import Answering
from rooms.errors import ProductError, Unavailable
from rooms.mouth import Mouth
from rooms.ports import Principal
from rooms.room import ChatRoom
from storage.database import DATABASE_AWAY
from storage.ids import new_id

logger = structlog.get_logger(__name__)
COMMITS_WAITING: Final = 8
LONGEST_TURN: Final = 8_000  # code points: what a message may have


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkParts:
    """What a conversation is made of; the same for all its legs."""

    room: ChatRoom
    who: Principal
    ear: Ear
    speaker: Speaker
    choice: VoiceChoice
    settings: VoiceSettings
    around: Around


class Conductor:
    """One leg's talk under way. It is also who voices the room's replies (rooms/mouth.py)."""

    def __init__(self, parts: TalkParts, leg: Leg, ear_sample: int) -> None:
        """`ear_sample`: where the clock of the call's ear stands."""
        settings = parts.settings
        self.reply_tokens = settings.reply_tokens
        self.log_seconds = settings.log_ms / 1000
        self._parts = parts
        self._leg = leg
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._talk = Talk(settings, ear_sample)
        self.listening = Listening(parts.ear, ear_sample, self.tell, self._clock)
        self._making = Making(parts.speaker, parts.choice, self._talk.playout, self.tell)
        self._tasks: asyncio.TaskGroup | None = None
        self._sayings: dict[str, Saying] = {}
        self._said = ""  # the id of the caption of what the person says
        self._committed: asyncio.Queue[tuple[str, o.Commit]] = asyncio.Queue(COMMITS_WAITING)
        self._stages: dict[Stage, float] = {}
        self._times: Times | None = None  # of the turn that was committed last
        self._foreseeing: asyncio.Task[None] | None = None
        self._ahead: Ahead | None = None
        self._unread = asyncio.Event()  # what stands before their next words is new
        self._unread.set()
        self._gathers = False  # the leg tells silence late
        self._gone = False

    async def run(self) -> GoneReason:
        """Until the leg is gone. What was being said is over on return, and told so."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                beside = [
                    tasks.create_task(self.listening.judge(), name="voice activity"),
                    tasks.create_task(self.listening.tick(), name="talk's clock"),
                    tasks.create_task(self._take_turns(), name="turns of a call"),
                    tasks.create_task(self._read_ahead(), name="read ahead"),
                ]
                reason = await self._follow_leg()
                self.tell(o.LegGone())
                for task in (*beside, *self._making.tasks, *self.listening.tasks):
                    task.cancel()
                self._drop_ahead()
        finally:
            self.tell(o.LegGone())
            self._tasks = None
            self._drop_ahead()
        return reason

    async def _follow_leg(self) -> GoneReason:
        async for event in self._leg.events():
            match event:
                case Heard():
                    self.listening.take(event)
                    continue
                case Played():
                    self._sounded(event)
                    self.tell(event)
                    self._making.go_on()
            self._parts.around.happened(event)
            if isinstance(event, Gone):
                return event.reason
        return "connection_lost"

    # --- what the house says

    def say(self, text: str, *, interruptible: bool) -> Saying:
        """Words that are no reply; wait for `over`."""
        saying = self._saying(new_id("say"))
        saying.text = text
        self.tell(o.Begin(saying.name, turn=False, interruptible=interruptible))
        self.tell(o.Words(saying.name, text))
        self.tell(o.WordsEnd(saying.name))
        return saying

    def hush(self) -> None:
        """Everything that is said, or waits to be, is over."""
        for name in list(self._sayings):
            self.tell(o.Withdraw(name))

    # --- as Voicing (rooms/mouth.py)

    def mouth(self, asked: Asked) -> Mouth:
        """A mouth for this turn."""
        times, self._times = self._times, None
        saying = self._saying(asked.reply, times)
        if self._gone:
            saying.interrupt()
            saying.hear(0, done=True)
        else:
            self.tell(o.Begin(asked.reply))
        return saying

    def ahead(self, prompt: Prompt) -> AbstractAsyncContextManager[Answering] | None:
        """The early answer, if it is one to exactly this prompt."""
        early, self._ahead = self._ahead, None
        if early is None:
            return None
        if early.prompt != prompt:
            early.drop()
            return None
        if self._times is not None:
            self._times.speculated = True
        return early.stream()

    def settled(self) -> None:
        """There is something new to read before they speak."""
        self._unread.set()

    async def _read_ahead(self) -> None:
        """While they listen, or begin to speak, a slow model reads what went before."""
        while True:
            await self._unread.wait()
            self._unread.clear()
            with contextlib.suppress(ProductError, *DATABASE_AWAY):  # told when they speak
                await self._parts.room.read_ahead(self._parts.who)

    def _saying(self, name: str, times: Times | None = None) -> Saying:
        saying = self._sayings[name] = Saying(name, self.tell, times)
        return saying

    # --- facts in, orders out

    def tell(self, fact: o.Told) -> None:
        """Tell the talk, and do what it orders."""
        if self._gone:
            return
        if isinstance(fact, o.LegGone):
            self._gone = True
        if isinstance(fact, o.Transcribed):
            self._stages["transcript"] = self._clock()
        for order in self._talk.tell(fact):
            self._carry(order)
        if self._talk.rests is not self._gathers:
            self._gathers = not self._gathers
            self._leg.gather(self._parts.ear.quiet_db if self._gathers else None)

    def _carry(self, order: o.Order) -> None:
        match order:
            case o.Listen():
                self._stages["pause"] = self._clock()
                self._parts.around.paused()
                if self._tasks is not None:
                    self.listening.ask(order, self._tasks)
            case o.ListenEarly():
                if self._tasks is not None:
                    self.listening.ask_early(order, self._tasks)
            case o.Drop(piece=piece):
                self.listening.drop(piece)
            case o.Overheard(text=text):
                self._show_said(text, final=False)
            case o.Speculate(text=text):
                if self._tasks is not None:
                    self._foreseeing = self._tasks.create_task(self._foresee(text))
            case o.Forget():
                self._drop_ahead()
            case o.Commit():
                self._commit(order)
            case _:
                self._speak(order)

    def _speak(self, order: o.Order) -> None:
        leg = self._leg
        match order:
            case o.Pause():
                leg.pause()
            case o.Resume():
                leg.resume()
            case o.Flush(epoch=epoch):
                leg.flush(epoch)
                self._making.go_on()
            case o.Play(epoch=epoch, pcm=pcm):
                leg.play(epoch, pcm)
            case o.Synthesise(utterance=name):
                self._mark(name, "clause")
                if self._tasks is not None:
                    self._making.make(order, self._tasks, self._sound)
            case o.DropClause(clause=clause):
                self._making.drop(clause)
            case o.Interrupted(utterance=name):
                self._sayings[name].interrupt()
            case o.Heard(utterance=name, code_points=heard, done=done):
                self._heard(self._sayings[name], heard, done=done)

    # --- the person

    def _show_said(self, text: str, *, final: bool) -> None:
        self._said = self._said or new_id("said")
        withdrawn = not text
        self._parts.around.caption(
            Caption(
                id=self._said,
                who="person",
                text=text,
                final=final or withdrawn,
                withdrawn=withdrawn,
            )
        )
        if final or withdrawn:
            self._said = ""

    def _commit(self, order: o.Commit) -> None:
        if self._foreseeing is not None and not self._foreseeing.done():
            self._foreseeing.cancel()
        key = self._said = self._said or new_id("said")
        self._show_said(order.text, final=True)
        self._times = Times(self.listening.came_at(order.voiced_until), self._clock)
        self._times.mark("pause", at=self._stages.get("pause"))
        self._times.mark("transcript", at=self._stages.get("transcript"))
        self._times.mark("decided")
        try:
            self._committed.put_nowait((key, order))
        except asyncio.QueueFull:
            logger.warning("somebody says more turns than the room takes")
            asyncio.get_running_loop().call_soon(self.tell, o.NoTurn())

    async def _take_turns(self) -> None:
        """What was said becomes turns of the room, in order."""
        room = self._parts.room
        while True:
            key, said = await self._committed.get()
            command = MessageSend(
                id=key, room=room.row.room, text=said.text[:LONGEST_TURN], key=key
            )
            try:
                await room.command(self._parts.who, command, key)
            except ProductError as refusal:
                self._refused(refusal)
            except DATABASE_AWAY as error:
                logger.warning("the database is away", kind=type(error).__name__)
                self._refused(Unavailable("The database does not answer.", retry_after_ms=1000))

    def _refused(self, refusal: ProductError) -> None:
        """No turn came of what they said; the call lives on."""
        self._times = None
        self._parts.around.refused(refusal)
        self._unread.set()  # what it interrupted was not read while the room was at it
        self.tell(o.NoTurn())

    async def _foresee(self, text: str) -> None:
        try:
            early = await self._parts.room.foresee(self._parts.who, text)
        except (ProductError, *DATABASE_AWAY):
            return  # it will be refused, with a reason, when it is said
        self._drop_ahead(early)

    def _drop_ahead(self, other: Ahead | None = None) -> None:
        if self._ahead is not None:
            self._ahead.drop()
        self._ahead = other
        if other is None and self._foreseeing is not None:
            self._foreseeing.cancel()

    # --- the companion

    def _sound(self, order: o.Synthesise, at_sample: int, piece: Spoken) -> None:
        self._mark(order.utterance, "sound")
        current = self._talk.playout.current
        if current is not None:
            self._parts.around.sounding(current.epoch, at_sample, piece)

    def _sounded(self, event: Played) -> None:
        current = self._talk.playout.current
        if current is not None and current.epoch == event.epoch and event.samples:
            times = self._sayings[current.name].times
            if times is not None:
                before = max(event.samples - PLAYOUT_FRAME_SAMPLES, 0)  # its last frame leaves now
                times.mark("out", at=self._clock() - before / PLAYOUT_RATE)

    def _mark(self, name: str, stage: Stage) -> None:
        times = self._sayings[name].times if name in self._sayings else None
        if times is not None:
            times.mark(stage)

    def _heard(self, saying: Saying, heard: int, *, done: bool) -> None:
        saying.hear(heard, done=done)
        text = saying.text[: saying.heard_until]
        self._parts.around.caption(Caption(id=saying.name, who="companion", text=text, final=done))
        if not done:
            return
        del self._sayings[saying.name]
        if saying.times is not None:
            words = len(text.split())
            self._parts.around.turned(
                saying.times.told(saying.name, interrupted=saying.cut, words_heard=words)
            )
