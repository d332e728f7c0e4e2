"""A person's device on Socket.IO: the same commands and events, in its packets.

Engine.IO 4 straight over a WebSocket. Packets by their first digits: `0` open, `2` ping, `3`
pong, `40` connect, `42` event, `43` acknowledgement, `44` refused, `41` gone.
Source: the Socket.IO protocol, revision 5, and the Engine.IO protocol, revision 4.
"""

import asyncio
import itertools
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from msgspec import DecodeError, Raw, Struct, structs

from loadtest.clients.frames import Frame, decode
from loadtest.clients.talk import Talk, timed, whole_reply
from loadtest.clients.wire import Trouble, Wire

if TYPE_CHECKING:
    from loadtest.people import Person

PATH: Final = "/socket.io/?EIO=4&transport=websocket"
_OPENING: Final = frozenset({"ready", "resumed", "resync"})


class _Refusal(Struct):
    message: str = ""
    data: Raw = Raw()


class _Code(Struct):
    code: str = ""


class _Close(Struct):
    code: int = 0


_event = msgspec.json.Decoder(list[Raw]).decode


class SocketIO:
    """`async with person.socketio() as socket`: connected and signed in, then closed."""

    def __init__(self, person: "Person") -> None:
        self.talk = Talk(person.measures)
        self.session = self.epoch = ""
        self._person = person
        self._wire: Wire | None = None
        self._opening: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ids = itertools.count(2)
        self._here = False
        self._closed_with: int | None = None

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

    async def connect(self) -> Frame:
        """Connect and sign in: a new session. Raises Trouble."""
        person = self._person
        loop = asyncio.get_running_loop()
        self._opening, self._opened = loop.create_future(), loop.create_future()
        target = person.target()
        wire = self._wire = Wire(target.url(PATH), self._packet, self._lost)
        with timed(person.measures, "connect", person.began):
            await wire.open(target, person.source, person.timeout_seconds)
            await self._within(self._opened, "hello_timeout")
        auth = {"token": person.account.token, "device": "loadtest"}
        with timed(person.measures, "sign_in", time.perf_counter()):
            wire.send(b"40" + msgspec.json.encode(auth))
            frame: Frame = await self._within(self._opening, "sign_in_timeout")
        self.session, self.epoch = frame.session, frame.epoch
        self._here = True
        person.connected(+1)
        return frame

    async def say(self, text: str, meant_at: float, room: str = "") -> Frame:
        """Say something and hear the whole reply: its `reply.done`. Raises Trouble."""
        number = str(next(self._ids))
        turn = self.talk.asked(number, b"", meant_at)
        fields = {"room": room or self._person.account.room, "text": text, "id": number}
        body = ["message.send", {**fields, "key": f"{self.session}-{number}"}]
        if self._wire is not None:
            self._wire.send(b"42" + number.encode() + msgspec.json.encode(body))
        return await whole_reply(self.talk, turn, self._person.timeout_seconds)

    async def close(self) -> None:
        """Leave for good."""
        self._off()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.send(b"41")
            await wire.close()
            self._tally(wire)
        self.talk.fail(Trouble("left"))

    async def _within(self, future: "asyncio.Future[Any]", otherwise: str) -> Any:
        try:
            async with asyncio.timeout(self._person.timeout_seconds):
                return await future
        except TimeoutError:
            if self._wire is not None:
                self._wire.abort()
            raise Trouble(otherwise) from None

    # --- packets

    def _packet(self, data: bytes) -> None:
        try:
            self._read(data)
        except (DecodeError, IndexError, ValueError):
            self._person.measures.error("unreadable_frame")

    def _read(self, data: bytes) -> None:
        kind = data[:1]
        if kind == b"2":
            self._pong()
        elif kind == b"0":
            if not self._opened.done():
                self._opened.set_result(None)
        elif kind == b"4":
            number, rest = _number(data[2:])
            match data[1:2]:
                case b"2":
                    self._event(_event(rest))
                case b"3":
                    self._acknowledged(number, _event(rest))
                case b"4":
                    self._refused(msgspec.json.decode(rest, type=_Refusal))
                case b"1":
                    self._fail(Trouble("disconnected"))
                case _:
                    pass

    def _pong(self) -> None:
        if self._wire is not None:
            self._wire.send(b"3")
            self._tally(self._wire)

    def _event(self, said: list[Raw]) -> None:
        name = msgspec.json.decode(said[0], type=str)
        if len(said) < 2:
            return
        if name == "close":  # the last event: why the connection ends
            self._closed_with = msgspec.json.decode(said[1], type=_Close).code
            return
        frame = _frame(said[1], name)
        if name in _OPENING:
            if name != "resumed":
                self.talk.watch.begin(frame.seq or 0)
            if not self._opening.done():
                self._opening.set_result(frame)
        elif name != "hello":
            self.talk.take(frame)

    def _acknowledged(self, number: str, said: list[Raw]) -> None:
        """A command's callback: what it made, or why not."""
        frame = _frame(said[0], "ack") if said else Frame("ack")
        kind = "error" if frame.code else "ack"
        self.talk.take(structs.replace(frame, type=kind, id=number))

    def _refused(self, refusal: _Refusal) -> None:
        code = ""
        if refusal.data:
            code = msgspec.json.decode(refusal.data, type=_Code).code
        self._fail(Trouble(code or "connect_error", refusal.message))

    def _fail(self, trouble: Trouble) -> None:
        for future in (self._opened, self._opening):
            if not future.done():
                future.set_exception(trouble)
                future.exception()  # nobody has to look
        self.talk.fail(trouble)

    def _lost(self, code: int) -> None:
        if self._wire is None:  # we left
            return
        measures = self._person.measures
        code = self._closed_with or code
        measures.count(f"closes.{code}")
        if self._here:
            measures.count("losses")
        self._off()
        self._fail(Trouble(f"closed_{code}"))

    def _off(self) -> None:
        if self._here:
            self._here = False
            self._person.connected(-1)

    def _tally(self, wire: Wire) -> None:
        self._person.measures.count("bytes_in", wire.bytes_in)
        self._person.measures.count("bytes_out", wire.bytes_out)
        wire.bytes_in = wire.bytes_out = 0


def _number(rest: bytes) -> tuple[str, bytes]:
    """A packet's acknowledgement number, if it has one, and its body."""
    body = rest.lstrip(b"0123456789")
    return rest[: len(rest) - len(body)].decode(), body


def _frame(payload: Raw, name: str) -> Frame:
    """A payload as the frame that the native socket would have sent."""
    frame = decode(bytes(payload))
    return frame if frame.type else structs.replace(frame, type=name)
