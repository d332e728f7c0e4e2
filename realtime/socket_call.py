"""A socket that can carry a call: `call.start` makes a leg of it, binary frames are sound then.

The leg waits in this gateway (realtime/legs.py); the room's holder, here or elsewhere, dials it.
"""

from typing import TYPE_CHECKING, cast

from realtime.codec import Format
from realtime.sending import Peer, SoundPeer
from realtime.socket import STREAM, Socket, Transport
from rooms.commands import Answer, CallJoin, CallStart
from rooms.errors import Invalid, ProductError, Unavailable
from rooms.ports import Principal

if TYPE_CHECKING:
    from realtime.service import Realtime
    from realtime.socket_leg import SocketLeg


class CallingSocket(Socket):
    """See realtime/socket.py `Socket`; one call at a time."""

    __slots__ = ("_form", "_leg")

    def __init__(
        self, node: "Realtime", peer: Peer, form: Format, transport: Transport = "websocket"
    ) -> None:
        super().__init__(node, peer, form, transport)
        self._form = form
        self._leg: SocketLeg | None = None

    # --- what the transport tells

    def received_binary(self, data: bytes) -> None:
        """Sound, in a call; a mistake otherwise."""
        orders = self.session.receive_binary(self._node.now())
        leg = self._leg
        if orders or leg is None or leg.over:
            self._obey(orders)
            return
        try:
            leg.heard(data)
        except ProductError as error:
            self._obey(self.session.misheard(error))

    def stuck(self) -> None:
        """The transport takes no more."""
        super().stuck()
        if self._leg is not None:
            self._leg.stuck()

    def writable(self) -> None:
        """The transport takes more: sound first, for it is late already."""
        if self._leg is not None:
            self._leg.writable()
        super().writable()

    def lost(self) -> None:
        """The socket is gone; its call waits a while for another."""
        self._drop("connection_lost")
        super().lost()

    def close(self, code: int, reason: str = "") -> None:
        """Close; a call goes with it, and may come back."""
        self._drop("connection_lost")
        super().close(code, reason)

    # --- a call

    async def _call(self, who: Principal, command: CallStart) -> Answer:
        """Make a leg of this socket, and have the room's holder take it."""
        self._check(command)
        await self._node.legs.open()
        leg = self._leg_for(command)
        joining = CallJoin(
            id=command.id,
            room=command.room,
            kind=command.kind,
            leg=leg.address,
            call=command.call,
            key=command.key,
        )
        node = self._node
        node.legs.wait(leg)
        try:
            answer = await node.holder.command(who, joining, self.session.key_of(command))
        except BaseException:
            node.legs.forget(leg.address.leg)
            leg.lost("failed")
            raise
        if self.session.state == "closed":  # lost meanwhile
            leg.lost("connection_lost")
            return answer
        self._drop("replaced")  # only now: who is refused keeps the call they have
        self._leg = leg
        self.session.call_begins(node.now())
        node.spawn(self._carry_sound(leg))
        return answer

    def _check(self, command: CallStart) -> None:
        if command.transport != "socket":
            raise Invalid(
                "Over WebRTC a call begins with an offer to POST /v1/calls.",
                code="use_an_offer",
                path="$.transport",
                details={"post": "/v1/calls"},
            )
        if command.kind != "voice":
            raise Invalid(
                "Pictures need WebRTC; over a socket there is sound.",
                code="no_pictures_here",
                path="$.kind",
            )
        if self._form != "json" or not isinstance(self.out.peer, SoundPeer):
            raise Invalid(
                "Sound travels in binary frames, which are commands on this connection: connect "
                "with the subprotocol kindred.v1.json.",
                code="no_sound_here",
            )
        if command.codec == "opus":
            for name in ("sample_rate", "microphone_rate"):
                if getattr(command, name) not in {48_000, None}:
                    raise Invalid("Opus is told at 48000 Hz.", code="invalid", path=f"$.{name}")

    def _leg_for(self, command: CallStart) -> "SocketLeg":
        # Resampling is not for a gateway that carries no calls: it is loaded with the first one.
        from realtime.socket_leg import NoCodec, SocketLeg, new_address

        try:
            return SocketLeg(
                new_address(self._node.legs.address, "socket"),
                cast("SoundPeer", self.out.peer).write_binary,  # as `_check` has seen
                codec=command.codec,
                sample_rate=command.sample_rate,
                microphone_rate=command.microphone_rate,
                stream=STREAM,
                blocked_seconds=self._node.legs.blocked_seconds,
                pacer=self._node.legs.pacer,
            )
        except NoCodec as error:
            raise Unavailable("Opus is not available here.", code="no_codec") from error

    async def _carry_sound(self, leg: "SocketLeg") -> None:
        """Pace the leg until it is over, then binary frames are mistakes again."""
        leg.begin()
        try:
            await leg.run()
        finally:
            if self._leg is leg:
                self._leg = None
                self.session.call_ends()

    def _drop(self, reason: str) -> None:
        leg, self._leg = self._leg, None
        if leg is not None:
            self.session.call_ends()
            leg.lost("replaced" if reason == "replaced" else "connection_lost")
