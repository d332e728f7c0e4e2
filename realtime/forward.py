"""Carries a command to the node that holds its room, and the answer back.

A whisper there and one back. Either may be lost: the asker looks whether the other node still
lives, and a repeat is harmless by the command's key.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import msgspec
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars

from realtime.tails import ORDER_MARK
from rooms.commands import Answer, RoomCommand
from rooms.errors import ProductError, Unavailable
from rooms.oversight import Glance
from rooms.ports import Principal
from rooms.spans import Traces, beginning, here, step
from storage.bus.ports import Bus

logger = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 1.0
WAIT_SECONDS: Final = 20.0
ROLL_SECONDS: Final = 2.0


class NotHere(Exception):
    """The node asked does not hold the room (any more), or is gone."""


class Refusal(msgspec.Struct, frozen=True):
    """A ProductError on its way back."""

    code: str
    message: str
    http_status: int
    retryable: bool
    retry_after_ms: int | None
    path: str | None
    details: dict[str, object]


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """`back` asks for a command to be carried out for `who`."""

    id: int
    back: str
    who: Principal
    command: RoomCommand
    key: str
    trace: str = ""  # traceparent, of a traced turn
    session: str = ""  # whose command it is, for the logs


class Told(msgspec.Struct, frozen=True, tag="told"):
    """What became of it; neither answer nor refusal: not held here."""

    id: int
    answer: Answer | None
    refusal: Refusal | None


class Roll(msgspec.Struct, frozen=True, tag="roll"):
    """`back` asks what a node holds: its liveliest rooms, `most` of them."""

    id: int
    back: str
    most: int


class Present(msgspec.Struct, frozen=True, tag="present"):
    """What a node holds. `rooms` counts all of them."""

    id: int
    node: str
    rooms: int
    people: int
    sockets: int
    watches: int
    glances: list[Glance]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Ask | Told | Roll | Present).decode
# Carries out a command for a room held here; raises ProductError or NotHere.
Here = Callable[[Principal, RoomCommand, str], Awaitable[Answer]]


def inbox(node: str) -> str:
    """The name a node is whispered to under."""
    return f"n_{node}"


class Forward:
    """This node's post office."""

    def __init__(
        self,
        bus: Bus,
        node: str,
        here: Here,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        self._bus = bus
        self._node = node
        self._here = here
        self._spawn = spawn
        self.tally: Counter[str] = Counter()  # answered, refused, not_here, unanswered, for_another
        self.traces: Traces | None = None
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Told]] = {}
        self._called: dict[int, asyncio.Future[Present]] = {}
        self.present: Callable[[int, int], Present] = self._holds_nothing

    def open(self) -> None:
        """Be reachable."""
        self._bus.follow(inbox(self._node))

    async def ask(self, node: str, who: Principal, command: RoomCommand, key: str) -> Answer:
        """Have another node carry out a command. Raises ProductError, NotHere, BusDown."""
        number = next(self._ids)
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._asked[number] = told
        try:
            with step("forwarded", kind=type(command).__name__):
                session = get_contextvars().get("session", "")
                ask = _encode(Ask(number, self._node, who, command, key, here(), session))
                self._bus.whisper(inbox(node), ORDER_MARK + ask)
                came = await self._wait(node, told)
            self.tally[_outcome(came)] += 1
            return _said(came)
        finally:
            del self._asked[number]

    async def call(self, node: str, most: int) -> Present | None:
        """What another node holds; None from one that does not answer in time."""
        number = next(self._ids)
        came: asyncio.Future[Present] = asyncio.get_running_loop().create_future()
        self._called[number] = came
        try:
            roll = _encode(Roll(number, self._node, most))
            self._bus.whisper(inbox(node), ORDER_MARK + roll)
            await asyncio.wait([came], timeout=ROLL_SECONDS)
            return came.result() if came.done() else None
        finally:
            del self._called[number]

    def _holds_nothing(self, number: int, most: int) -> Present:  # noqa: ARG002 - not yet wired
        return Present(number, self._node, 0, 0, 0, 0, [])

    async def _wait(self, node: str, told: "asyncio.Future[Told]") -> Told:
        for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
            await asyncio.wait([told], timeout=LOOK_SECONDS)
            if told.done():
                return told.result()
            if node not in await self._bus.living():
                self.tally["not_here"] += 1
                raise NotHere(node)
        self.tally["unanswered"] += 1
        raise Unavailable("The room's server does not answer; try again.", retry_after_ms=1000)

    def receive(self, payload: bytes) -> None:
        """What another node whispered to this one."""
        try:
            came = _decode(payload)
        except msgspec.MsgspecError:
            logger.warning("a node said something unknown here")
            return
        if isinstance(came, Ask):
            self._spawn(self._carry_out(came))
        elif isinstance(came, Roll):
            present = _encode(self.present(came.id, came.most))
            self._bus.whisper(inbox(came.back), ORDER_MARK + present)
        elif isinstance(came, Present):
            if (called := self._called.get(came.id)) is not None and not called.done():
                called.set_result(came)
        elif (told := self._asked.get(came.id)) is not None and not told.done():
            told.set_result(came)

    async def _carry_out(self, ask: Ask) -> None:
        answer, refusal = None, None
        bind_contextvars(session=ask.session)
        self.tally["for_another"] += 1
        try:
            with self._going_on(ask):
                answer = await self._here(ask.who, ask.command, ask.key)
        except ProductError as error:
            refusal = _refusal(error)
        except NotHere:
            pass
        except Exception:
            logger.exception("a forwarded command failed", kind=type(ask.command).__name__)
            refusal = _refusal(ProductError("Something went wrong on our side."))
        told = _encode(Told(ask.id, answer, refusal))
        self._bus.whisper(inbox(ask.back), ORDER_MARK + told)

    def _going_on(self, ask: Ask) -> AbstractContextManager[object]:
        """The asker's trace, carried on here, if there is one."""
        if self.traces is None or not ask.trace:
            return nullcontext()
        return beginning(self.traces, "carried out", ask.trace, kind=type(ask.command).__name__)


def _outcome(told: Told) -> str:
    if told.answer is not None:
        return "answered"
    return "not_here" if told.refusal is None else "refused"


def _refusal(error: ProductError) -> Refusal:
    return Refusal(
        error.code,
        error.message,
        error.http_status,
        error.retryable,
        error.retry_after_ms,
        error.path,
        error.details,
    )


def _said(told: Told) -> Answer:
    if told.answer is not None:
        return told.answer
    if told.refusal is None:
        raise NotHere
    refusal = told.refusal
    kind = next(
        (k for k in _kinds(ProductError) if k.http_status == refusal.http_status), ProductError
    )
    raise kind(
        refusal.message,
        code=refusal.code,
        path=refusal.path,
        retry_after_ms=refusal.retry_after_ms,
        retryable=refusal.retryable,
        details=refusal.details,
    )


def _kinds(kind: type[ProductError]) -> list[type[ProductError]]:
    return [kind, *(k for child in kind.__subclasses__() for k in _kinds(child))]
