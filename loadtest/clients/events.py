"""A person's device behind a proxy that blocks sockets: events by SSE, commands by POST."""

import asyncio
import itertools
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from loadtest.clients.frames import Frame, decode
from loadtest.clients.http import Answer, Http
from loadtest.clients.talk import Talk, timed, whole_reply
from loadtest.clients.wire import Trouble

if TYPE_CHECKING:
    from loadtest.people import Person

PATH: Final = "/api/v1/events"


class _Problem(msgspec.Struct):
    code: str = ""


class EventStream:
    """`async with person.events() as events`: a session's stream, and a connection to POST on."""

    def __init__(self, person: "Person") -> None:
        self.talk = Talk(person.measures)
        self.session = self.epoch = ""
        self._person = person
        self._events = Http()
        self._posts = Http()
        self._ready: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._unread = b""
        self._signed_in = False
        self._ids = itertools.count(2)
        self._bearer = {"authorization": f"Bearer {person.account.token}"}

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def connect(self) -> None:
        """Open the stream: a new session. Raises Trouble."""
        person = self._person
        with timed(person.measures, "connect", person.began):
            await self._events.open(person.target(), person.source, person.timeout_seconds)
        with timed(person.measures, "sign_in", time.perf_counter()):
            await self._open()
            await self._begun()

    async def say(self, text: str, meant_at: float, room: str = "") -> Frame:
        """Say something and hear the whole reply: its `reply.done`. Raises Trouble."""
        number = str(next(self._ids))
        turn = self.talk.asked(number, b"", meant_at)
        try:
            answer = await self._post(room or self._person.account.room, text, number)
            self.talk.take(self._as_frame(answer, number))
        except Trouble as trouble:
            if trouble.code.endswith("_timeout"):
                self.talk.gave_up(turn)
            self.talk.forget(turn)
            raise
        return await whole_reply(self.talk, turn, self._person.timeout_seconds)

    def close(self) -> None:
        """Leave for good."""
        self._signed_off()
        self._events.close()
        self._posts.close()
        self._tally()
        self.talk.fail(Trouble("left"))

    async def _open(self) -> None:
        wanted = {**self._bearer, "accept": "text/event-stream"}
        answer = await self._events.stream(
            PATH, wanted, self._data, self._ended, self._person.timeout_seconds
        )
        if answer.status != 200:
            raise Trouble(_code(answer))

    async def _begun(self) -> Frame:
        try:
            async with asyncio.timeout(self._person.timeout_seconds):
                frame = await self._ready
        except TimeoutError:
            raise Trouble("sign_in_timeout") from None
        self.session, self.epoch = frame.session, frame.epoch
        self._signed_in = True
        self._person.connected(+1)
        return frame

    async def _post(self, room: str, text: str, number: str) -> Answer:
        person = self._person
        if not self._posts.alive:
            self._tally()
            self._posts = Http()
            await self._posts.open(person.target(), person.source, person.timeout_seconds)
        return await self._posts.request(
            "POST",
            f"/api/v1/rooms/{room}/messages",
            {
                **self._bearer,
                "content-type": "application/json",
                "idempotency-key": f"{self.session}-{number}",
            },
            msgspec.json.encode({"text": text}),
            person.timeout_seconds,
        )

    def _as_frame(self, answer: Answer, number: str) -> Frame:
        """An HTTP answer as the frame that a socket would have got."""
        if answer.status >= 300:
            return Frame("error", id=number, code=_code(answer))
        said: dict[str, Any] = msgspec.json.decode(answer.body)
        return Frame("ack", id=number, reply=said.get("reply"))

    def _data(self, data: bytes) -> None:
        *blocks, self._unread = (self._unread + data).split(b"\n\n")
        for block in blocks:
            for line in block.split(b"\n"):
                if line.startswith(b"data: "):
                    self._frame(decode(line[6:]))

    def _frame(self, frame: Frame) -> None:
        if frame.type == "ready":
            self.talk.watch.begin(frame.seq or 0)
            if not self._ready.done():
                self._ready.set_result(frame)
            return
        self.talk.take(frame)

    def _ended(self) -> None:
        self._person.measures.count("losses")
        self._signed_off()
        if not self._ready.done():
            self._ready.set_exception(Trouble("closed"))
        self.talk.fail(Trouble("closed"))

    def _signed_off(self) -> None:
        if self._signed_in:
            self._signed_in = False
            self._person.connected(-1)

    def _tally(self) -> None:
        for one in (self._events, self._posts):
            self._person.measures.count("bytes_in", one.bytes_in)
            self._person.measures.count("bytes_out", one.bytes_out)
            one.bytes_in = one.bytes_out = 0


def _code(answer: Answer) -> str:
    """What went wrong, as the server names it."""
    try:
        return msgspec.json.decode(answer.body, type=_Problem).code or f"http_{answer.status}"
    except msgspec.MsgspecError:
        return f"http_{answer.status}"
