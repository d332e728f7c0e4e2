"""A person's app on `/v1/realtime`: OpenAI's Realtime events (the GA names), for text."""

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

import msgspec
from msgspec import Struct

from loadtest.clients.talk import timed
from loadtest.clients.wire import Trouble, Wire

if TYPE_CHECKING:
    from loadtest.people import Person

PATH: Final = "/v1/realtime?model="


class _Fault(Struct):
    code: str | None = None
    type: str = ""


class _Response(Struct):
    id: str = ""
    status: str = ""


class Event(Struct):
    """Any event from the server, as far as we read it."""

    type: str
    delta: str = ""
    text: str = ""
    error: _Fault | None = None
    response: _Response | None = None


_decode = msgspec.json.Decoder(Event).decode


class Realtime:
    """`async with person.realtime("mira") as realtime`: a session, greeted by the server."""

    def __init__(self, person: "Person", model: str) -> None:
        self._person = person
        self._wire = Wire(
            person.target().url(PATH + quote(model)),
            self._text,
            self._lost,
            headers={"Authorization": f"Bearer {person.account.token}"},
            subprotocols=["realtime"],
        )
        self._created: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turn: _Turn | None = None
        self._here = self._leaving = False

    async def __aenter__(self) -> Self:
        person = self._person
        target = person.target()
        with timed(person.measures, "connect", person.began):
            await self._wire.open(target, person.source, person.timeout_seconds)
        with timed(person.measures, "sign_in", time.perf_counter()):
            await self._greeted()
        self._here = True
        person.connected(+1)
        return self

    async def _greeted(self) -> None:
        try:
            async with asyncio.timeout(self._person.timeout_seconds):
                await self._created
        except TimeoutError:
            self._wire.abort()
            raise Trouble("sign_in_timeout") from None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving = True
        self._off()
        await self._wire.close()
        self._tally()

    async def say(self, text: str, meant_at: float) -> str:
        """Say something and hear the whole response; returns its words. Raises Trouble."""
        turn = self._turn = _Turn(meant_at)
        self._person.measures.count("turns")
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        self._wire.send(msgspec.json.encode({"type": "conversation.item.create", "item": item}))
        self._wire.send(b'{"type":"response.create"}')
        try:
            async with asyncio.timeout(self._person.timeout_seconds):
                return await turn.done
        except TimeoutError:
            self._gave_up(turn)
            raise Trouble("reply_timeout" if turn.acked else "ack_timeout") from None
        finally:
            self._turn = None

    def _gave_up(self, turn: "_Turn") -> None:
        """The wait counts, or the slowest would not be among the times."""
        waited = time.perf_counter() - turn.meant_at
        self._person.measures.time("reply", waited)
        if turn.last_at is None:
            self._person.measures.time("first_token", waited)
        if not turn.acked:
            self._person.measures.time("ack", waited)

    def _text(self, data: bytes) -> None:
        event, now, measures = _decode(data), time.perf_counter(), self._person.measures
        turn = self._turn
        measures.count("events")
        match event.type:
            case "session.created":
                if not self._created.done():
                    self._created.set_result(None)
            case "error":
                self._refused(event.error or _Fault())
            case "conversation.item.added" | "conversation.item.created" if turn and not turn.acked:
                turn.acked = True
                measures.time("ack", now - turn.meant_at)
            case "response.output_text.delta" if turn is not None:
                self._delta(turn, event.delta, now)
            case "response.done" if turn is not None and event.response is not None:
                self._done(turn, event.response, now)
            case _:
                pass

    def _delta(self, turn: "_Turn", words: str, now: float) -> None:
        measures = self._person.measures
        measures.count("deltas")
        if turn.last_at is None:
            measures.time("first_token", now - turn.meant_at)
        else:
            measures.time("inter_token", now - turn.last_at)
        turn.last_at = now
        turn.words.append(words)

    def _done(self, turn: "_Turn", response: _Response, now: float) -> None:
        measures = self._person.measures
        measures.count("replies")
        measures.time("reply", now - turn.meant_at)
        if response.status != "completed":
            measures.count("interrupted")
            measures.count(f"interrupted.{response.status}")
        if not turn.done.done():
            turn.done.set_result("".join(turn.words))

    def _refused(self, fault: _Fault) -> None:
        trouble = Trouble(fault.code or fault.type or "error")
        waiting = self._turn.done if self._turn is not None else self._created
        if not waiting.done():
            waiting.set_exception(trouble)
        else:
            self._person.measures.error(trouble.code)

    def _lost(self, code: int) -> None:
        if self._leaving:
            return
        measures = self._person.measures
        measures.count(f"closes.{code}")
        if self._here:
            measures.count("losses")
        self._off()
        self._refused(_Fault(code=f"closed_{code}"))

    def _off(self) -> None:
        if self._here:
            self._here = False
            self._person.connected(-1)

    def _tally(self) -> None:
        self._person.measures.count("bytes_in", self._wire.bytes_in)
        self._person.measures.count("bytes_out", self._wire.bytes_out)


class _Turn:
    """One message and the response to it."""

    def __init__(self, meant_at: float) -> None:
        self.meant_at = meant_at
        self.acked = False
        self.last_at: float | None = None
        self.words: list[str] = []
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
