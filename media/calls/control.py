"""A gateway's link to a media worker: offers go there, answers come back.

One link per worker, made when it is first needed; questions are numbered, so that they may cross.
"""

import asyncio
import itertools
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from media.calls import wire
from media.calls.leg import GoneReason

CONNECT_SECONDS: Final = 2.0
ASK_SECONDS: Final = 12.0
MOST_ASKED: Final = 200


class WorkerAway(Exception):
    """The worker does not answer."""


class LegRefused(Exception):
    """It answered no. `code` is one word, the message a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Control(asyncio.Protocol):
    """The link to one worker."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.up = False
        self._key = key
        self._frames = wire.Frames()
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[wire.ToControl]] = {}

    async def connect(self) -> "Control":
        """Raises WorkerAway."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await wire.dial(self.address, lambda: self)
        except (OSError, TimeoutError) as error:
            raise WorkerAway(self.address) from error
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport, self.up = cast("asyncio.Transport", transport), True
        self._send(wire.Hello(role="control", key=self._key))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See asyncio.Protocol."""
        self.up = False
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(WorkerAway(self.address))
        self._asked.clear()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for frame in self._frames.feed(data):
                answer = wire.to_control.decode(frame)
                asked = self._asked.pop(answer.id, None)
                if asked is not None and not asked.done():
                    asked.set_result(answer)
        except (wire.WireBroken, msgspec.DecodeError):
            self.close()

    async def open_leg(
        self,
        offer: str,
        kind: wire.CallKind,
        ice: tuple[wire.IceServer, ...],
        *,
        camera: bool = False,
    ) -> wire.Opened:
        """A leg for an offer. Raises LegRefused or WorkerAway."""
        number = next(self._numbers)
        return await self._opened(
            wire.OpenLeg(id=number, offer=offer, kind=kind, ice=ice, camera=camera)
        )

    async def open_room(
        self, url: str, token: str, person: str, kind: wire.CallKind
    ) -> wire.Opened:
        """A leg in a LiveKit room. Raises LegRefused or WorkerAway."""
        number = next(self._numbers)
        return await self._opened(
            wire.OpenRoom(id=number, url=url, token=token, person=person, kind=kind)
        )

    async def trickle(self, leg: str, fragment: str) -> None:
        """Further candidates. Raises LegRefused or WorkerAway."""
        await self._ask(wire.Trickle(id=next(self._numbers), leg=leg, fragment=fragment))

    def close_leg(self, leg: str, reason: GoneReason) -> None:
        """Hang up on a leg's peer."""
        self._send(wire.CloseLeg(leg=leg, reason=reason))

    def close(self) -> None:
        """Cut the link; legs live on."""
        if self._transport is not None:
            self._transport.close()

    async def _opened(self, ask: wire.OpenLeg | wire.OpenRoom) -> wire.Opened:
        answer = await self._ask(ask)
        if not isinstance(answer, wire.Opened):
            raise WorkerAway(self.address)
        return answer

    async def _ask(self, ask: Any) -> wire.ToControl:
        if not self.up or len(self._asked) >= MOST_ASKED:
            raise WorkerAway(self.address)
        future: asyncio.Future[wire.ToControl] = asyncio.get_running_loop().create_future()
        self._asked[ask.id] = future
        self._send(ask)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                answer = await future
        except TimeoutError as error:
            raise WorkerAway(self.address) from error
        finally:
            self._asked.pop(ask.id, None)
        if isinstance(answer, wire.Refused):
            raise LegRefused(answer.code, answer.message)
        return answer

    def _send(self, message: Struct) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(wire.pack(message))
