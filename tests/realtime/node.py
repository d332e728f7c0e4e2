"""A node with nothing above it but a room that says words: for tests of what crosses a socket."""

import asyncio
import contextlib
import itertools
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette

from config.sockets import RoomSettings, SocketSettings
from realtime.service import Realtime
from realtime.transports.doorway import Doorway
from realtime.transports.uvicorn_socket import EXTENSION, SocketProtocol
from realtime.transports.websocket import SocketDoor
from rooms.commands import Answer, MessageSend, ReplyCancel, RoomCommand, TypingSet
from rooms.errors import NotFound, Unauthorized
from rooms.events import MessageCreated, Notice, ReplyDelta, ReplyDone, ReplyStarted, Typing
from rooms.oversight import Glance
from rooms.ports import LogStale, LogStalled, Metered, Principal, RoomLog, Telling
from rooms.shapes import Message, Person, Sender, TextPart, Wallet
from storage.bus.ports import Bus

_numbers = itertools.count(1)


def principal(person: str, sign_in: str = "") -> Principal:
    name = person.removeprefix("u_")
    who = Person(
        id=person,
        username=name,
        display_name=name,
        role="member",
        plan="free",
        language="en",
        timezone="UTC",
        country="FR",
    )
    return Principal(person=who, sign_in=sign_in or f"si_{person}")


class World:
    """What all nodes share besides the bus: who is in which room, and how rooms talk."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = defaultdict(set)  # room -> people
        self.words = 40
        self.word = "wörd "
        self.gap_seconds = 0.002
        self.answers: dict[str, Answer] = {}
        self.carried: list[tuple[str, str]] = []  # (node, key) of every command done
        self.expires: dict[str, int] = {}

    async def rooms_of(self, person: str) -> dict[str, str]:
        return {room: "" for room, people in self.members.items() if person in people}

    async def authenticate(self, token: str) -> Principal:
        """`u_ann` or `u_ann/another-sign-in`; anything else is nobody."""
        person, _, sign_in = token.partition("/")
        if not person.startswith("u_"):
            raise Unauthorized("Who is that?", code="token_invalid")
        who = principal(person, sign_in)
        if token in self.expires:
            return Principal(
                person=who.person, sign_in=who.sign_in, expires_at_ms=self.expires[token]
            )
        return who


class TalkingRoom:
    """See rooms/ports.py `LiveRoom`: every message is answered with words."""

    def __init__(self, room: str, log: RoomLog, world: World, node: str) -> None:
        self._room, self._log, self._world, self._node = room, log, world, node
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def idle(self) -> bool:
        return self._task is None

    def glance(self) -> Glance:
        return Glance(room=self._room)

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        world = self._world
        if who.person.id not in world.members[self._room]:
            raise NotFound("There is no such room.", code="room_not_found")
        if isinstance(command, TypingSet):
            self._log.mention(Typing(room=self._room, person=who.person.id, on=command.on))
            return Answer()
        if isinstance(command, ReplyCancel):
            if self._task is not None:
                self._task.cancel()
            return Answer(reply=command.reply)
        assert isinstance(command, MessageSend)
        if key in world.answers:
            return world.answers[key]
        number = next(_numbers)
        message, reply = f"m_{number}", f"m_{number}r"
        shown = Message(
            id=message,
            room=self._room,
            n=number,
            sender=Sender(kind="person", id=who.person.id, name="x"),
            parts=[TextPart(text=command.text)],
            at=0,
        )
        await self._log.append([Telling(MessageCreated(room=self._room, message=shown))])
        world.carried.append((self._node, key))
        answer = world.answers[key] = Answer(message=message, reply=reply)
        self._task = asyncio.create_task(self._talk(who, reply))
        return answer

    async def _talk(self, who: Principal, reply: str) -> None:
        text, world = "", self._world
        begun = ReplyStarted(room=self._room, reply=reply, companion="c", ceiling_microcredits=9)
        try:
            metered = Metered(reply, who.person.id, "h", 0, 0)
            await self._log.append([Telling(begun, metered=metered)])
            for i in range(world.words):
                word = f"{i}{world.word}"
                delta = ReplyDelta(room=self._room, reply=reply, offset=len(text), text=word)
                while True:
                    with contextlib.suppress(LogStalled):
                        await self._log.append([Telling(delta)])
                        break
                text += word
                await _next_word(world.gap_seconds)
            await self._done(reply, text, "completed")
        except asyncio.CancelledError:
            await self._done(reply, text, "interrupted")
        except LogStale:
            pass
        finally:
            self._task = None

    async def _done(self, reply: str, text: str, status: str) -> None:
        done = ReplyDone(
            room=self._room, reply=reply, status=status, text=text, cost_microcredits=1
        )  # type: ignore[arg-type]
        await self._log.append([Telling(done)])

    async def close(self, *, interrupt: bool) -> None:
        if self._task is not None:
            if interrupt:
                self._task.cancel()
            await asyncio.wait([self._task])

    async def leave(self, *, interrupt: bool) -> None:
        """There are no calls here."""
        await self.close(interrupt=interrupt)

    async def hand_over(self) -> None:
        """Likewise."""


def _next_word(seconds: float) -> asyncio.Future[None]:
    """Words come at the pace of a model."""
    loop = asyncio.get_running_loop()
    word: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, lambda: word.done() or word.set_result(None))
    return word


class Node:
    """A running node; `url` is its socket."""

    def __init__(
        self, realtime: Realtime, port: int, server: uvicorn.Server, app: Starlette
    ) -> None:
        self.realtime, self.port, self.server, self.app = realtime, port, server, app
        self.url = f"ws://127.0.0.1:{port}/v1/socket"


def realtime_on(bus: Bus, world: World, name: str, **settings: float) -> Realtime:
    """The real-time side of a node over a bus."""

    async def open_room(room: str, log: RoomLog) -> TalkingRoom:
        if room not in world.members:
            raise NotFound("There is no such room.", code="room_not_found")
        return TalkingRoom(room, log, world, name)

    async def floor(_: str) -> int:
        return 0

    async def admit(who: Principal, room: str) -> str:
        world.members[room].add(who.person.id)
        return ""

    async def leave(who: Principal, room: str) -> None:
        world.members[room].discard(who.person.id)

    async def wallet(_: Principal) -> Wallet:
        return Wallet(available_microcredits=7, held_microcredits=0, lots=[])

    return Realtime(
        node=name,
        version="test",
        settings=SocketSettings(**settings),  # type: ignore[arg-type]
        rooms=RoomSettings(),
        bus=bus,
        authenticate=world.authenticate,
        open_room=open_room,
        fence_floor=floor,
        rooms_of=world.rooms_of,
        admit=admit,
        leave=leave,
        wallet_of=wallet,
        notices_of=lambda _: [Notice(kind="disclosure", text="AI")],
        own_origins=["https://app.example"],
        demo_model=False,
    )


def _without_a_way_past(app: Starlette) -> Any:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        scope.get("extensions", {}).pop(EXTENSION, None)
        await app(scope, receive, send)

    return plain


class Straight(Starlette):
    """An application with a door of its own, like server/app.py `Application`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.doors: dict[str, SocketDoor] = {}

    def door(self, path: str) -> SocketDoor | None:
        return self.doors.get(path)


@contextlib.asynccontextmanager
async def running(
    bus: Bus,
    world: World,
    name: str = "gw-1",
    *,
    fast: bool = True,
    guarded: bool = False,
    straight: bool = False,
    **settings: float,
) -> AsyncIterator[Node]:
    """A node served by uvicorn: frames past ASGI, or (not `fast`) through it.

    Through it means another server's protocol, unless `guarded`: ours, as other doors use it.
    `straight`: ours, with handshakes past ASGI too, as a gateway has it.
    """
    realtime = realtime_on(bus, world, name, **settings)
    await realtime.start()
    app = Straight(routes=realtime.routes())
    if straight:
        app.doors["/v1/socket"] = SocketDoor(realtime)
        guarded = True
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app if fast else _without_a_way_past(app),
        http=Doorway if guarded else "httptools",
        ws=SocketProtocol if fast or guarded else "websockets-sansio",
        lifespan="off",
        log_config=None,
        proxy_headers=False,  # as the gateway has it while no proxy is trusted
        ws_max_size=int(settings.get("frame_bytes", 2**18)),
        ws_ping_interval=None,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield Node(realtime, listening.getsockname()[1], server, app)
    finally:
        await realtime.drain(1.0)
        server.should_exit = True
        await asyncio.wait([serving], timeout=10)
