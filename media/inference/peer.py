"""One inference worker as a gateway sees it: a connection that comes back, its load, answers."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import msgspec
import structlog

from media.hearing.ports import HearingError
from media.inference.frames import (
    FRAME_BYTES_MOST,
    VERSION,
    BadFrame,
    Cancel,
    EarRefused,
    Failed,
    Frame,
    Hello,
    Judged,
    Load,
    Piece,
    SaidAll,
    Sound,
    TurnTold,
    Welcome,
    WordsTold,
    decode_told,
)
from media.inference.link import Link
from media.inference.windows import gather_seconds

logger = structlog.get_logger(__name__)
_FIRST_PAUSE_SECONDS: Final = 0.05
_MOST_PAUSE_SECONDS: Final = 2.0
_CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 10.0  # ten beats of a worker; one that loads a model may miss some

Answer = TurnTold | WordsTold | Piece | SaidAll | Failed


class Lost(HearingError):
    """The worker went while it was asked."""


class Listener(Protocol):
    """An ear, as a worker's connection tells it."""

    number: int

    def judged(self, until_sample: int, probability: float) -> None:
        """A window's answer."""
        ...

    def detached(self, why: str, *, refused: bool) -> None:
        """This worker listens no more."""
        ...


class Question:
    """One question and its answers, in order."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.over = False
        self._answers: asyncio.Queue[Answer | Lost] = asyncio.Queue()

    def tell(self, answer: Answer | Lost) -> None:
        """An answer, or that none will come."""
        self.over = self.over or not isinstance(answer, Piece)
        self._answers.put_nowait(answer)

    async def answer(self) -> Answer:
        """The next one. Raises Lost and HearingError."""
        answer = await self._answers.get()
        if isinstance(answer, Lost):
            raise answer
        if isinstance(answer, Failed):
            raise HearingError(answer.message, retryable=answer.retryable, detail=answer.detail)
        return answer


class Peer:
    """See the module. `run` holds the connection until it is cancelled."""

    def __init__(
        self,
        address: str,
        key: str,
        numbers: Iterator[int],
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        """Raises ValueError when the address is none."""
        self.address = address
        self.up = asyncio.Event()
        self.welcome: Welcome | None = None
        self._place = parse_address(address)
        self._key = key
        self._numbers = numbers
        self._silent_seconds = silent_seconds
        self._link: Link | None = None
        self._load = Load(0, 0)
        self._listeners: dict[int, Listener] = {}
        self._questions: dict[int, Question] = {}
        self._gone: asyncio.Future[str] | None = None
        self._heard_of = False

    @property
    def is_up(self) -> bool:
        """Whether it has greeted."""
        return self.up.is_set()

    @property
    def ears_there(self) -> int:
        """How many calls it listens to; ours that it has not told of yet included."""
        return max(self._load.ears, len(self._listeners))

    @property
    def has_room(self) -> bool:
        """Whether it would listen to another call, as far as it has told."""
        return self._load.room > len(self._listeners) - self._load.ears

    @property
    def questions_there(self) -> int:
        """How many questions wait there; likewise."""
        return max(self._load.questions, len(self._questions))

    @property
    def backed_up(self) -> bool:
        """Whether it takes sound more slowly than it comes."""
        return self._link is not None and self._link.backed_up

    def send(self, frame: Frame) -> None:
        """Never waits; nothing happens when the worker is away. Raises BadFrame."""
        if self._link is not None:
            self._link.send(frame)

    def send_window(self, sound: Sound) -> None:
        """The same of sound to be judged; where many talk it goes along with that of others."""
        if self._link is not None:
            self._link.send(sound, gather_seconds(len(self._listeners)))

    def listen(self, listener: Listener) -> None:
        """Tell this ear what the worker says of it."""
        self._listeners[listener.number] = listener

    def forget(self, listener: Listener) -> None:
        """The call is over."""
        self._listeners.pop(listener.number, None)

    @contextlib.contextmanager
    def question(self, frame: Callable[[int], Frame]) -> Iterator[Question]:
        """Ask; leaving before the last answer has the worker drop the work. Raises Lost."""
        if not self.is_up:
            raise Lost("the inference worker is away")
        question = Question(next(self._numbers))
        self._questions[question.number] = question
        try:
            self.send(frame(question.number))
            yield question
        finally:
            self._questions.pop(question.number, None)
            if not question.over:
                self.send(Cancel(question.number))

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost."""
        pauses = _pauses()
        while True:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await self._connect()
            except (OSError, TimeoutError):
                await asyncio.sleep(next(pauses))
                continue
            assert self._gone is not None
            try:
                why = await self._until_gone(self._gone)
            finally:
                self._hang_up("the gateway leaves")
            if self.welcome is not None:
                pauses = _pauses()
                logger.info("inference worker lost", address=self.address, reason=why)
            await asyncio.sleep(next(pauses))

    async def _until_gone(self, gone: "asyncio.Future[str]") -> str:
        """Why it went. One that owes answers and says nothing, not even its load, hangs."""
        while True:
            self._heard_of = False
            done, _ = await asyncio.wait([gone], timeout=self._silent_seconds)
            if done:
                return gone.result()
            owes = bool(self._questions or self._listeners) or self.welcome is None
            if owes and not self._heard_of and self._link is not None:
                self._link.close("it hangs")

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._gone = loop.create_future()
        self.welcome = None
        if isinstance(self._place, str):
            _, link = await loop.create_unix_connection(self._make_link, self._place)
        else:
            _, link = await loop.create_connection(self._make_link, *self._place)
        self._link = link
        link.send(Hello(VERSION, self._key))

    def _make_link(self) -> Link:
        return Link(self._received, self._lost, FRAME_BYTES_MOST)

    def _lost(self, why: str) -> None:
        """The connection has ended: everybody who waits is told now."""
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(why)
        self._hang_up(why)

    def _hang_up(self, why: str) -> None:
        self.up.clear()
        link, self._link = self._link, None
        if link is not None:
            link.close(why)
        self._load = Load(0, 0)
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.tell(Lost("the inference worker was lost"))
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.detached("the inference worker was lost", refused=False)

    def _received(self, data: bytes) -> None:
        try:
            frame = decode_told(data)
        except msgspec.MsgspecError as error:
            raise BadFrame("a frame cannot be read") from error
        self._heard_of = True
        match frame:
            case Judged(ear=number, until_sample=until, probability=probability):
                if listener := self._listeners.get(number):
                    listener.judged(until, probability)
            case Load():
                self._load = frame
            case Welcome():
                self.welcome = frame
                self.up.set()
            case EarRefused(ear=number, message=message):
                if listener := self._listeners.pop(number, None):
                    listener.detached(message, refused=True)
            case _:
                if question := self._questions.get(frame.request):
                    question.tell(frame)


def parse_address(address: str) -> str | tuple[str, int]:
    """`unix:/path` as the path, `tcp:host:port` as host and port. Raises ValueError."""
    kind, _, rest = address.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return rest
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and 0 < int(port) < 65_536:
        return host.strip("[]"), int(port)
    raise ValueError(f"{address!r} is neither unix:/path nor tcp:host:port")


def _pauses() -> Iterator[float]:
    """Between attempts: short ones at first."""
    for attempt in itertools.count():
        yield min(_MOST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10))
