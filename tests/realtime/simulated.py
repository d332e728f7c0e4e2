"""People, nodes and a bus under a virtual clock, driven by one seed: parts of test_simulation.py.

Everything of ours is real but the transport and the store; what a device may see is checked with
every frame, what all must have seen at the end.
"""

import asyncio
import itertools
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from config.sockets import RoomSettings, SocketSettings
from realtime.service import Realtime
from rooms.commands import Answer, MessageSend, RoomCommand
from rooms.errors import NotFound, Unavailable
from rooms.events import MessageCreated, ReplyDelta, ReplyDone, ReplyStarted
from rooms.oversight import Glance
from rooms.ports import LiveRoom, LogStale, LogStalled, Metered, Principal, RoomLog, Telling
from rooms.shapes import Message, Sender, TextPart, Wallet
from rooms.stopping import finish
from storage.bus.memory import MemoryBus, Store
from tests.realtime.node import principal

if TYPE_CHECKING:
    from tests.realtime.simulated_device import Device

PACE_SECONDS = 0.05
WORDS_MAX = 30


class World:
    """What the database would be: who is where, what was answered and charged; and the faults."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = Store(log_entries=100_000)
        self.members = {"r_one": ["u_ann", "u_bob"], "r_two": ["u_ann"], "r_three": ["u_cat"]}
        self.answers: dict[str, Answer] = {}
        self.charged: Counter[str] = Counter()
        self.fences: dict[str, int] = {}
        self.numbers = itertools.count(1)
        self.names = itertools.count(1)
        self.nodes: list[Node] = []
        self.devices: list[Device] = []

    def pause(self, seconds: float) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        loop.call_later(seconds, lambda: over.done() or over.set_result(None))
        return over

    def logged(self, room: str) -> list[dict[str, Any]]:
        """The truth: every event of a room in order."""
        log = self.store.logs.get(room)
        return [msgspec.json.decode(entry.event) for entry in log.entries] if log else []

    def durable(self, room: str) -> list[tuple[str, str]]:
        """The same, without the words."""
        found = []
        for event in self.logged(room):
            match event["type"]:
                case "message.created":
                    found.append(("created", event["message"]["id"]))
                case "reply.started":
                    found.append(("started", event["reply"]))
                case "reply.done":
                    found.append(("done", event["reply"]))
        return found


class SimRoom:
    """Answers with words; a message during a reply interrupts it. Ends what a dead one left."""

    def __init__(self, room: str, log: RoomLog, world: World) -> None:
        self._room, self._log, self._world = room, log, world
        self._task: asyncio.Task[None] | None = None
        self._order = asyncio.Lock()
        self._dead = False

    @property
    def idle(self) -> bool:
        return self._task is None and not self._order.locked()

    def glance(self) -> Glance:
        return Glance(room=self._room)

    async def end_what_was_left(self) -> None:
        for left in await self._log.unfinished():
            await self._end(left.metered.reply, left.text, "interrupted")

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        if who.person.id not in self._world.members[self._room]:
            raise NotFound("There is no such room.", code="room_not_found")
        assert isinstance(command, MessageSend)
        async with self._order:
            if key in self._world.answers:
                return self._world.answers[key]
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
            return await self._answer(who, command, key)

    async def _answer(self, who: Principal, command: MessageSend, key: str) -> Answer:
        number = next(self._world.numbers)
        answer = Answer(message=f"m_{number}", reply=f"m_{number}r")
        assert answer.message is not None
        assert answer.reply is not None
        created = MessageCreated(
            room=self._room,
            message=Message(
                id=answer.message,
                room=self._room,
                n=number,
                sender=Sender(kind="person", id=who.person.id, name=""),
                parts=[TextPart(text=command.text)],
                at=0,
            ),
        )
        started = ReplyStarted(
            room=self._room, reply=answer.reply, companion="c", ceiling_microcredits=99
        )
        metered = Metered(answer.reply, who.person.id, "h", 0, 0)
        await self._log.append([Telling(created), Telling(started, metered=metered)])
        self._world.answers[key] = answer
        self._task = asyncio.create_task(self._talk(answer.reply, who.person.id))
        await asyncio.sleep(0)  # it has begun: cancelling it now is an end, and no nothing
        return answer

    async def _talk(self, reply: str, person: str) -> None:
        try:
            text, status = await self._say_it(reply, person)
            if not self._dead:
                await finish(self._end(reply, text, status))
        except LogStale:
            pass
        finally:
            self._task = None

    async def _say_it(self, reply: str, person: str) -> tuple[str, str]:
        text = ""
        try:
            for i in range(self._world.random.randint(1, WORDS_MAX)):
                await self._world.pause(PACE_SECONDS * self._world.random.random())
                word = f"{i}ö "
                metered = Metered(reply, person, "h", len(text) + len(word), i + 1)
                delta = ReplyDelta(room=self._room, reply=reply, offset=len(text), text=word)
                await self._log.append([Telling(delta, metered=metered)])
                text += word
        except (asyncio.CancelledError, LogStalled):
            return text, "interrupted"
        return text, "completed"

    async def _end(self, reply: str, text: str, status: str) -> None:
        words = text.count(" ")
        done = ReplyDone(
            room=self._room,
            reply=reply,
            status=status,  # type: ignore[arg-type]
            text=text,
            cost_microcredits=words,
        )
        while not self._dead:
            try:
                await self._log.append([Telling(done)])
            except LogStalled:
                await self._world.pause(0.2)
                continue
            except LogStale:
                return
            self._world.charged[reply] += words
            return

    def die(self) -> None:
        """Its process is gone: it does nothing more, not even an ending."""
        self._dead = True
        if self._task is not None:
            self._task.cancel()

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


class Node:
    """One real node; `kill` ends it as a process ends."""

    def __init__(self, world: World) -> None:
        self.world, self.name = world, f"gw-{next(world.names)}"
        self.bus = MemoryBus(world.store)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.rooms: list[SimRoom] = []
        self.realtime = Realtime(
            node=self.name, version="sim",
            settings=SocketSettings(commands_per_second=1000, commands_burst=1000),
            rooms=RoomSettings(), bus=self.bus, authenticate=self._authenticate,
            open_room=self._open, fence_floor=self._floor, rooms_of=self._rooms_of,
            admit=self._admit, leave=self._nothing, wallet_of=self._wallet,
            notices_of=lambda _: [], own_origins=[], demo_model=False,
        )  # fmt: skip

    async def start(self) -> "Node":
        await self.realtime.start()
        return self

    async def _authenticate(self, token: str) -> Principal:
        return principal(token)

    async def _open(self, room: str, log: RoomLog) -> LiveRoom:
        if room not in self.world.members:
            raise NotFound("There is no such room.", code="room_not_found")
        self.world.fences[room] = max(self.world.fences.get(room, 0), log.fence)
        made = SimRoom(room, log, self.world)
        try:
            await made.end_what_was_left()
        except LogStalled as error:
            raise Unavailable("The log does not answer.") from error
        self.rooms.append(made)
        return made

    async def _floor(self, room: str) -> int:
        return self.world.fences.get(room, 0)

    async def _rooms_of(self, person: str) -> dict[str, str]:
        return {room: "" for room, people in self.world.members.items() if person in people}

    async def _admit(self, who: Principal, room: str) -> str:
        return ""

    async def _nothing(self, *_: object) -> None: ...

    async def _wallet(self, _: Principal) -> Wallet:
        return Wallet(available_microcredits=7, held_microcredits=0, lots=[])

    async def kill(self) -> None:
        """Everything of this process is gone at once; nobody is told."""
        self.world.nodes.remove(self)
        self.world.store.nodes.pop(self.name, None)
        nowhere = Store()
        nowhere.up = False
        self.bus._store = nowhere
        for room in self.rooms:
            room.die()
        for device in self.world.devices:
            if device.node is self:
                device.lose()
        for task in tuple(self.realtime._tasks):
            task.cancel()
        await asyncio.gather(*self.realtime._tasks, return_exceptions=True)
