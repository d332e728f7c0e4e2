"""A person's device on Kindred's own socket: signs in, speaks, beats, is lost and comes back."""

import asyncio
import itertools
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from msgspec import DecodeError, json

from loadtest.clients.frames import Frame, decode
from loadtest.clients.talk import Talk, Turn, message_send, timed, whole_reply
from loadtest.clients.wire import Trouble, Wire

if TYPE_CHECKING:
    from loadtest.people import Person

PATH: Final = "/v1/socket"
PROTOCOL: Final = "kindred.v1.json"
_OPENING: Final = frozenset({"hello", "ready", "resumed", "resync"})


class Socket:
    """`async with person.socket() as socket`: connected and signed in, then closed."""

    def __init__(self, person: "Person", *, device: str = "loadtest") -> None:
        self.talk = Talk(person.measures)
        self.session = self.epoch = ""
        self.lost_at: float | None = None
        self.signed_in = False
        self._person = person
        self._device = device
        self._wire: Wire | None = None
        self._opening: asyncio.Future[Frame] | None = None
        self._gone: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._beat: asyncio.TimerHandle | None = None
        self._beat_seconds = 0.0
        self._beat_at: float | None = None
        self._ids = itertools.count(2)
        self._names = itertools.count(1)
        self._name = 0
        self._resumable = False

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # --- coming, going, coming back

    async def connect(self) -> None:
        """Connect and sign in: a new session. Raises Trouble."""
        person = self._person
        with timed(person.measures, "connect", person.began):
            await self._open()
        with timed(person.measures, "sign_in", time.perf_counter()):
            answer = await self._ask({"type": "auth", "device": self._device})
        self._go(answer)

    async def resume(self, meant_at: float) -> bool:
        """Come back after a loss; False if the session had to begin anew. Raises Trouble."""
        with timed(self._person.measures, "resume", meant_at):
            answer = await self._again()
        if self.lost_at is not None:
            self._person.measures.time("back", time.perf_counter() - self.lost_at)
            self.lost_at = None
        self._person.measures.count("resumes" if answer.type == "resumed" else "resyncs")
        self._go(answer)
        for turn in self.talk.unanswered():
            self.send(turn.command)
        return answer.type == "resumed"

    async def _again(self) -> Frame:
        await self._open()
        where = {"session": self.session, "epoch": self.epoch, "seq": self.talk.watch.seq}
        return await self._ask({"type": "resume", "device": self._device, **where})

    def keep_session(self) -> None:
        """From now on a loss does not end what is under way: `resume` carries it on."""
        self._resumable = True

    def cut(self) -> None:
        """Lose the connection, without a word."""
        if self._wire is not None:
            self._wire.abort()

    async def lost(self) -> int:
        """Wait until the connection is lost; the code it ended with."""
        return await asyncio.shield(self._gone)

    async def close(self) -> None:
        """Leave for good."""
        self._still()
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
            self._tally(wire)
        self.talk.fail(Trouble("left"))

    # --- speaking

    def send(self, command: bytes) -> None:
        """A frame, as it is."""
        if self._wire is not None:
            self._wire.send(command)

    def ask(self, text: str, meant_at: float, room: str = "") -> Turn:
        """Say something and do not wait; the turn's futures tell what became of it."""
        number = str(next(self._ids))
        key = f"{self.session}-{number}"
        command = message_send(number, room or self._person.account.room, text, key)
        turn = self.talk.asked(number, command, meant_at)
        self.send(command)
        return turn

    async def say(self, text: str, meant_at: float, room: str = "") -> Frame:
        """Say something and hear the whole reply: its `reply.done`. Raises Trouble."""
        turn = self.ask(text, meant_at, room)
        return await whole_reply(self.talk, turn, self._person.timeout_seconds)

    # --- the connection

    async def _open(self) -> None:
        person = self._person
        self._gone = asyncio.get_running_loop().create_future()
        target = person.target()
        name = next(self._names)
        wire = Wire(
            target.url(PATH),
            self._text,
            lambda code: self._lost(name, code),
            subprotocols=[PROTOCOL],
        )
        self._opening = asyncio.get_running_loop().create_future()
        self._wire, self._name = wire, name
        await wire.open(target, person.source, person.timeout_seconds)
        hello = await self._answer("hello_timeout")
        self._beat_seconds = hello.heartbeat_ms / 1000

    async def _ask(self, command: dict[str, Any]) -> Frame:
        self._opening = asyncio.get_running_loop().create_future()
        self.send(json.encode({**command, "id": "1", "token": self._person.account.token}))
        return await self._answer("sign_in_timeout")

    async def _answer(self, otherwise: str) -> Frame:
        assert self._opening is not None
        try:
            async with asyncio.timeout(self._person.timeout_seconds):
                return await self._opening
        except TimeoutError:
            self.cut()
            raise Trouble(otherwise) from None

    def _go(self, frame: Frame) -> None:
        self.session, self.epoch = frame.session, frame.epoch
        self.signed_in = True
        self._person.connected(+1)
        self._later()

    def _text(self, data: bytes) -> None:
        try:
            frame = decode(data)
        except DecodeError:
            self._person.measures.error("unreadable_frame")
            return
        if frame.type in _OPENING:
            self._opened(frame)
        elif frame.type == "pong":
            if self._beat_at is not None:
                self._person.measures.time("pong", time.perf_counter() - self._beat_at)
        elif frame.type == "error" and not self.signed_in:
            self._settle(Trouble(frame.code or "error"))
        else:
            self.talk.take(frame)

    def _opened(self, frame: Frame) -> None:
        if frame.type in {"ready", "resync"}:
            self.talk.watch.begin(frame.seq or 0)
            if frame.type == "resync":
                self.talk.fail(Trouble("resync"))
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(frame)

    def _settle(self, trouble: Trouble) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(trouble)

    def _lost(self, name: int, code: int) -> None:
        """A connection ended. If it is not the newest, nobody misses it."""
        wire = self._wire
        if wire is None or name != self._name:
            return
        self._tally(wire)
        measures = self._person.measures
        measures.count(f"closes.{code}")
        measures.count("losses")
        self._still()
        if self.lost_at is None:
            self.lost_at = time.perf_counter()
        trouble = Trouble(f"closed_{code}")
        self._settle(trouble)
        if not self._resumable:
            self.talk.fail(trouble)
        if not self._gone.done():
            self._gone.set_result(code)

    def _tally(self, wire: Wire) -> None:
        self._person.measures.count("bytes_in", wire.bytes_in)
        self._person.measures.count("bytes_out", wire.bytes_out)
        wire.bytes_in = wire.bytes_out = 0

    # --- the heartbeat

    def _later(self) -> None:
        if self._beat_seconds > 0:
            seconds = self._beat_seconds * self._person.random.uniform(0.6, 0.95)
            self._beat = asyncio.get_running_loop().call_later(seconds, self._ping)

    def _ping(self) -> None:
        self._beat_at = time.perf_counter()
        self.send(b'{"type":"ping","seq":%d}' % self.talk.watch.seq)
        if self._wire is not None:
            self._tally(self._wire)
        self._later()

    def _still(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if self.signed_in:
            self.signed_in = False
            self._person.connected(-1)
