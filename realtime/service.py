"""The real-time side of a node, put together: bus, tails, holder, sockets, sweep, drain.

server/wiring.py makes one and hands in what lies above: who signs in, which rooms they are in.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
import structlog
from starlette.routing import BaseRoute

from config.sockets import RoomSettings, SocketSettings
from realtime import frames
from realtime.codec import encode_json
from realtime.connection import Connection
from realtime.device import Device
from realtime.holder import Holder
from realtime.logs import AccountPen, Kick, Replaced, now_ms, order_in
from realtime.tails import Tails
from realtime.transports import sse, websocket
from rooms.commands import Answer, RoomCommand
from rooms.errors import TooMany
from rooms.events import Notice, Presence, Reconnect
from rooms.ports import Authenticate, OpenRoom, Principal
from rooms.shapes import Wallet
from storage.bus.ports import Bus

logger = structlog.get_logger(__name__)
JITTER_MS = 2_000


class Realtime:
    """One per process. `start` and `drain` belong to the app's lifespan."""

    def __init__(
        self,
        *,
        node: str,
        version: str,
        settings: SocketSettings,
        rooms: RoomSettings,
        bus: Bus,
        authenticate: Authenticate,
        open_room: OpenRoom,
        fence_floor: Callable[[str], Awaitable[int]],
        rooms_of: Callable[[str], Awaitable[list[str]]],
        admit: Callable[[Principal, str], Awaitable[Any]],
        leave: Callable[[Principal, str], Awaitable[None]],
        wallet_of: Callable[[Principal], Awaitable[Wallet]],
        notices_of: Callable[[Principal], list[Notice]],
        own_origins: list[str],
        demo_model: bool,
    ) -> None:
        self.node = node
        self.settings = settings
        self.bus = bus
        self.tails = Tails(bus)
        self.tails.on_order = self._orders
        self.tails.on_account = self._account_entry
        self.holder = Holder(bus, self.tails, open_room, fence_floor, rooms.live_rooms)
        self.account_log = AccountPen(bus, self.tails)
        self.authenticate = authenticate
        self.admit = admit
        self.leave = leave
        self.wallet_of = wallet_of
        self.notices_of = notices_of
        self.demo_model = demo_model
        self.own_origins = own_origins
        self.sockets: set[Connection] = set()
        self.addresses: Counter[str] = Counter()
        self.ended: Callable[[str], None] = _nobody_listens
        self._version = version
        self._message_characters = rooms.message_characters
        self._rooms_of = rooms_of
        self._people: dict[str, set[Connection]] = {}
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect the bus and begin the sweep. Raises BusDown."""
        await self.bus.start(self.node, self.tails.deliver, self.tails.hear, self.tails.reconnected)
        begun = asyncio.Event()
        self._task = asyncio.create_task(self._live(begun), name="realtime")
        await begun.wait()

    async def _live(self, begun: asyncio.Event) -> None:
        """Owns the node's small tasks; ends with `stop`."""
        async with asyncio.TaskGroup() as tasks:
            self.tails.bind(tasks)
            begun.set()
            sweeping = tasks.create_task(self._sweep(), name="sweep")
            await self._stop.wait()
            sweeping.cancel()

    async def _sweep(self) -> None:
        """Every deadline of every socket, once a second: no timer per socket."""
        while True:
            await asyncio.sleep(1.0)
            now, unix_ms = time.monotonic(), now_ms()
            for connection in tuple(self.sockets):
                connection.sweep(now, unix_ms)

    async def drain(self, seconds: float) -> None:
        """Send everybody elsewhere, let replies finish, close in waves, disconnect."""
        notice = encode_json(Reconnect(jitter_ms=JITTER_MS, reason="server restarting"))
        for connection in tuple(self.sockets):
            if connection.device is not None:
                connection.device.hear(notice)
        await self.holder.drain(seconds)
        for i, connection in enumerate(tuple(self.sockets)):
            connection.close(frames.CLOSE_GOING_AWAY)
            if i % 200 == 199:
                await asyncio.sleep(0.05)
        self._stop.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self.bus.close()

    # --- what connections ask

    def hello(self) -> frames.Hello:
        """The greeting of a new socket."""
        settings = self.settings
        return frames.Hello(
            heartbeat_ms=settings.heartbeat_ms,
            auth_ms=int(settings.auth_seconds * 1000),
            node=self.node,
            resume_window_ms=settings.resume_window_ms,
            version=self._version,
            limits=frames.Limits(
                frame_bytes=settings.frame_bytes,
                commands_per_second=settings.commands_per_second,
                commands_burst=settings.commands_burst,
                message_characters=self._message_characters,
            ),
        )

    async def logs_of(self, who: Principal) -> list[str]:
        """The logs a person's sessions follow: their own, and their rooms'."""
        return [who.person.id, *await self._rooms_of(who.person.id)]

    def make_room_for(self, who: Principal) -> None:
        """Raises TooMany when the person has as many sockets as they may."""
        most = self.settings.sockets_per_person
        if len(self._people.get(who.person.id, ())) >= most:
            raise TooMany(f"You have {most} open connections; close one.", code="too_many_sockets")

    def entered(self, connection: Connection) -> None:
        """A socket signed in."""
        assert connection.device is not None
        person = connection.device.person
        self._people.setdefault(person, set()).add(connection)

    def left(self, connection: Connection) -> None:
        """A signed-in socket is gone."""
        assert connection.device is not None
        person = connection.device.person
        mine = self._people.get(person, set())
        mine.discard(connection)
        if not mine:
            self._people.pop(person, None)

    def replace(self, device: Device, session: str) -> None:
        """A session goes on under `device`; whoever had it is closed with 4009."""
        self.account_log.order(device.person, Replaced(session, device.owner))

    def present(self, device: Device, status: Literal["online", "away"]) -> None:
        """Tell the person's rooms how they are."""
        event = encode_json(Presence(person=device.person, status=status))
        for log in device.rooms:
            self.tails.hear(log, event)
            self.bus.whisper(log, event)

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """A room's command from a request instead of a socket."""
        return await self.holder.command(who, command, key)

    def routes(self) -> list[BaseRoute]:
        """The doors."""
        return [*websocket.routes(self), *sse.routes(self)]

    # --- what the bus brings

    def _orders(self, person: str, payload: bytes) -> None:
        """Carry out an order to nodes about this person's sockets."""
        order = order_in(payload)
        for connection in tuple(self._people.get(person, ())):
            device = connection.device
            assert device is not None
            match order:
                case Kick(sign_in=sign_in, code=code, reason=reason):
                    if sign_in in {"", device.who.sign_in}:
                        connection.close(code, reason)
                case Replaced(session=session, owner=owner):
                    if device.session == session and device.owner != owner:
                        device.stop()
                        connection.close(frames.CLOSE_REPLACED)
                case None:
                    pass
        if isinstance(order, Kick) and order.sign_in:
            self.ended(order.sign_in)

    def _account_entry(self, person: str, event: bytes) -> None:
        """A room is new to this person: their sessions here follow it from now on."""
        if not event.startswith(b'{"type":"room.updated"'):
            return
        room = msgspec.json.decode(event)["room"]["id"]
        for connection in tuple(self._people.get(person, ())):
            device = connection.device
            if device is not None and room not in device.rooms:
                self.tails.spawn(device.follow_more(room))


def _nobody_listens(*_: object) -> None:
    """Until accounts are wired."""
