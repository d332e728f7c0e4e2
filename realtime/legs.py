"""The legs that live in this gateway: sockets with sound. The room's holder finds them by address.

A leg waits here under a secret key until the holder dials it: from this process directly, from
another over the same wire that media workers speak (media/calls/wire.py).
"""

import asyncio
import hmac
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Final

import msgspec
import structlog

from media.calls import wire
from media.calls.holding import NoLeg, dial_leg
from media.calls.leg import Heard, Leg, LegAddress
from realtime.pacing import Pacer
from rooms.calls.parts import LegLost

logger = structlog.get_logger(__name__)
HELLO_SECONDS: Final = 5.0
LEFT_SECONDS: Final = 10.0  # for another holder, where one died or let go
MOST_UNSENT_BYTES: Final = 512_000  # to a holder that does not read: further sound is dropped


class Legs:
    """This process's legs, and the way to those of others."""

    def __init__(self, host: str = "", blocked_seconds: float = 3.0) -> None:
        """`host`: where holders on other hosts reach this process; empty: on this host only."""
        self.address = ""  # once it is open
        self.blocked_seconds = blocked_seconds
        self.pacer = Pacer()
        self._host = host
        self._here: dict[str, Leg] = {}
        self._server: asyncio.Server | None = None
        self._folder: Path | None = None
        self._opening = asyncio.Lock()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Be reachable; done with the first leg, for most gateways carry none. Raises OSError."""
        async with self._opening:
            if self._server is not None:
                return
            loop = asyncio.get_running_loop()
            if self._host:
                self._server = await loop.create_server(self._link, self._host, 0)
                port = self._server.sockets[0].getsockname()[1]
                self.address = f"tcp:{self._host}:{port}"
                return
            self._folder = Path(tempfile.mkdtemp(prefix="kindred-legs-"))
            path = str(self._folder / "legs.sock")
            self._server = await loop.create_unix_server(self._link, path)
            self.address = f"unix:{path}"

    async def close(self) -> None:
        """No more legs here."""
        if self._server is not None:
            self._server.close()
        for link in tuple(self._links):
            link.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def wait(self, leg: Leg) -> None:
        """A leg of this process waits for its call."""
        self._here[leg.address.leg] = leg

    def wait_again(self, leg: Leg) -> None:
        """Its holder is gone without a word: another one may come, for a while."""
        leg.let_go()
        self.wait(leg)
        loop = asyncio.get_running_loop()
        loop.call_later(LEFT_SECONDS, self._give_up, leg)

    def _give_up(self, leg: Leg) -> None:
        if self._here.get(leg.address.leg) is leg:
            self.forget(leg.address.leg)
            self.spawn(leg.aclose("holder_lost"))

    def forget(self, leg: str) -> None:
        """It waits no more."""
        self._here.pop(leg, None)

    def take(self, leg: str, key: str) -> Leg:
        """A leg that waits here, once. Raises LegLost."""
        found = self._here.get(leg)
        if found is None or not hmac.compare_digest(found.address.key.encode(), key.encode()):
            raise LegLost(leg)
        del self._here[leg]
        return found

    async def dial(self, address: LegAddress) -> Leg:
        """The holder's end of a leg, wherever that is. Raises LegLost."""
        if address.leg in self._here:
            return self.take(address.leg, address.key)
        try:
            return await dial_leg(address)
        except NoLeg as error:
            raise LegLost(address.leg) from error

    def _link(self) -> "_Link":
        return _Link(self)

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Work of a link."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def linked(self, link: "_Link", *, on: bool) -> None:
        """A link came, or went."""
        (self._links.add if on else self._links.discard)(link)


class _Link(asyncio.Protocol):
    """A holder elsewhere, and the leg it holds."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._frames = wire.Frames()
        self._transport: asyncio.Transport | None = None
        self._leg: Leg | None = None
        self._telling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hung_up = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It says next which leg it wants."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(HELLO_SECONDS, self.cut)
        self._legs.linked(self, on=True)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The holder died, or let go."""
        self._legs.linked(self, on=False)
        if self._timer is not None:
            self._timer.cancel()
        if self._telling is not None and not self._telling.done():
            self._telling.cancel()
            if self._leg is not None and not self._hung_up:
                self._legs.wait_again(self._leg)

    def data_received(self, data: bytes) -> None:
        """Its hello, then what the leg is to do."""
        try:
            for frame in self._frames.feed(data):
                if self._leg is None:
                    self._begin(frame)
                else:
                    self._carry(self._leg, wire.to_leg.decode(frame))
        except (wire.WireBroken, msgspec.DecodeError, LegLost):
            self.cut()

    def cut(self) -> None:
        """Hang up on the holder."""
        if self._transport is not None:
            self._transport.abort()

    def _begin(self, frame: bytes) -> None:
        hello = wire.to_worker.decode(frame)
        if not isinstance(hello, wire.Hello) or hello.role != "holder":
            raise LegLost("")
        self._leg = self._legs.take(hello.leg, hello.key)
        if self._timer is not None:
            self._timer.cancel()
        self._telling = self._legs.spawn(self._tell(self._leg))

    def _carry(self, leg: Leg, order: wire.ToLeg) -> None:
        match order:
            case wire.Play(epoch=epoch, pcm=pcm):
                leg.play(epoch, pcm)
            case wire.Flush(epoch=epoch):
                leg.flush(epoch)
            case wire.Pause():
                leg.pause()
            case wire.Resume():
                leg.resume()
            case wire.Gather(below_db=below_db):
                leg.gather(below_db)
            case wire.Tell(data=data):
                leg.tell(data)
            case wire.HangUp(reason=reason):
                self._hung_up = True
                self._legs.spawn(leg.aclose(reason))

    async def _tell(self, leg: Leg) -> None:
        """The leg's events to its holder, ending with `Gone`."""
        async for event in leg.events():
            transport = self._transport
            if transport is None or transport.is_closing():
                return
            full = transport.get_write_buffer_size() > MOST_UNSENT_BYTES
            if not (full and isinstance(event, Heard)):
                transport.write(wire.pack(event))
        if self._transport is not None:
            self._transport.close()
