"""A worker's side of the protocol: callers, their ears, and the questions they ask.

Each question is a task; the end of its connection, of its call, or a `Cancel` ends it.
"""

import asyncio
import hmac
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any, Final, assert_never

import msgspec
import structlog

from media.hearing.ports import HearingError
from media.inference.engines import Engines
from media.inference.frames import (
    FRAME_BYTES_MOST,
    HELLO_BYTES_MOST,
    VERSION,
    AskSoFar,
    AskSpeech,
    AskTranscript,
    AskTurn,
    AskWords,
    BadFrame,
    Cancel,
    CloseEar,
    EarRefused,
    Failed,
    Frame,
    Hello,
    Judged,
    Load,
    OpenEar,
    Piece,
    SaidAll,
    Sound,
    TurnTold,
    Warm,
    Welcome,
    WordsTold,
    decode_asked,
)
from media.inference.judging import Judging
from media.inference.link import Link
from media.inference.windows import WINDOW_BYTES
from media.inference.worker_ear import WorkerEar
from media.sound.formats import SAMPLE_BYTES
from media.speech.ports import SpeechError

Work = Coroutine[Any, Any, None]
logger = structlog.get_logger(__name__)
QUESTIONS_MOST: Final = 256  # of one worker
CLAUSE_CHARACTERS_MOST: Final = 600
HELLO_SECONDS: Final = 5.0
_LOAD_SECONDS: Final = 0.05
_BEAT_SECONDS: Final = 1.0
_DEAF_SECONDS: Final = 30.0  # between attempts to load what could not be loaded
_SOUND_BYTES_MOST: Final = 64 * WINDOW_BYTES


class Service:
    """One worker: its engines, its callers."""

    def __init__(self, engines: Engines, key: str, most_ears: int) -> None:
        self.engines = engines
        self.judging = Judging()
        self.most_ears = most_ears
        self.callers: set[Caller] = set()
        self.questions = 0
        self.busy_at = asyncio.get_running_loop().time()
        self._key = key
        self._tasks: set[asyncio.Task[None]] = set()
        self.deaf = ""  # why it cannot listen at all
        self._hearing = False
        self._warm = False
        self._next_beat: asyncio.TimerHandle | None = None
        self._beat()
        self._telling: asyncio.TimerHandle | None = None

    @property
    def ears(self) -> int:
        """Calls that are listened to."""
        return sum(len(caller.ears) for caller in self.callers)

    @property
    def has_time(self) -> bool:
        """Whether nobody would wait for what may be done in vain."""
        return self.questions < self.engines.parallel

    @property
    def is_idle(self) -> bool:
        """Whether nobody would miss the models now."""
        return not self.questions and not self.ears

    def accept(self) -> Link:
        """A connection that has just come."""
        return Caller(self).link

    def knows(self, key: str) -> bool:
        """Whether the caller may ask."""
        return hmac.compare_digest(key.encode(), self._key.encode())

    def touch(self) -> None:
        """Something is being done."""
        self.busy_at = asyncio.get_running_loop().time()

    def start_hearing(self) -> None:
        """Load the network for voice activity, once; windows wait for it meanwhile."""
        if not self._hearing:
            self._hearing = True
            self.spawn(self._load_hearing())

    async def _load_hearing(self) -> None:
        try:
            self.judging.begin(await self.engines.activity())
        except HearingError as error:
            self._hearing = False
            self.deaf = str(error)
            asyncio.get_running_loop().call_later(_DEAF_SECONDS, self._try_again)
            for caller in self.callers:
                for ear in list(caller.ears):
                    caller.refuse(ear, str(error))

    def _try_again(self) -> None:
        self.deaf = ""

    def warm_up(self) -> None:
        """Load what a call needs, once, before anybody waits for it."""
        if not self._warm:
            self._warm = True
            self.touch()
            self.spawn(self._load_everything())

    async def _load_everything(self) -> None:
        try:
            await self.engines.warm_up()
        except (HearingError, SpeechError) as error:
            self._warm = False
            logger.warning("not everything could be loaded", reason=str(error))

    def _beat(self) -> None:
        """Whoever waits for something is told every second that this worker lives."""
        self._next_beat = asyncio.get_running_loop().call_later(_BEAT_SECONDS, self._beat)
        load = self.load()
        for caller in self.callers:
            if caller.welcome and caller.waits:
                caller.link.send(load)

    def spawn(self, work: Work) -> asyncio.Task[None]:
        """A task that this worker owns."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def tell_load(self) -> None:
        """Every caller learns soon how busy this worker is; many changes are told as one."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_LOAD_SECONDS, self._tell_load)

    def _tell_load(self) -> None:
        self._telling = None
        load = self.load()
        for caller in self.callers:
            if caller.welcome:
                caller.link.send(load)

    def load(self) -> Load:
        """How busy this worker is now."""
        return Load(self.ears, self.questions, max(0, self.most_ears - self.ears))

    async def aclose(self) -> None:
        """End everything at once."""
        for caller in list(self.callers):
            caller.link.close("the worker ends")
        self.judging.close()
        if self._next_beat is not None:
            self._next_beat.cancel()
        if self._telling is not None:
            self._telling.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engines.aclose()


class Caller:
    """One gateway's connection."""

    def __init__(self, service: Service) -> None:
        self.link = Link(self._received, self._lost, HELLO_BYTES_MOST)
        self.ears: dict[int, WorkerEar] = {}
        self.welcome = False
        self._service = service
        self._asked: dict[int, tuple[int | None, asyncio.Task[None]]] = {}
        service.callers.add(self)
        loop = asyncio.get_running_loop()
        self._impatience = loop.call_later(HELLO_SECONDS, self.link.close, "no hello")

    @property
    def waits(self) -> bool:
        """Whether anything is owed to it."""
        return bool(self.ears or self._asked)

    def refuse(self, ear: int, why: str) -> None:
        """Listen to this call no more."""
        self._close_ear(ear)
        self.link.send(EarRefused(ear, why))

    def _lost(self, why: str) -> None:
        self._service.callers.discard(self)
        self._impatience.cancel()
        for ear in list(self.ears):
            self._close_ear(ear)
        for _, task in list(self._asked.values()):
            task.cancel()
        if self.welcome:
            logger.info("a caller has gone", reason=why)
            self._service.tell_load()

    def _received(self, data: bytes) -> None:
        try:
            frame = decode_asked(data)
        except msgspec.MsgspecError as error:
            raise BadFrame("a frame cannot be read") from error
        if not self.welcome:
            self._greet(frame)
            return
        match frame:
            case Sound():
                self._hear(frame)
            case AskTurn() | AskWords() | AskSoFar():
                self._about_ear(frame)
            case AskTranscript():
                self._ask(frame.request, None, self._transcribe(frame.request, frame))
            case AskSpeech():
                self._ask(frame.request, None, self._speak(frame))
            case Cancel():
                if found := self._asked.pop(frame.request, None):
                    found[1].cancel()
            case OpenEar():
                self._open_ear(frame)
            case CloseEar():
                self._close_ear(frame.ear)
                self._service.tell_load()
            case Warm():
                self._service.warm_up()
            case Hello():
                raise BadFrame("a second hello")
            case _:
                assert_never(frame)

    def _greet(self, frame: Frame) -> None:
        if not isinstance(frame, Hello) or not self._service.knows(frame.key):
            raise BadFrame("the key is wrong")
        if frame.version != VERSION:
            raise BadFrame(f"version {frame.version} is not spoken here")
        self._impatience.cancel()
        self.welcome = True
        self.link.trust(FRAME_BYTES_MOST)
        engines = self._service.engines
        heard = tuple(sorted(engines.transcriber.languages))
        streams = engines.transcriber.streaming(None) is not None
        spoken, early = engines.spoken_languages, engines.understands_early
        self.link.send(Welcome(VERSION, engines.judges_turns, heard, spoken, streams, early))
        self.link.send(self._service.load())

    # --- ears

    def _open_ear(self, frame: OpenEar) -> None:
        service = self._service
        if service.ears >= service.most_ears:
            self.link.send(EarRefused(frame.ear, "this worker listens to as many as it may"))
            return
        if service.deaf:
            self.link.send(EarRefused(frame.ear, service.deaf))
            return
        number = frame.ear

        def tell(until_sample: int, probability: float) -> None:
            self.link.send(Judged(number, until_sample, round(probability, 4)))

        self._close_ear(number)
        self.ears[number] = WorkerEar(frame.language, tell, service.engines, service.spawn)
        service.touch()
        service.start_hearing()
        service.tell_load()

    def _hear(self, frame: Sound) -> None:
        ear = self.ears.get(frame.ear)
        if ear is None:
            return  # it was refused, or has just been closed
        if len(frame.pcm) > _SOUND_BYTES_MOST or len(frame.pcm) % SAMPLE_BYTES:
            raise BadFrame("sound in the wrong size")
        self._service.touch()
        ear.keep(frame.at_sample, frame.pcm)
        if not frame.kept_only:
            self._service.judging.add(ear.stream, frame.at_sample, frame.pcm, told=frame.judged)

    def _close_ear(self, number: int) -> None:
        ear = self.ears.pop(number, None)
        if ear is None:
            return
        ear.close()
        self._service.judging.drop(ear.stream)
        for request, (about, task) in list(self._asked.items()):
            if about == number:
                del self._asked[request]
                task.cancel()

    # --- questions

    def _about_ear(self, frame: AskTurn | AskWords | AskSoFar) -> None:
        ear = self.ears.get(frame.ear)
        if ear is None:
            self.link.send(Failed(frame.request, "this worker does not listen to that call"))
            return
        if isinstance(frame, AskSoFar):
            told = ear.along and ear.along.so_far(frame.from_sample, frame.until_sample)
            answer = WordsTold(frame.request, told) if told else None
            self.link.send(answer or Failed(frame.request, "nobody listens along", False))
            return
        if isinstance(frame, AskWords) and frame.early and not self._service.has_time:
            self.link.send(Failed(frame.request, "others are waiting"))
            return
        pcm = ear.sound.span(frame.from_sample, frame.until_sample)
        ear.sound.forget(frame.keep_from)
        if isinstance(frame, AskTurn):
            self._ask(frame.request, frame.ear, self._judge_turn(frame.request, pcm))
        else:
            question = AskTranscript(frame.request, pcm, ear.language)
            self._ask(frame.request, frame.ear, self._understand(frame, ear, question))

    def _ask(self, request: int, ear: int | None, work: Work) -> None:
        if self._service.questions >= QUESTIONS_MOST or request in self._asked:
            work.close()
            self.link.send(Failed(request, "too many questions wait in this worker"))
            return
        self._service.questions += 1
        self._service.engines.used = True
        self._service.touch()
        self._service.tell_load()
        task = self._service.spawn(self._answered(request, work))
        self._asked[request] = (ear, task)

        def over(_: object) -> None:
            self._asked.pop(request, None)
            self._service.questions -= 1
            self._service.touch()
            self._service.tell_load()

        task.add_done_callback(over)

    async def _answered(self, request: int, work: Work) -> None:
        """Whatever goes wrong is told to whoever waits."""
        try:
            await work
        except (HearingError, SpeechError) as error:
            self.link.send(Failed(request, str(error), error.retryable, error.detail))
        except Exception as error:
            logger.exception("a question failed", kind=type(error).__name__)
            self.link.send(Failed(request, f"the worker failed: {type(error).__name__}"))

    async def _judge_turn(self, request: int, pcm: bytes) -> None:
        probability = await self._service.engines.turn_finished(pcm)
        self.link.send(TurnTold(request, round(probability, 4)))

    async def _understand(self, frame: AskWords, ear: WorkerEar, whole: AskTranscript) -> None:
        """By who listened along, else the whole utterance anew."""
        if ear.along is not None:
            found = await ear.along.words(frame.from_sample, frame.until_sample)
            if found is not None:
                told = msgspec.structs.replace(found, language=ear.language)
                self.link.send(WordsTold(frame.request, told))
                return
        await self._transcribe(frame.request, whole)

    async def _transcribe(self, request: int, asked: AskTranscript) -> None:
        transcriber = self._service.engines.transcriber
        transcript = await transcriber.transcribe(asked.pcm, asked.language or None)
        self.link.send(WordsTold(request, transcript))

    async def _speak(self, frame: AskSpeech) -> None:
        if len(frame.text) > CLAUSE_CHARACTERS_MOST:
            raise SpeechError("the clause is too long", retryable=False)
        async with aclosing(self._service.engines.speak(frame.text, frame.choice)) as pieces:
            async for spoken in pieces:
                self.link.send(Piece(frame.request, spoken))
                await self.link.drained()
        self.link.send(SaidAll(frame.request))
