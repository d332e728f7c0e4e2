"""One socket's conversation with the node: sign in or resume, commands in order, limits.

The transport only moves bytes; every rule of the protocol is here or in the pure parts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from realtime import frames
from realtime.codec import Format, decode, encode, id_in
from realtime.device import Device, NotResumable
from realtime.outbox import Waiting
from realtime.session import Bucket
from rooms.commands import (
    Answer,
    AnyCommand,
    Auth,
    AuthRefresh,
    Ping,
    PresenceSet,
    Resume,
    RoomJoin,
    RoomLeave,
)
from rooms.errors import Forbidden, ProductError, TooMany, Unauthorized, Unavailable
from rooms.events import AuthExpiring
from rooms.ports import Principal
from storage.bus.ports import BusDown

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
MALFORMED_MAX: Final = 3
EXPIRING_MS: Final = 60_000


class Closing(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason or frames.CLOSE_REASONS.get(code, "")


class Connection:
    """Feed it frames with `receive`; run `run` beside it; it asks to be closed by `closed`."""

    def __init__(
        self,
        node: "Realtime",
        form: Format,
        address: str,
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.closed: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self.device: Device | None = None
        self.heard_at = time.monotonic()
        self.opened_at = self.heard_at
        self.address = address
        self._node = node
        self._form = form
        self._send = send
        self._bucket = Bucket(
            node.settings.commands_per_second, node.settings.commands_burst, self.heard_at
        )
        self._malformed = 0
        self._warned_of_expiry = False
        self._signed = asyncio.Event()
        self._replay: Sequence[Waiting] = ()

    def close(self, code: int, reason: str = "") -> None:
        """Ask the transport to close; the first reason wins."""
        if not self.closed.done():
            self.closed.set_result(Closing(code, reason))

    async def hello(self) -> None:
        """The first frame."""
        await self._send(encode(self._node.hello(), self._form))

    async def run(self) -> None:
        """Send what the session is told, once it is signed in, until cancelled."""
        await self._signed.wait()
        assert self.device is not None
        await self.device.run(self._replay)

    def end(self) -> None:
        """The socket is gone."""
        if self.device is not None:
            self.device.end()
            self._node.left(self)

    async def receive(self, data: bytes) -> None:
        """One frame from the client. Raises Closing."""
        self.heard_at = time.monotonic()
        wait_seconds = self._bucket.take(self.heard_at)
        if self._bucket.flooding():
            raise Closing(frames.CLOSE_FLOODING)
        try:
            command = decode(data, self._form)
        except ProductError as error:
            await self._misread(error, id_in(data, self._form))
            return
        self._malformed = 0
        if isinstance(command, Ping):
            await self._ping(command)
            return
        try:
            if wait_seconds > 0:
                raise TooMany(
                    "You are sending too fast.", retry_after_ms=int(wait_seconds * 1000) + 1
                )
            answer = await self._carry_out(command)
        except ProductError as error:
            await self._refuse(command.id, error)
        except BusDown:
            away = Unavailable("The server's log does not answer.", retry_after_ms=1000)
            await self._refuse(command.id, away)
        else:
            if answer is not None and command.id is not None:
                ack = frames.Ack(id=command.id, message=answer.message, reply=answer.reply)
                await self._send(encode(ack, self._form))

    async def binary_outside_a_call(self) -> None:
        """Audio frames are legal only in a call on this socket."""
        error = Forbidden("Binary frames are audio; start a call first.", code="not_in_call")
        await self._misread(error, None)

    async def _misread(self, error: ProductError, command_id: str | None) -> None:
        await self._refuse(command_id, error)
        self._malformed += 1
        if self._malformed >= MALFORMED_MAX:
            raise Closing(frames.CLOSE_BAD_FRAME)

    async def _refuse(self, command_id: str | None, error: ProductError) -> None:
        frame = frames.ErrorFrame(
            id=command_id,
            code=error.code,
            message=error.message,
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
            path=error.path,
            details=error.details,
        )
        await self._send(encode(frame, self._form))

    async def _ping(self, command: Ping) -> None:
        device = self.device
        if device is not None:
            device.acked = max(device.acked, min(command.seq, device.numbering.seq))
            try:
                await device.touch()
            except BusDown:
                logger.info("a session record was not renewed; the bus is away")
        await self._send(encode(frames.Pong(), self._form))

    async def _carry_out(self, command: AnyCommand) -> Answer | None:
        match command:
            case Auth():
                await self._auth(command)
                return None
            case Resume():
                await self._resume(command)
                return None
            case Ping():
                return None
        device = self.device
        if device is None:
            raise Unauthorized("Sign in first.", code="not_signed_in")
        match command:
            case AuthRefresh(token=token):
                who = await self._principal(token)
                if who.person.id != device.person:
                    raise Forbidden("This token belongs to somebody else.")
                device.who, self._warned_of_expiry = who, False
                return Answer()
            case RoomJoin(room=room):
                await self._node.admit(device.who, room)
                await device.follow_more(room)
                return Answer()
            case RoomLeave(room=room):
                await self._node.leave(device.who, room)
                return Answer()
            case PresenceSet(status=status):
                self._node.present(device, status)
                return Answer()
        if "chat" not in device.who.scopes and "*" not in device.who.scopes:
            raise Forbidden("This API key lacks the scope 'chat'.", code="missing_scope")
        key = getattr(command, "key", None) or f"{device.session}/{device.epoch}/{command.id}"
        return await self._node.holder.command(device.who, command, key)

    async def _principal(self, token: str) -> Principal:
        try:
            return await self._node.authenticate(token)
        except Unauthorized as error:
            if error.code == "token_expired":
                raise Closing(frames.CLOSE_TOKEN_EXPIRED) from error
            raise

    def _device_for(self, who: Principal) -> Device:
        if self.device is not None:
            raise Forbidden("This socket is signed in already.", code="already_signed_in")
        self._node.make_room_for(who)
        return Device(
            who,
            self._node.bus,
            self._node.tails,
            self._form,
            self._node.settings.outbox_bytes,
            self._send,
            self.close,
        )

    async def _auth(self, command: Auth) -> None:
        who = await self._principal(command.token)
        device = self._device_for(who)
        wallet = await self._node.wallet_of(who)
        await device.begin(await self._node.logs_of(who))
        ready = frames.Ready(
            id=command.id,
            session=device.session,
            epoch=device.epoch,
            seq=0,
            user=who.person,
            wallet=wallet,
            demo_model=self._node.demo_model,
            notices=self._node.notices_of(who),
        )
        await self._enter(device, encode(ready, self._form), ())

    async def _resume(self, command: Resume) -> None:
        who = await self._principal(command.token)
        device = self._device_for(who)
        logs = await self._node.logs_of(who)
        self._node.replace(device, command.session)
        try:
            replay = await device.resume(command.session, command.epoch, command.seq, logs)
        except NotResumable as error:
            device.end()
            await self._resync(command, who, error.reason)
            return
        resumed = frames.Resumed(
            id=command.id,
            session=device.session,
            epoch=device.epoch,
            seq=command.seq,
            replayed=len(replay),
        )
        await self._enter(device, encode(resumed, self._form), replay)

    async def _resync(self, command: Resume, who: Principal, reason: str) -> None:
        device = self._device_for(who)
        wallet = await self._node.wallet_of(who)
        await device.begin(await self._node.logs_of(who))
        resync = frames.Resync(
            id=command.id,
            session=device.session,
            epoch=device.epoch,
            seq=0,
            reason=reason,
            user=who.person,
            wallet=wallet,
        )
        await self._enter(device, encode(resync, self._form), ())

    async def _enter(self, device: Device, frame: bytes, replay: Sequence[Waiting]) -> None:
        self.device, self._replay = device, replay
        self._node.entered(self)
        await self._send(frame)
        self._signed.set()

    # --- what time brings; called by the node's sweep, once a second

    def sweep(self, now: float, now_ms: int) -> None:
        """Look at the deadlines of this socket."""
        settings = self._node.settings
        device = self.device
        if device is None:
            if now - self.opened_at > settings.auth_seconds:
                self.close(frames.CLOSE_NOT_SIGNED_IN)
            return
        if now - self.heard_at > 2.5 * settings.heartbeat_ms / 1000:
            self.close(frames.CLOSE_HEARTBEAT)
        if device.since is not None and now - device.since > settings.slow_seconds:
            self.close(frames.CLOSE_SLOW)
        expires = device.who.expires_at_ms
        if expires is None:
            return
        if now_ms > expires:
            self.close(frames.CLOSE_TOKEN_EXPIRED)
        elif now_ms > expires - EXPIRING_MS and not self._warned_of_expiry:
            self._warned_of_expiry = True
            device.hear(encode(AuthExpiring(in_ms=expires - now_ms), "json"))
