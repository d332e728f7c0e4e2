"""The holder's end of a leg that lives in a media worker: one link, sound and events both ways.

When the link breaks, the worker is gone as far as the call is concerned, and says so at once.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, cast

import msgspec
import structlog
from msgspec import Struct

from media.calls import wire
from media.calls.leg import Gone, Heard, LegAddress, LegEvent
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES

logger = structlog.get_logger(__name__)
CONNECT_SECONDS: Final = 3.0
MOST_HEARD_BYTES: Final = HEARING_RATE * SAMPLE_BYTES // 2  # 500 ms
MOST_EVENTS: Final = 1_000
MOST_UNSENT_BYTES: Final = 2_000_000


class NoLeg(Exception):
    """Nothing waits at this address, or not under this key."""


class WorkerLeg(asyncio.Protocol):
    """See media/calls/leg.py `Leg`."""

    def __init__(self, address: LegAddress) -> None:
        self.address = address
        self._frames = wire.Frames()
        self._transport: asyncio.Transport | None = None
        self._events: deque[LegEvent] = deque()
        self._heard_bytes = 0
        self._gone = False
        self._news = asyncio.Event()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The worker is there; whether the leg is, it says by not hanging up."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send(wire.Hello(role="holder", key=self.address.key, leg=self.address.leg))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The worker died, or closed the leg."""
        self._put(Gone(reason="worker_lost"))

    def data_received(self, data: bytes) -> None:
        """Events, in whatever pieces."""
        try:
            for frame in self._frames.feed(data):
                self._put(wire.to_holder.decode(frame))
        except (wire.WireBroken, msgspec.DecodeError) as error:
            logger.warning("a worker's frame was not understood", why=type(error).__name__)
            self._put(Gone(reason="failed"))
            self._close()

    def _put(self, event: LegEvent) -> None:
        if self._gone:
            return
        self._gone = isinstance(event, Gone)
        if isinstance(event, Heard):
            self._heard_bytes += len(event.pcm)
        self._events.append(event)
        while self._heard_bytes > MOST_HEARD_BYTES or len(self._events) > MOST_EVENTS:
            self._drop_oldest()
        self._news.set()

    def _drop_oldest(self) -> None:
        """Old sound is worth least; without any, the oldest event goes."""
        for place, event in enumerate(self._events):
            if isinstance(event, Heard):
                del self._events[place]
                self._heard_bytes -= len(event.pcm)
                return
        self._events.popleft()

    # --- Leg

    async def events(self) -> AsyncIterator[LegEvent]:
        """See the contract."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Heard):
                    self._heard_bytes -= len(event.pcm)
                yield event
                if isinstance(event, Gone):
                    return
            self._news.clear()
            await self._news.wait()

    def play(self, epoch: int, pcm: bytes) -> None:
        """See the contract."""
        self._send(wire.Play(epoch, pcm))

    def flush(self, epoch: int) -> None:
        """See the contract."""
        self._send(wire.Flush(epoch))

    def pause(self) -> None:
        """See the contract."""
        self._send(wire.Pause())

    def resume(self) -> None:
        """See the contract."""
        self._send(wire.Resume())

    def gather(self, below_db: float | None) -> None:
        """See the contract."""
        self._send(wire.Gather(below_db))

    def tell(self, data: bytes) -> None:
        """See the contract."""
        self._send(wire.Tell(data))

    def let_go(self) -> None:
        """See the contract: a link that ends without a word says so to the worker."""
        self._close()
        self._put(Gone(reason="replaced"))

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        """See the contract."""
        self._send(wire.Watch(on, pixels, most_bytes))

    def look(self) -> None:
        """See the contract."""
        self._send(wire.Look())

    async def aclose(self, reason: str) -> None:
        """See the contract."""
        self._send(wire.HangUp(reason))
        self._close()
        self._put(Gone(reason="hung_up"))

    def _send(self, message: Struct) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MOST_UNSENT_BYTES:  # it reads no more
            self._put(Gone(reason="worker_lost"))
            transport.abort()
            return
        transport.write(wire.pack(message))

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def dial_leg(address: LegAddress) -> WorkerLeg:
    """The holder's end of a leg. Raises NoLeg where no worker listens; a wrong key, or a leg that
    is over, shows as its first event: `Gone`."""
    leg = WorkerLeg(address)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await wire.dial(address.address, lambda: leg)
    except (OSError, TimeoutError) as error:
        raise NoLeg(address.leg) from error
    return leg


class FaceLink(asyncio.Protocol):
    """Who draws the companion's face, at its leg: pictures in, what the peer wants back."""

    def __init__(self, address: LegAddress) -> None:
        self._address = address
        self._frames = wire.Frames()
        self._transport: asyncio.Transport | None = None
        self._told: deque[wire.ToFace] = deque(maxlen=MOST_EVENTS)
        self._over = False
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The worker is there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        hello = wire.Hello(role="face", key=self._address.key, leg=self._address.leg)
        self._transport.write(wire.pack(hello))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The leg is over."""
        self._over = True
        self._news.set()

    def data_received(self, data: bytes) -> None:
        """What the peer wants."""
        try:
            self._told.extend(map(wire.to_face.decode, self._frames.feed(data)))
        except (wire.WireBroken, msgspec.DecodeError):
            self.close()
        self._news.set()

    async def told(self) -> AsyncIterator[wire.ToFace]:
        """What is wanted, until the leg is over."""
        while True:
            while self._told:
                yield self._told.popleft()
            if self._over:
                return
            self._news.clear()
            await self._news.wait()

    def show(self, picture: wire.Picture) -> bool:
        """Send a frame. False: the worker reads too slowly, the frame was dropped."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            return False
        transport.write(wire.pack(picture))
        return True

    def close(self) -> None:
        """No more pictures."""
        with contextlib.suppress(RuntimeError):
            if self._transport is not None:
                self._transport.close()


async def dial_face(address: LegAddress) -> FaceLink:
    """A leg's face. Raises NoLeg where no worker listens."""
    link = FaceLink(address)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await wire.dial(address.address, lambda: link)
    except (OSError, TimeoutError) as error:
        raise NoLeg(address.leg) from error
    return link
