"""A call's ear at work: sound in, judgements and transcripts out, failures turned into silence.

What the talk (media/voice/talk.py) asks about a span is asked here, beside each other, and answered
with facts; a recogniser that fails is asked once more, then the span had no words.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Final

import structlog

from media.calls.leg import Heard
from media.hearing.ports import Ear, HearingError, HearsAlong, HearsEarly, Transcript
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES
from media.voice.orders import (
    Foreheard,
    Judged,
    Listen,
    ListenEarly,
    Lost,
    Tick,
    Transcribed,
    Unheard,
)
from rooms.calls import together
from rooms.calls.saying import Tell

logger = structlog.get_logger(__name__)
ASK_SECONDS: Final = 10.0
TRIES: Final = 2
REST_SECONDS: Final = 0.2
TICK_SECONDS: Final = 0.1
QUIET_SECONDS: Final = 0.25


class Listening:
    """One leg's sound, on the clock of the call's ear: `base` is where the ear's clock stood."""

    def __init__(self, ear: Ear, base: int, tell: Tell, clock: Callable[[], float]) -> None:
        self._ear = ear
        self._base = base
        self._tell = tell
        self._clock = clock
        self._ends = base  # where the sound that came ends
        self._came_at = clock()
        self._asked: dict[int, list[asyncio.Task[None]]] = {}

    @property
    def ends(self) -> int:
        """Where the ear's clock stands."""
        return self._ends

    def came_at(self, sample: int) -> float:
        """When this sample came, on the clock."""
        return self._came_at - (self._ends - sample) / HEARING_RATE

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The questions under way."""
        return [task for asked in self._asked.values() for task in asked]

    def take(self, heard: Heard) -> None:
        """Sound of the person; what did not come, or was made up, says nothing of them."""
        begins = self._base + heard.at_sample
        ends = begins + len(heard.pcm) // SAMPLE_BYTES
        if begins > self._ends:
            self._tell(Lost(self._ends, begins))
        if heard.concealed:
            self._tell(Lost(begins, ends))
        self._ear.push(heard.pcm, begins)
        self._ends, self._came_at = max(self._ends, ends), self._clock()

    async def judge(self) -> None:
        """Carry voice activity on, for ever; an ear that fails is asked again."""
        failed = 0
        while True:
            try:
                self._tell(await self._ear.voiced())
                failed = 0
            except HearingError as error:
                failed += 1
                if failed == 1:
                    logger.warning("an ear failed", kind=str(error))
                await asyncio.sleep(REST_SECONDS * min(failed, 10))

    async def tick(self) -> None:
        """Tell the time while no sound comes; while it does, look now and then."""
        while True:
            quiet = self._clock() - self._came_at
            if quiet > QUIET_SECONDS:
                self._tell(Tick(self._ends + int(quiet * HEARING_RATE)))
            await together.wait(max(TICK_SECONDS, QUIET_SECONDS - quiet))

    def ask(self, order: Listen, tasks: asyncio.TaskGroup) -> None:
        """Both questions about a span, beside each other."""
        work = [self._transcribe(order)] if order.words else []
        if order.judge:
            work.append(self._turn_ended(order))
        if order.words and isinstance(self._ear, HearsAlong):
            work.append(self._so_far(self._ear, order))
        for one in work:
            self._begin(order.piece, one, tasks)

    def ask_early(self, order: ListenEarly, tasks: asyncio.TaskGroup) -> None:
        """What may be for nothing."""
        self._begin(order.piece, self._transcribe_early(order), tasks)

    def _begin(
        self, piece: int, work: Coroutine[object, object, None], tasks: asyncio.TaskGroup
    ) -> None:
        task = tasks.create_task(work, name=f"about piece {piece}")
        self._asked.setdefault(piece, []).append(task)
        task.add_done_callback(lambda _task: self._forget(piece))

    def drop(self, piece: int) -> None:
        """Nobody needs the answers any more."""
        for task in self._asked.pop(piece, ()):
            task.cancel()

    def _forget(self, piece: int) -> None:
        if all(task.done() for task in self._asked.get(piece, ())):
            self._asked.pop(piece, None)

    async def _transcribe(self, order: Listen) -> None:
        transcript = Transcript(text="", speech_probability=0.0)
        for attempt in range(TRIES):
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    transcript = await self._ear.transcribe(order.from_sample, order.until_sample)
                break
            except (HearingError, TimeoutError) as error:
                logger.warning("a recogniser failed", kind=type(error).__name__, attempt=attempt)
                if isinstance(error, HearingError) and not error.retryable:
                    break
        self._tell(Transcribed(order.piece, transcript))

    async def _transcribe_early(self, order: ListenEarly) -> None:
        told: Transcript | None = None
        if isinstance(self._ear, HearsEarly):
            with contextlib.suppress(HearingError, TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    told = await self._ear.early(order.from_sample, order.until_sample)
        self._tell(Unheard(order.piece) if told is None else Transcribed(order.piece, told))

    async def _so_far(self, ear: HearsAlong, order: Listen) -> None:
        """What is understood already, where somebody listens along: the rest is `_transcribe`'s."""
        told = await ear.so_far(order.from_sample, order.until_sample)
        if told is not None and told.text:
            self._tell(Foreheard(order.piece, told))

    async def _turn_ended(self, order: Listen) -> None:
        probability: float | None = None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                probability = await self._ear.turn_ended(order.from_sample, order.until_sample)
        except (HearingError, TimeoutError) as error:
            if not isinstance(error, HearingError) or error.retryable:  # else nobody ever judges
                logger.warning("an end of turn was not judged", kind=type(error).__name__)
        self._tell(Judged(order.piece, probability))
