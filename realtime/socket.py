"""One socket: carries out what its session orders, in order, by a task only while there is work.

What the peer sends goes through realtime/session.py (rules), what it is sent through
realtime/sending.py (numbers).
"""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import structlog
from structlog.contextvars import bind_contextvars

from realtime import frames
from realtime.actor import Actor
from realtime.codec import Format
from realtime.delivery import TURNS, traced
from realtime.numbering import Numbering
from realtime.resuming import NotResumable, missed
from realtime.sending import Identity, Peer, Sender
from realtime.session import (
    Acknowledged,
    Carry,
    Close,
    Order,
    Refresh,
    Say,
    Session,
    SignIn,
    not_signed_in,
    refusal,
)
from realtime.told import Heard, Told, place_in
from rooms.commands import (
    Answer,
    Auth,
    CallStart,
    PresenceSet,
    Resume,
    RoomCommand,
    RoomJoin,
    RoomLeave,
    WatchStart,
    WatchStop,
)
from rooms.errors import Forbidden, ProductError, TooMany, Unauthorized, Unavailable
from rooms.ports import Principal
from storage.bus.ports import BusDown, Place
from storage.database import DATABASE_AWAY
from storage.ids import new_id

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
ORDERS_MAX: Final = 128
STREAM: Final = 1  # of the one call a socket may carry
Transport = Literal["websocket", "sse", "socketio"]


class Socket:
    """Feed it with `opened`, `received`, `writable`, `lost`; see transports/."""

    __slots__ = (
        "_actor",
        "_carrying",
        "_due_at",
        "_node",
        "_todo",
        "out",
        "session",
        "transport",
        "who",
    )

    def __init__(
        self, node: "Realtime", peer: Peer, form: Format, transport: Transport = "websocket"
    ) -> None:
        self.transport: Transport = transport
        self.session = Session(form, node.rules, node.now())
        self.who: Principal | None = None
        self._node = node
        self.out = Sender(node, peer, form, self.close)
        self._actor: Actor | None = None
        self._todo: deque[SignIn | Refresh | Carry] | None = None
        self._carrying = False
        self._due_at: float | None = None  # when the wheel looks next

    @property
    def waiting(self) -> int:
        """How many entries wait to go out."""
        return self.out.waiting

    @property
    def sign_in(self) -> str:
        """Under which sign-in it was opened."""
        return self.who.sign_in if self.who is not None else ""

    # --- what the transport tells

    def opened(self) -> None:
        """Greet, and keep an eye on it from now on."""
        self._node.tally.opened[self.transport] += 1
        self.out.greet()
        self._look_again()

    def received(self, data: bytes) -> None:
        """A frame in the connection's own format."""
        self._node.tally.frames_in += 1
        self._obey(self.session.receive(data, self._node.now()))

    def received_binary(self, data: bytes) -> None:  # noqa: ARG002 - only calls have sound
        """A binary frame on a text connection."""
        self._obey(self.session.receive_binary(self._node.now()))

    def heard(self) -> None:
        """The transport shows that the peer lives (an event stream has no heartbeat)."""
        self.session.heard(self._node.now())

    def stuck(self) -> None:
        """The transport takes no more."""
        if self.out.stuck(self._node.now()):
            self._look_again()

    def writable(self) -> None:
        """The transport takes more."""
        self.out.stuck_at = None
        self.out.flush()

    def lost(self) -> None:
        """The socket is gone. Its session can be resumed for a while."""
        self.session.closed()
        self.out.lost()
        self._node.gone(self)
        if self._actor is not None:
            self._node.registry.left(self._actor, self)
            self._node.attendance.gone(self._actor, self)

    def close(self, code: int, reason: str = "") -> None:
        """Close, as the one at fault or as the one who goes."""
        if self.session.state != "closed":
            self._node.tally.closed[code] += 1
        self.session.closed()
        self.out.end(code, reason)

    def _look_again(self) -> None:
        """Have the wheel look at the deadlines, unless it does so sooner anyway."""
        now, wheel = self._node.now(), self._node.wheel
        wait = self.session.next_tick(now, self._node.now_ms(), self.out.stuck_at)
        wait = min(wait, wheel.longest_seconds)
        if self._due_at is None or now + wait < self._due_at:
            self._due_at = now + wait
            wheel.add(self._look, wait, now)

    def _look(self, now: float) -> None:
        """The wheel came round."""
        if self._due_at is None or now < self._due_at:
            return  # superseded by an earlier look
        self._due_at = None
        self._obey(self.session.tick(now, self._node.now_ms(), self.out.stuck_at))
        if self.session.state != "closed":
            self._look_again()

    # --- what the session orders

    def _obey(self, orders: Sequence[Order]) -> None:
        for order in orders:
            match order:
                case Say(frame=frame):
                    self.out.say(frame)
                case Acknowledged(seq=seq):
                    self.out.acknowledged(seq)
                case Close(code=code):
                    self.close(code)
                case _:
                    self._do_later(order)

    def _do_later(self, order: SignIn | Refresh | Carry) -> None:
        todo = self._todo
        if todo is None:
            todo = self._todo = deque()
        if len(todo) >= ORDERS_MAX:
            busy = TooMany("Too much is under way on this socket.", retry_after_ms=500)
            self._obey([refusal(order.command.id, busy)])
            return
        todo.append(order)
        if not self._carrying:
            self._carrying = True
            self._node.spawn(self._carry_all())

    async def _carry_all(self) -> None:
        """Commands in their order. What was accepted is carried out even if the socket dies."""
        while self._todo:
            order = self._todo.popleft()
            bind_contextvars(session=self.session.session)
            try:
                await self._carry(order)
            except ProductError as error:
                self._refuse(order, error)
            except BusDown:
                away = Unavailable("The server's log does not answer.", retry_after_ms=1000)
                self._refuse(order, away)
            except DATABASE_AWAY as error:
                logger.warning("the database is away", kind=type(error).__name__)
                away = Unavailable("The database does not answer.", retry_after_ms=1000)
                self._refuse(order, away)
            except Exception:
                logger.exception("a command failed", kind=type(order.command).__name__)
                self._refuse(order, ProductError("Something went wrong on our side."))
        self._todo = None
        self._carrying = False

    def _refuse(self, order: SignIn | Refresh | Carry, error: ProductError) -> None:
        if isinstance(order, SignIn):
            self._node.tally.sign_ins["refused"] += 1
            self.session.not_signed_in()
        if self.session.state != "closed":
            self._obey([refusal(order.command.id, error)])

    async def _carry(self, order: SignIn | Refresh | Carry) -> None:
        match order:
            case SignIn(command=command):
                await self._sign_in(command)
            case Refresh(command=refresh):
                who = await self._principal(refresh.token)
                if self.who is None:
                    raise not_signed_in()
                if who.person.id != self.who.person.id:
                    raise Forbidden("This token belongs to somebody else.")
                self.who = who
                self.session.refreshed(who.expires_at_ms)
                self._look_again()
                self._ack(refresh.id, Answer())
            case Carry(command=asked):
                if self.who is None or self._actor is None:
                    raise not_signed_in()
                answer = await self._do(self.who, self._actor, order)
                self._ack(asked.id, answer)

    async def _do(self, who: Principal, actor: Actor, order: Carry) -> Answer:
        command = order.command
        match command:
            case RoomJoin(room=room):
                since = await self._node.admit(who, room)
                await actor.join(room, place_in(since))
            case RoomLeave(room=room):
                await self._node.leave_room(who, room)
            case PresenceSet(status=status):
                self._node.attendance.says(actor, self, status)
            case WatchStart() | WatchStop():
                await self._node.watching.carry(self, who, command)
            case _:
                if not {"chat", "*"} & who.scopes:
                    raise Forbidden("This API key lacks the scope 'chat'.", code="missing_scope")
                if isinstance(command, CallStart):
                    return await self._call(who, command)
                return await self._ask(who, command)
        return Answer()

    async def _call(self, who: Principal, command: CallStart) -> Answer:  # noqa: ARG002
        """A call over this very connection; realtime/socket_call.py can."""
        raise Forbidden("This connection cannot carry sound.", code="no_sound_here")

    async def _ask(self, who: Principal, command: RoomCommand) -> Answer:
        """To the room; a turn's trace begins here, and ends when its last byte has left."""
        work = self._node.holder.command(who, command, self.session.key_of(command))
        if self._node.traces is None or not isinstance(command, TURNS):
            return await work
        return await traced(self._node.traces, self.out.watch(), type(command).__name__, work)

    def _ack(self, command_id: str | None, answer: Answer) -> None:
        if command_id is not None and self.session.state != "closed":
            ack = frames.Ack(id=command_id, message=answer.message, reply=answer.reply)
            if answer.call is not None:
                ack = msgspec.structs.replace(ack, call=answer.call, stream=STREAM)
            self.out.say(ack)

    # --- signing in

    async def _principal(self, token: str) -> Principal:
        try:
            return await self._node.authenticate(token)
        except Unauthorized as error:
            if error.code == "token_expired":
                self.close(frames.CLOSE_TOKEN_EXPIRED)
            raise

    async def _sign_in(self, command: Auth | Resume) -> None:
        who = await self._principal(command.token)
        await self.enter(who, command if isinstance(command, Resume) else None, command.id)

    async def enter(self, who: Principal, resume: Resume | None, command_id: str) -> None:
        """Be this person's socket, in a new session or one that goes on.

        Raises ProductError and BusDown, and is nobody's then.
        """
        if resume is not None:
            self._node.resumes.check(who.person.id, self._node.now())
        actor = self._node.registry.enter(who.person.id, self)
        self._actor, self.who = actor, who
        try:
            logs = await self._node.logs_of(who)
            await actor.follow(logs)
            reason = await self._take_up(who, actor, resume, logs) if resume is not None else None
            if resume is not None:
                self._node.tally.resumes[reason or "resumed"] += 1
            if resume is None or reason is not None:
                await self._begin(who, actor, command_id, reason)
        except BaseException:
            self._actor = self.who = None
            self._node.registry.left(actor, self)
            raise
        if self.session.state == "closed":  # lost meanwhile
            self._node.registry.left(actor, self)

    async def _begin(
        self, who: Principal, actor: Actor, command_id: str, resync: str | None
    ) -> None:
        """A new session: it is shown what happens from now on."""
        wallet = await self._node.wallet_of(who)
        session, epoch = new_id("s"), new_id("e")
        owner = secrets.token_hex(8)
        identity = Identity(who.person.id, who.sign_in, session, epoch, owner)
        await self.out.begin(identity, actor.places())
        frame = self._node.beginning(who, wallet, command_id, session, epoch, resync)
        self._go(session, epoch, who, frame)

    async def _take_up(
        self, who: Principal, actor: Actor, resume: Resume, logs: Mapping[str, Place | None]
    ) -> str | None:
        """Carry a session on; or say why that cannot be."""
        node, owner, person = self._node, secrets.token_hex(8), who.person.id
        kept = await node.bus.own(resume.session, owner, person, resume.epoch)
        if kept is None:
            return "unknown_session"
        node.replaced(who, resume.session, owner)
        self.out.hold()
        live = actor.places()
        try:
            found = await missed(node.tails, live, logs, person, kept, resume.seq)
        except NotResumable as error:
            return error.reason
        identity = Identity(person, who.sign_in, resume.session, resume.epoch, owner)
        numbering = Numbering(found.base, resume.seq)
        self.out.take_up(identity, numbering, found.replay, live)
        resumed = frames.Resumed(
            id=resume.id,
            session=resume.session,
            epoch=resume.epoch,
            seq=resume.seq,
            replayed=len(found.replay),
        )
        self._go(resume.session, resume.epoch, who, resumed)
        return None

    def _go(self, session: str, epoch: str, who: Principal, frame: object) -> None:
        if self.session.state == "closed":
            return
        self._node.tally.sign_ins["accepted"] += 1
        self._node.strangers.left(self)
        self.session.signed_in(session, epoch, who.expires_at_ms)
        self.out.say(frame)
        self._look_again()
        if self._actor is not None:
            self.out.flow(self._actor.schedule)
            self._actor.resort()
            self._node.attendance.came(self._actor, self)

    def replaced(self, session: str, owner: str) -> None:
        """A session goes on under `owner`: if it was ours, not one more number is given here."""
        if self.out.is_another(session, owner):
            self.close(frames.CLOSE_REPLACED)

    # --- what the actor hands on

    def put(self, told: Told) -> None:
        """An entry this person may see; `flush` follows."""
        self.out.put(told)

    def hear(self, heard: Heard) -> None:
        """Something ephemeral; `flush` follows."""
        self.out.hear(heard)

    def flush(self) -> None:
        """Send what waits."""
        self.out.flush()

    async def keep(self) -> None:
        """Renew the session's record."""
        await self.out.keep()
