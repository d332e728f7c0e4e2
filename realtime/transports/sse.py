"""Server-sent events, where sockets are blocked: a session's stream, and one reply's stream.

`GET /api/v1/events` is a session like any other, resumable by Last-Event-ID
(`session/epoch/seq`). Source: the HTML standard, section 9.2.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from realtime.codec import number_json
from realtime.doorstep import counted_as, crowded
from realtime.socket import Socket
from realtime.told import Heard, Told
from rooms.commands import MessageEdit, MessageSend, ReplyCreate, Resume
from rooms.errors import ProductError, Unauthorized, Unavailable
from rooms.ports import Principal
from storage.bus.ports import BusDown

if TYPE_CHECKING:
    from realtime.service import Realtime

HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
BEAT_SECONDS: Final = 15.0
REPLY_EVENTS_MAX: Final = 8_192
REPLY_SECONDS_MAX: Final = 900.0
READ_MAX: Final = 4_096
SEQ_DIGITS_MAX: Final = 18


def sse(data: bytes, event: str = "", event_id: str = "") -> bytes:
    """One event of a stream."""
    head = (f"event: {event}\n" if event else "") + (f"id: {event_id}\n" if event_id else "")
    return head.encode() + b"data: " + data + b"\n\n"


def problem_response(error: ProductError) -> Response:
    """A refusal before the stream began."""
    body = {
        "type": f"/docs/errors#{error.code}",
        "title": error.default_code,
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        **error.details,
    }
    return Response(
        msgspec.json.encode(body), error.http_status, media_type="application/problem+json"
    )


def routes(node: "Realtime") -> list[BaseRoute]:
    """The session stream."""

    async def events(request: Request) -> Response:
        try:
            return await _session_stream(node, request)
        except ProductError as error:
            return problem_response(error)
        except BusDown:
            return problem_response(Unavailable("The server's log does not answer."))

    return [Route("/api/v1/events", events, methods=["GET"])]


class Stream:
    """A session's stream as a `Peer` (realtime/socket.py): what waits here is bounded."""

    def __init__(self, bytes_max: int) -> None:
        self.paused = False
        self.socket: Socket | None = None
        self._bytes_max = bytes_max
        self._bytes = 0
        self._waiting: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._closed = False

    def write(self, payloads: Sequence[bytes]) -> None:
        """Hand frames over."""
        self._waiting.extend(payloads)
        self._bytes += sum(map(len, payloads))
        if self._bytes > self._bytes_max and not self.paused:
            self.paused = True
            if self.socket is not None:
                self.socket.stuck()
        self._more.set()

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - a stream cannot say why
        """End the stream once what waits has gone."""
        self._closed = True
        self._more.set()

    async def next(self, seconds: float) -> bytes | None:
        """The next frame; empty when none came in time, None at the end."""
        while not self._waiting:
            if self._closed:
                return None
            self._more.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._more.wait()
            except TimeoutError:
                return b""
        frame = self._waiting.popleft()
        self._bytes -= len(frame)
        if self.paused and self._bytes <= self._bytes_max // 4:
            self.paused = False
            if self.socket is not None:
                self.socket.writable()
        return frame


async def _session_stream(node: "Realtime", request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Sign in first.")
    who = await node.authenticate(token.strip())
    address = counted_as(request.client.host) if request.client is not None else "unknown"
    refused = crowded(node, address, signed_in=True)
    if refused is not None:
        raise refused
    stream = Stream(node.settings.transport_bytes)
    socket = stream.socket = Socket(node, stream, "json", "sse")
    node.sockets.add(socket)
    try:
        await socket.enter(who, _resume_from(request.headers.get("last-event-id", "")), "")
    except BaseException:
        socket.lost()
        raise
    return _Streaming(_frames(socket, stream), socket, node.counted(address))


class _Streaming(StreamingResponse):
    """A stream whose socket is lost whatever becomes of it, even before its first byte."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        socket: Socket,
        counted: contextlib.AbstractContextManager[None],
    ) -> None:
        super().__init__(content, media_type="text/event-stream", headers=HEADERS)
        self._socket = socket
        self._counted = counted

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._counted:
            try:
                await super().__call__(scope, receive, send)
            finally:
                self._socket.lost()


def _resume_from(last: str) -> Resume | None:
    session, _, rest = last.partition("/")
    epoch, _, number = rest.partition("/")
    if not (session and epoch and number.isdecimal() and len(number) <= SEQ_DIGITS_MAX):
        return None
    return Resume(id="", token="-", session=session, epoch=epoch, seq=int(number))  # noqa: S106


async def _frames(socket: Socket, stream: Stream) -> AsyncIterator[bytes]:
    """The stream: the greeting and each numbered frame carry the id to resume from."""
    name = f"{socket.session.session}/{socket.session.epoch}/"
    greeted = False
    while (frame := await stream.next(BEAT_SECONDS)) is not None:
        socket.heard()
        if not frame:
            await socket.keep()
            yield b": beat\n\n"
            continue
        seq = frame[7 : frame.index(b",")].decode() if frame.startswith(b'{"seq":') else ""
        if not greeted:
            greeted, seq = True, str(_greeting(frame).seq)
        yield sse(frame, event_id=name + seq if seq else "")


class _Greeting(msgspec.Struct):
    """`ready`, `resumed` or `resync`: the first frame of a stream."""

    seq: int


_greeting = msgspec.json.Decoder(_Greeting).decode


async def reply_stream(
    node: "Realtime",
    who: Principal,
    room: str,
    command: MessageSend | MessageEdit | ReplyCreate,
    key: str,
) -> Response:
    """Carry out a command and stream its reply's events until it is done.

    Leaving the stream does not stop the reply: it is charged as it is logged, and stays.
    """
    follower = _Follower(node, who.person.id, room)
    try:
        await node.tails.follow([room], follower.entry, follower.hear)
        answer = await node.holder.command(who, command, key)
        await follower.look_back(answer.reply)
    except (ProductError, BusDown) as error:
        follower.end()
        if isinstance(error, BusDown):
            return problem_response(Unavailable("The server's log does not answer."))
        return problem_response(error)
    except BaseException:
        follower.end()
        raise
    return StreamingResponse(
        follower.stream(answer.reply), media_type="text/event-stream", headers=HEADERS
    )


class _Follower:
    """One reader of one room's log, until a reply is done."""

    def __init__(self, node: "Realtime", person: str, room: str) -> None:
        self._node = node
        self._person = person
        self._room = room
        self._waiting: deque[Told] = deque()
        self._more = asyncio.Event()
        self._slow = False

    def entry(self, told: Told) -> None:
        """An entry of the room's log."""
        if told.visible(self._person):
            self._waiting.append(told)
            self._slow = len(self._waiting) > REPLY_EVENTS_MAX
            self._more.set()

    def hear(self, heard: Heard) -> None:
        """Nothing ephemeral belongs in a reply's stream."""

    def end(self) -> None:
        """Follow no more."""
        with contextlib.suppress(KeyError):
            self._node.tails.unfollow([self._room], self.entry, self.hear)

    async def look_back(self, reply: str | None) -> None:
        """A repeated command is answered by a reply that began before: show it from its start."""
        came = [told.pos for told in self._waiting]
        end = came[0] if came else 1 << 62
        earlier = [t for t in await self._node.tails.after(self._room, 0, READ_MAX) if t.pos < end]
        of_it = [told for told in earlier if _reply_of(told) == reply]
        if of_it and not any(
            _reply_of(told) == reply and _kind(told) == "reply.started" for told in self._waiting
        ):
            self._waiting.extendleft(reversed(of_it))

    async def stream(self, reply: str | None) -> AsyncIterator[bytes]:
        """The events, numbered from 1."""
        seq = 0
        deadline = self._node.now() + REPLY_SECONDS_MAX
        try:
            while not self._slow and self._node.now() < deadline:
                if not self._waiting:
                    self._more.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(BEAT_SECONDS):
                            await self._more.wait()
                    if not self._waiting:
                        yield b": beat\n\n"
                        continue
                told = self._waiting.popleft()
                kind = _kind(told)
                seq += 1
                yield sse(number_json(told.event, seq, told.at), kind)
                if kind == "reply.done" and _reply_of(told) == reply:
                    return
        finally:
            self.end()


class _Named(msgspec.Struct):
    type: str
    reply: str = ""


_named = msgspec.json.Decoder(_Named).decode


def _kind(told: Told) -> str:
    return _named(told.event).type


def _reply_of(told: Told) -> str:
    return _named(told.event).reply
