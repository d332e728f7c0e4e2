"""The real-time side of a node, put together: bus, tails, holder, people, wheel, drain.

server/wiring.py makes one and hands in what lies above: who signs in, which rooms they are in.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, Final

import structlog
from starlette.routing import BaseRoute

from config.oversight import OversightSettings
from config.sockets import RoomSettings, SocketSettings
from realtime import frames
from realtime.codec import Format, encode, encode_json
from realtime.doorstep import Addresses, Resumes, Strangers
from realtime.forward import Present
from realtime.holder import Holder
from realtime.legs import Legs
from realtime.logs import AccountPen, now_ms
from realtime.orders import Kick, Left, Replaced, order_in
from realtime.presence import Attendance
from realtime.registry import Registry
from realtime.seat import Seat
from realtime.session import Rules
from realtime.tails import Tails
from realtime.tallies import SocketTally
from realtime.told import heard, place_in
from realtime.transports import socketio, sse, websocket
from realtime.watch import LOOK_AGAIN_SECONDS, Watching
from realtime.wheel import Wheel
from rooms.commands import Answer, RoomCommand
from rooms.events import Notice, Reconnect
from rooms.ports import Authenticate, OpenRoom, Principal
from rooms.shapes import Wallet
from rooms.spans import Traces
from storage.bus.ports import SESSION_SECONDS, Bus, Place

logger = structlog.get_logger(__name__)
JITTER_MS: Final = 2_000
SLOT_SECONDS: Final = 0.25
HEADS_SECONDS: Final = 2.0
WAVE: Final = 200
WAVE_SECONDS: Final = 0.05


def kept_every(settings: SocketSettings) -> tuple[float, float]:
    """After how many seconds a session is written down anew: one in use, and a silent one.

    One to which nothing happened need only be there for as long as it can be resumed.
    """
    busy = min(20.0, settings.resume_window_ms / 4000)
    spare = SESSION_SECONDS - (settings.resume_window_ms + 3 * settings.heartbeat_ms) / 1000
    return busy, max(busy, spare)


def rules_of(settings: SocketSettings) -> Rules:
    """What a socket is held to (realtime/session.py)."""
    return Rules(
        frame_bytes=settings.frame_bytes,
        commands_per_second=settings.commands_per_second,
        commands_burst=settings.commands_burst,
        auth_seconds=settings.auth_seconds,
        heartbeat_seconds=settings.heartbeat_ms / 1000,
        slow_seconds=settings.slow_seconds,
    )


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
        rooms_of: Callable[[str], Awaitable[Mapping[str, str] | None]],
        admit: Callable[[Principal, str], Awaitable[str]],
        leave: Callable[[Principal, str], Awaitable[None]],
        wallet_of: Callable[[Principal], Awaitable[Wallet]],
        notices_of: Callable[[Principal], list[Notice]],
        own_origins: list[str],
        demo_model: bool,
        oversight: OversightSettings | None = None,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        """`rooms_of` and `admit` say from where on a room's log is a person's (told.seat_place)."""
        self.node = node
        self.settings = settings
        self.rules = rules_of(settings)
        self.keep_seconds, self.touch_seconds = kept_every(settings)
        self.gap_at = float("-inf")  # when the bus was last away, and may have lost something
        self.now_ms = now_ms
        self.bus = bus
        self.tails = Tails(bus, self.spawn, self.now)
        self.tails.on_order = self._ordered
        self.registry = Registry(self.tails, self.spawn, settings.sockets_per_person)
        self.attendance = Attendance(self)
        self.registry.changed = self.attendance.came
        self.holder = Holder(
            bus, self.tails, node, open_room, fence_floor, rooms.live_rooms, self.spawn
        )
        watches = (oversight or OversightSettings()).watches_per_admin
        self.watching = Watching(self.tails, watches, self.spawn)
        self.holder.forward.present = self._present
        self.account_log = AccountPen(bus, self.tails)
        self.authenticate = authenticate
        self.admit = admit
        self.leave = leave
        self.wallet_of = wallet_of
        self.notices_of = notices_of
        self.demo_model = demo_model
        self.own_origins = own_origins
        self.legs = Legs()
        self.tally = self.tails.tally = SocketTally()
        self.traces: Traces | None = None
        self.sockets: set[Seat] = set()
        self.addresses = Addresses()
        self.strangers = Strangers(settings.unsigned_max, settings.unsigned_per_address)
        self.resumes = Resumes(settings.resumes_per_second, settings.resumes_burst)
        self.doors: list[BaseRoute] = []  # besides our own; server/wiring.py adds them
        self.speaking: set[asyncio.Task[Any]] = set()  # replies that belong to no room
        self.ended: Callable[[str], None] = _nobody_listens
        self._version = version
        self._hello: dict[Format, bytes] = {}
        self._message_characters = rooms.message_characters
        self._rooms_of = rooms_of
        self._tasks: set[asyncio.Task[None]] = set()
        self._wheel: Wheel | None = None

    async def start(self) -> None:
        """Connect the bus and set the wheel going. Raises BusDown."""
        self.holder.forward.open()
        await self.bus.start(self.node, self.tails.deliver, self.tails.hear, self._reconnected)
        self.spawn(self._turn())

    def _reconnected(self) -> None:
        self.gap_at = self.now()
        self.tails.reconnected()

    @staticmethod
    def now() -> float:
        """The loop's clock; what is due is reckoned by it."""
        return asyncio.get_running_loop().time()

    @property
    def wheel(self) -> Wheel:
        """The node's one timer."""
        if self._wheel is None:
            self._wheel = Wheel(SLOT_SECONDS, self.now())
        return self._wheel

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Do something small beside; it ends with this node at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task failed", exc_info=error)

    async def _turn(self) -> None:
        """Turn the wheel; now and then look for pushes that were lost."""
        self.wheel.add(self._look_at_heads, HEADS_SECONDS, self.now())
        self.attendance.start()
        self.wheel.add(self._look_at_watchers, LOOK_AGAIN_SECONDS, self.now())
        while True:
            await asyncio.sleep(SLOT_SECONDS)
            self.wheel.turn(self.now())

    def _look_at_heads(self, now: float) -> None:
        self.tails.prune()
        self.spawn(self.tails.check_heads())
        self.wheel.add(self._look_at_heads, HEADS_SECONDS, now)

    def _look_at_watchers(self, now: float) -> None:
        self.watching.look_again()
        self.wheel.add(self._look_at_watchers, LOOK_AGAIN_SECONDS, now)

    async def drain(self, seconds: float, leave_at_once: bool = False) -> None:
        """Send everybody elsewhere, let replies finish, close in waves, disconnect.

        `leave_at_once`: others serve already, so the sockets need not wait for the replies.
        """
        notice = heard(encode_json(Reconnect(jitter_ms=JITTER_MS, reason="server restarting")))
        self.holder.draining = True
        for actor in self.registry:
            actor.hear(notice)
        ends = [self.holder.drain(seconds, elsewhere=leave_at_once), self._let_speak(seconds)]
        if leave_at_once:
            ends.append(self._close_in_waves())
        await asyncio.gather(*ends)
        await self._close_in_waves()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.bus.close()

    async def _let_speak(self, seconds: float) -> None:
        """Replies that belong to no room are finished here: nobody else can carry them on."""
        if self.speaking:
            await asyncio.wait(self.speaking, timeout=seconds)

    async def _close_in_waves(self) -> None:
        for i, socket in enumerate(tuple(self.sockets), 1):
            socket.close(frames.CLOSE_GOING_AWAY)
            if i % WAVE == 0:
                await asyncio.sleep(WAVE_SECONDS)

    # --- what sockets ask

    def hello(self, form: Format) -> bytes:
        """The greeting of a new socket: the same for all, so encoded once."""
        kept = self._hello.get(form)
        if kept is None:
            kept = self._hello[form] = encode(self._greeting(), form)
        return kept

    def _greeting(self) -> frames.Hello:
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

    def beginning(
        self,
        who: Principal,
        wallet: Wallet,
        command_id: str,
        session: str,
        epoch: str,
        resync: str | None,
    ) -> frames.Ready | frames.Resync:
        """The first frame of a new session; `resync` says why an old one could not go on."""
        if resync is not None:
            return frames.Resync(
                id=command_id,
                session=session,
                epoch=epoch,
                seq=0,
                reason=resync,
                user=who.person,
                wallet=wallet,
            )
        return frames.Ready(
            id=command_id,
            session=session,
            epoch=epoch,
            seq=0,
            user=who.person,
            wallet=wallet,
            demo_model=self.demo_model,
            notices=self.notices_of(who),
        )

    async def logs_of(self, who: Principal) -> dict[str, Place | None]:
        """The logs a person's sessions follow, their own and their rooms', and from where on."""
        rooms = await self._rooms_of(who.person.id) or {}
        return {who.person.id: None, **{room: place_in(seat) for room, seat in rooms.items()}}

    def replaced(self, who: Principal, session: str, owner: str) -> None:
        """A session goes on under `owner`; whoever had it is closed with 4009."""
        self.account_log.order(who.person.id, Replaced(session, owner))

    async def leave_room(self, who: Principal, room: str) -> None:
        """Leave a room; all the person's sockets stop following it."""
        await self.leave(who, room)
        self.account_log.order(who.person.id, Left(room))

    @contextlib.contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """One more connection from this address while the block runs."""
        self.addresses.came(address)
        try:
            yield
        finally:
            self.addresses.left(address)

    def gone(self, socket: Seat) -> None:
        """A socket is no more."""
        self.sockets.discard(socket)
        self.strangers.left(socket)
        self.watching.gone(socket)

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """A room's command from a request instead of a socket."""
        return await self.holder.command(who, command, key)

    def _present(self, number: int, most: int) -> Present:
        """What this node holds."""
        return Present(
            id=number,
            node=self.node,
            rooms=len(self.holder.live),
            people=len(self.registry),
            sockets=len(self.sockets),
            watches=len(self.watching),
            glances=self.holder.glances(most),
        )

    async def roll(self, most: int) -> dict[str, Present | None]:
        """What every living node holds; None where one does not answer. Raises BusDown."""
        others = [node for node in await self.bus.living() if node != self.node]
        came = await asyncio.gather(*(self.holder.forward.call(node, most) for node in others))
        return {self.node: self._present(0, most), **dict(zip(others, came, strict=True))}

    def routes(self) -> list[BaseRoute]:
        """The doors."""
        own = (websocket.routes(self), sse.routes(self), socketio.routes(self))
        return [*(route for group in own for route in group), *self.doors]

    # --- what the bus brings

    def _ordered(self, name: str, payload: bytes) -> None:
        """An order to nodes: about this person's sockets, or a command for a room held here."""
        if name.startswith("n_"):
            self.holder.forward.receive(payload)
            return
        order = order_in(payload)
        if order is None:
            return
        actor = self.registry.find(name)
        if actor is not None:
            actor.order(order)
        if isinstance(order, Kick) and order.sign_in:
            self.ended(order.sign_in)


def _nobody_listens(*_: object) -> None:
    """Until accounts are wired."""
