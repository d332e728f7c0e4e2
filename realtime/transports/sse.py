"""Server-sent events, where sockets are blocked: a session's stream, and one reply's stream.

`GET /api/v1/events` is a session like any other, resumable by Last-Event-ID
(`session/epoch/seq`). Source: the HTML standard, section 9.2.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from realtime import frames
from realtime.codec import encode_json, numbered
from realtime.device import Device, NotResumable
from realtime.outbox import Waiting
from rooms.commands import MessageEdit, MessageSend, ReplyCreate
from rooms.errors import ProductError, Unauthorized, Unavailable
from rooms.ports import Principal
from storage.bus.ports import BusDown, Wanted

if TYPE_CHECKING:
    from realtime.service import Realtime

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
QUEUE_MAX = 256
BEAT_SECONDS = 15.0


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


async def _session_stream(node: "Realtime", request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Sign in first.")
    who = await node.authenticate(token.strip())
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MAX)

    async def send(frame: bytes) -> None:
        await queue.put(frame)

    def close(code: int, reason: str) -> None:  # noqa: ARG001 - the shape of a closer
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    device = Device(who, node.bus, node.tails, "json", node.settings.outbox_bytes, send, close)
    first, replay = await _begin(node, device, request.headers.get("last-event-id", ""))
    return StreamingResponse(
        _frames(device, first, replay, queue), media_type="text/event-stream", headers=HEADERS
    )


async def _begin(node: "Realtime", device: Device, last: str) -> tuple[bytes, list[Waiting]]:
    who = device.who
    logs = await node.logs_of(who)
    session, _, rest = last.partition("/")
    epoch, _, number = rest.partition("/")
    if session and epoch and number.isdigit():
        node.replace(device, session)
        try:
            replay = await device.resume(session, epoch, int(number), logs)
        except NotResumable as error:
            device.end()
            await device.begin(logs)
            resync = frames.Resync(
                id="", session=device.session, epoch=device.epoch, seq=0, reason=error.reason
            )
            return encode_json(resync), []
        resumed = frames.Resumed(
            id="", session=session, epoch=epoch, seq=int(number), replayed=len(replay)
        )
        return encode_json(resumed), replay
    wallet = await node.wallet_of(who)
    await device.begin(logs)
    ready = frames.Ready(
        id="",
        session=device.session,
        epoch=device.epoch,
        seq=0,
        user=who.person,
        wallet=wallet,
        demo_model=node.demo_model,
        notices=node.notices_of(who),
    )
    return encode_json(ready), []


async def _frames(
    device: Device,
    first: bytes,
    replay: list[Waiting],
    queue: "asyncio.Queue[bytes | None]",
) -> AsyncIterator[bytes]:
    """The stream: each numbered frame carries the id to resume from."""
    running = asyncio.create_task(device.run(replay))
    try:
        yield sse(first)
        while True:
            try:
                frame = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
            except TimeoutError:
                await device.touch()
                yield b": beat\n\n"
                continue
            if frame is None:
                return
            seq = msgspec.json.decode(frame).get("seq")
            name = f"{device.session}/{device.epoch}/{seq}" if seq is not None else ""
            yield sse(frame, event_id=name)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        device.end()


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
    queue: asyncio.Queue[Wanted] = asyncio.Queue(QUEUE_MAX * 16)

    def sink(log: str, generation: str, pos: int, wanted: Wanted) -> None:  # noqa: ARG001
        if wanted.to in {"", who.person.id} and not queue.full():
            queue.put_nowait(wanted)

    def hear(payload: bytes) -> None: ...

    try:
        await node.tails.follow([room], sink, hear)
        answer = await node.holder.command(who, command, key)
    except (ProductError, BusDown) as error:
        node.tails.unfollow([room], sink, hear)
        if isinstance(error, BusDown):
            return problem_response(Unavailable("The server's log does not answer."))
        return problem_response(error)

    async def stream() -> AsyncIterator[bytes]:
        try:
            seq = 0
            while True:
                wanted = await queue.get()
                event: dict[str, Any] = msgspec.json.decode(wanted.event)
                seq += 1
                yield sse(numbered(wanted.event, seq, wanted.at, "json"), event["type"])
                if event["type"] == "reply.done" and event["reply"] == answer.reply:
                    return
        finally:
            node.tails.unfollow([room], sink, hear)

    return StreamingResponse(stream(), media_type="text/event-stream", headers=HEADERS)
