"""Which media worker takes the next call: they are found by their notices, and chosen by load.

A worker that does not answer is passed over and its notice distrusted for a while; when all are
full, that is said in one word.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from media.calls import wire
from media.calls.control import Control, LegRefused, WorkerAway
from media.calls.leg import LegAddress, Transport
from storage.bus.board import Board
from storage.bus.ports import BusDown

logger = structlog.get_logger(__name__)
BOARD: Final = "media-workers"
LEASE_SECONDS: Final = 3.0
RENEW_SECONDS: Final = 1.0
FRESH_SECONDS: Final = 0.5  # notices are read no more often
DISTRUST_SECONDS: Final = 3.0
MOST_TRIED: Final = 4


class Notice(Struct, frozen=True, kw_only=True):
    """What a worker says of itself. `busy`: the share of its core that is used or promised."""

    address: str
    key: str
    busy: float
    most: float
    legs: int
    host: str = ""


class NoWorker(Exception):
    """Nobody can carry a call now. `full`: there are workers, but all are at their limit."""

    def __init__(self, *, full: bool) -> None:
        super().__init__("all media workers are full" if full else "no media worker answers")
        self.full = full


class OpenedLeg(Struct, frozen=True, kw_only=True):
    """A leg that waits at a worker, with the answer for its peer."""

    worker: str
    address: LegAddress
    answer: str


def order(notices: dict[str, Notice]) -> list[str]:
    """Workers to ask, the least busy first."""
    return sorted(notices, key=lambda name: (notices[name].busy / notices[name].most, name))


class Workers:
    """A gateway's view of the media workers."""

    def __init__(self, board: Board, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._clock = clock
        self._notices: dict[str, Notice] = {}
        self._read_at = -60.0
        self._links: dict[str, Control] = {}
        self._distrusted: dict[str, float] = {}
        self._connecting: dict[str, asyncio.Lock] = {}
        self._started = False
        self._reading = asyncio.Lock()

    async def open_leg(
        self,
        offer: str,
        kind: wire.CallKind,
        ice: tuple[wire.IceServer, ...],
        *,
        camera: bool = False,
    ) -> OpenedLeg:
        """A leg at the least busy worker. Raises NoWorker, or LegRefused for a bad offer."""
        return await self._open(
            "webrtc", lambda link: link.open_leg(offer, kind, ice, camera=camera)
        )

    async def open_room(self, url: str, token: str, person: str, kind: wire.CallKind) -> OpenedLeg:
        """A worker joins a LiveKit room. Raises NoWorker or LegRefused."""
        return await self._open("livekit", lambda link: link.open_room(url, token, person, kind))

    async def _open(
        self, transport: Transport, ask: Callable[[Control], Awaitable[wire.Opened]]
    ) -> OpenedLeg:
        notices = await self.known()
        full = False
        for name in order(notices)[:MOST_TRIED]:
            try:
                link = await self._link(name, notices[name])
                opened = await ask(link)
            except WorkerAway:
                self._distrusted[name] = self._clock() + DISTRUST_SECONDS
                continue
            except LegRefused as refused:
                if refused.code != "at_capacity":
                    raise
                full = True
                continue
            address = LegAddress(
                leg=opened.leg, address=link.address, key=opened.key, transport=transport
            )
            return OpenedLeg(worker=name, address=address, answer=opened.answer)
        raise NoWorker(full=full)

    async def control(self, worker: str) -> Control:
        """The link to a worker by name. Raises WorkerAway."""
        notices = await self.known()
        if worker not in notices:
            raise WorkerAway(worker)
        return await self._link(worker, notices[worker])

    async def known(self) -> dict[str, Notice]:
        """The workers that are up; as last read while the bus does not answer."""
        async with self._reading:
            if self._clock() - self._read_at >= FRESH_SECONDS:
                await self._read()
        now = self._clock()
        return {
            name: notice
            for name, notice in self._notices.items()
            if self._distrusted.get(name, 0.0) <= now
        }

    async def _read(self) -> None:
        """Connect when it is first needed; a gateway nobody calls at has none."""
        try:
            if not self._started:
                await self._board.start()
                self._started = True
            read = await self._board.read(BOARD)
            self._notices = {
                name: msgspec.msgpack.decode(note, type=Notice) for name, note in read.items()
            }
            self._read_at = self._clock()
        except (BusDown, msgspec.DecodeError) as error:
            logger.warning("media workers cannot be looked up", why=type(error).__name__)

    async def _link(self, name: str, notice: Notice) -> Control:
        async with self._connecting.setdefault(name, asyncio.Lock()):
            link = self._links.get(name)
            if link is None or not link.up or link.address != notice.address:
                link = self._links[name] = await Control(notice.address, notice.key).connect()
            return link

    async def aclose(self) -> None:
        """Cut the links."""
        for link in self._links.values():
            link.close()
        if self._started:
            await self._board.close()
