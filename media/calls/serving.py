"""A media worker's socket: legs are opened, held and drawn for over it, each under its own key.

A leg lives as long as somebody holds it: when the holder's link breaks, another holder may take it
for a while; then its peer is hung up on, and comes back with a new offer for the same call.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final, cast

import msgspec
import structlog
from msgspec import Struct

from media.calls import wire
from media.calls.carrying import Carried
from media.calls.engine import EngineRefused, MediaEngine
from media.calls.leg import GoneReason, Heard
from media.calls.load import Load
from media.calls.offers import BadOffer, Offer, check_offer, trickled

logger = structlog.get_logger(__name__)
UNHELD_SECONDS: Final = 15.0
LEFT_SECONDS: Final = 10.0  # for another holder, where one died or let go
UNCONNECTED_SECONDS: Final = 45.0
HELLO_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
MOST_UNSENT_BYTES: Final = 512_000  # to a holder that does not read: further sound is dropped
MOST_LEGS: Final = 500


# Joins a LiveKit room as a participant; see media/calls/livekit.py.
JoinRoom = Callable[[wire.OpenRoom], MediaEngine]


class Worker:
    """The legs of one process. `key` is what a gateway must show to open any."""

    def __init__(
        self,
        engine: MediaEngine,
        key: str,
        *,
        load: Load | None = None,
        bits_per_second: int = 28_000,
        clock: Callable[[], float] = time.monotonic,
        rooms: JoinRoom | None = None,
        left_seconds: float = LEFT_SECONDS,
    ) -> None:
        self.legs: dict[str, Carried] = {}
        self.opened = 0
        self.load = load or Load()
        self.clock = clock
        self._engine = engine
        self._rooms = rooms
        self._key = key
        self._bits_per_second = bits_per_second
        self._left_seconds = left_seconds
        self._keys: dict[str, str] = {}
        self._promises: dict[str, int] = {}  # of load, by leg
        self._patience: dict[str, tuple[asyncio.TimerHandle, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.links: set[_Link] = set()

    def link(self) -> asyncio.Protocol:
        """A protocol for one more connection."""
        return _Link(self)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Work that this worker owns."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def holds(self, key: str) -> bool:
        """Whether this is the worker's key."""
        return hmac.compare_digest(key.encode(), self._key.encode())

    def find(self, leg: str, key: str) -> Carried | None:
        """A leg, for who has its key."""
        wanted = self._keys.get(leg)
        if wanted is None or not hmac.compare_digest(key.encode(), wanted.encode()):
            return None
        return self.legs.get(leg)

    async def open(self, ask: wire.OpenLeg | wire.OpenRoom) -> Struct:
        """Answer an offer, or join a room; the answer to who asked."""
        now = self.clock()
        if len(self.legs) >= MOST_LEGS or not self.load.has_room(now, ask.kind):
            return wire.Refused(id=ask.id, code="at_capacity", message="This worker is full.")
        try:
            engine, offer, ice = self._asked_for(ask)
        except BadOffer as error:
            return wire.Refused(id=ask.id, code=error.code, message=str(error))
        leg = secrets.token_urlsafe(16)
        self._promises[leg] = self.load.promise(now, ask.kind)
        carried = self.legs[leg] = Carried(
            leg, engine, ice, ask.kind, self._ended,
            bits_per_second=self._bits_per_second,
            camera=isinstance(ask, wire.OpenLeg) and ask.camera,
        )  # fmt: skip
        carried.ufrag = offer.ufrag
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await carried.peer.answer(offer)
            self._keys[leg] = key = secrets.token_urlsafe(24)
        except (EngineRefused, TimeoutError) as error:
            logger.info("an offer was refused", why=type(error).__name__, detail=str(error))
            return wire.Refused(id=ask.id, code="sdp_invalid", message="No answer to this offer.")
        except OSError as error:
            logger.warning("no connection can be made", why=error.strerror)
            return wire.Refused(id=ask.id, code="at_capacity", message="This worker is full.")
        except Exception:  # whatever an engine may raise: what it began is not kept
            logger.exception("an offer could not be answered")
            return wire.Refused(id=ask.id, code="sdp_invalid", message="No answer to this offer.")
        finally:
            if leg not in self._keys:
                carried.close("failed")
        self.opened += 1
        loop = asyncio.get_running_loop()
        self._patience[leg] = (
            loop.call_later(UNHELD_SECONDS, self._close_unheld, leg),
            loop.call_later(UNCONNECTED_SECONDS, self._close_unconnected, leg),
        )
        return wire.Opened(id=ask.id, leg=leg, key=key, answer=answer)

    def _asked_for(
        self, ask: wire.OpenLeg | wire.OpenRoom
    ) -> tuple[MediaEngine, Offer, tuple[wire.IceServer, ...]]:
        """Which engine, for which offer. Raises BadOffer."""
        if isinstance(ask, wire.OpenLeg):
            return self._engine, check_offer(ask.offer, video=ask.kind == "video"), ask.ice
        if self._rooms is None:
            raise BadOffer("livekit_off", "Rooms of LiveKit are not joined here.")
        return self._rooms(ask), Offer(sdp="", ufrag="", video=ask.kind == "video"), ()

    async def trickle(self, ask: wire.Trickle) -> Struct:
        """Further candidates of a peer."""
        carried = self.legs.get(ask.leg)
        if carried is None:
            return wire.Refused(id=ask.id, code="leg_gone", message="This connection is over.")
        try:
            found = trickled(ask.fragment, carried.ufrag, carried.trickled)
            carried.trickled += len(found)
            for mid, candidate in found:
                await carried.peer.add_candidate(mid, candidate)
        except BadOffer as error:
            return wire.Refused(id=ask.id, code=error.code, message=str(error))
        except EngineRefused:
            return wire.Refused(id=ask.id, code="sdp_invalid", message="This is no candidate.")
        return wire.Done(id=ask.id)

    def close_leg(self, leg: str, reason: GoneReason) -> None:
        """A peer hung up."""
        carried = self.legs.get(leg)
        if carried is not None:
            carried.close(reason)

    def _close_unheld(self, leg: str) -> None:
        carried = self.legs.get(leg)
        if carried is not None and not carried.attached:
            carried.close("failed")

    def left(self, carried: Carried) -> None:
        """Its holder is gone without a word."""
        for timer in self._patience.get(carried.leg, ())[:1]:
            timer.cancel()
        loop = asyncio.get_running_loop()
        unheld = loop.call_later(self._left_seconds, self._close_unheld, carried.leg)
        self._patience[carried.leg] = (unheld, *self._patience.get(carried.leg, ())[1:])

    def _close_unconnected(self, leg: str) -> None:
        carried = self.legs.get(leg)
        if carried is not None and not carried.connected:
            carried.close("connection_lost")

    def _ended(self, carried: Carried) -> None:
        self.legs.pop(carried.leg, None)
        self._keys.pop(carried.leg, None)
        self.load.over(self._promises.pop(carried.leg, 0))
        for timer in self._patience.pop(carried.leg, ()):
            timer.cancel()
        self.spawn(carried.peer.aclose())

    async def aclose(self, reason: GoneReason = "worker_lost") -> None:
        """Hang up on everybody."""
        for carried in tuple(self.legs.values()):
            carried.close(reason)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in tuple(self.links):
            link.close()


class _Link(asyncio.Protocol):
    """One connection: who it is, its first frame says."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._frames = wire.Frames()
        self._transport: asyncio.Transport | None = None
        self._role = ""
        self._carried: Carried | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._worker.links.add(self)
        self._late = asyncio.get_running_loop().call_later(HELLO_SECONDS, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._worker.links.discard(self)
        if self._late is not None:
            self._late.cancel()
        if self._carried is not None and self._role == "holder":
            if self._carried.detach(self._tell):
                self._worker.left(self._carried)
        elif self._carried is not None:
            self._carried.detach_face(self._tell)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                if self._transport is None or self._transport.is_closing():
                    return  # refused: what follows the greeting is for nobody
                self._take(frame)
        except (wire.WireBroken, msgspec.DecodeError) as error:
            logger.warning("a link was cut", role=self._role, why=type(error).__name__)
            self.close()

    def close(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.close()

    def _too_late(self) -> None:
        if not self._role:
            self.close()

    def _take(self, frame: bytes) -> None:
        if self._role == "holder":
            self._ordered(wire.to_leg.decode(frame))
            return
        message = wire.to_worker.decode(frame)
        if isinstance(message, wire.Hello) and not self._role:
            self._greeted(message)
        elif isinstance(message, wire.Picture) and self._role == "face":
            assert self._carried is not None
            self._carried.picture(message)
        elif self._role == "control":
            self._asked(message)
        else:
            raise wire.WireBroken("out of turn")

    def _greeted(self, hello: wire.Hello) -> None:
        if hello.role == "control":
            if not self._worker.holds(hello.key):
                return self.close()
        else:
            carried = self._worker.find(hello.leg, hello.key)
            if carried is None:
                return self.close()
            if hello.role == "holder" and not carried.attach(self._tell):
                return self.close()
            self._carried = carried
            if hello.role == "face":
                carried.attach_face(self._tell)
        self._role = hello.role

    def _ordered(self, order: wire.ToLeg) -> None:
        carried = self._carried
        assert carried is not None
        match order:
            case wire.Play(epoch, pcm):
                carried.play(epoch, pcm)
            case wire.Flush(epoch):
                carried.flush(epoch)
            case wire.Pause():
                carried.pause()
            case wire.Resume():
                carried.resume()
            case wire.Gather(below_db):
                carried.gather(below_db)
            case wire.Tell(data):
                carried.peer.send_message(data)
            case wire.Watch(on, pixels, most_bytes):
                carried.camera.watch(on=on, pixels=pixels, most_bytes=most_bytes)
            case wire.Look():
                carried.camera.look()
            case wire.HangUp():
                carried.close("hung_up")

    def _asked(self, message: wire.ToWorker) -> None:
        match message:
            case wire.OpenLeg() | wire.OpenRoom():
                self._worker.spawn(self._answer(self._worker.open(message)))
            case wire.Trickle():
                self._worker.spawn(self._answer(self._worker.trickle(message)))
            case wire.CloseLeg(leg=leg, reason=reason):
                self._worker.close_leg(leg, reason)
            case _:
                raise wire.WireBroken("out of turn")

    async def _answer(self, work: Coroutine[object, object, Struct]) -> None:
        self._tell(await work)

    def _tell(self, message: Struct) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if isinstance(message, Heard) and transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            return
        with suppress(RuntimeError):  # closed in the meantime
            transport.write(wire.pack(message))
