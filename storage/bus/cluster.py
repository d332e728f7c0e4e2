"""The way to the server that has a key: the single one, or a primary of a cluster.

Two connections each, one for calls and one for what is pushed. Which it is, the first server
says; after that calls follow their slots, and subscriptions are renewed where these went.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import hiredis
import structlog

from storage.bus.ports import BusDown
from storage.bus.slots import Address, SlotMap, elsewhere, slot_map, slot_of
from storage.bus.subscriptions import Subscriptions
from storage.bus.wire import NotNow, Wire, checked

logger = structlog.get_logger(__name__)
REDIRECTS: Final = 5
MIND_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.05
MAP_SECONDS: Final = 10.0
ASK_SECONDS: Final = 2.0
GAP_SECONDS: Final = 0.02


class Link:
    """The two connections to one server; `address` is None for the single one."""

    def __init__(self, router: "Router", url: str, address: Address | None) -> None:
        self.address = address
        self.host = urlsplit(url).hostname or "127.0.0.1"
        self.calls = Wire(url, found=router.changed)
        self.pushes = Wire(
            url,
            pushed=lambda message: router.on_push(self, message),
            found=lambda: router.on_found(self),
            refused=lambda _: router.look_again(),
        )

    def begin(self) -> None:
        """Connect, and stay connected."""
        self.calls.begin()
        self.pushes.begin()

    def drop(self) -> None:
        """Connect anew: what answers is not what was meant."""
        self.calls.drop()
        self.pushes.drop()

    async def close(self) -> None:
        """Disconnect."""
        await self.calls.close()
        await self.pushes.close()


class Router:
    """`pushed` receives messages of subscribed channels; `gap` is told when some may be lost."""

    def __init__(
        self, url: str, *, pushed: Callable[[list[Any]], None], gap: Callable[[], None]
    ) -> None:
        self._url = url
        self._pushed = pushed
        self._gap = gap
        self._map: SlotMap | None = None  # None: a single server
        self._single: Link | None = None
        self._links: dict[Address, Link] = {}
        self._subscriptions: Subscriptions[Link] = Subscriptions()
        self._ask_first: Address | None = None
        self._news = asyncio.Event()
        self._look = asyncio.Event()
        self._gap_due = False
        self._closed_reconnects = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def reconnects(self) -> int:
        """How often a connection that stood was made anew."""
        links = [*self._links.values(), *([self._single] if self._single else [])]
        wires = [wire for link in links for wire in (link.calls, link.pushes)]
        return self._closed_reconnects + sum(max(0, wire.connects - 1) for wire in wires)

    # --- connecting

    async def start(self) -> None:
        """Connect; learn whether this is a cluster. Raises BusDown."""
        first = Wire(self._url)
        await first.start()
        try:
            found = await self._slots(first, urlsplit(self._url).hostname or "")
        finally:
            await first.close()
        if found is None:
            self._single = Link(self, self._url, None)
            await self._single.calls.start()
            await self._single.pushes.start()
        else:
            await self._connect_all(found)
        self._spawn(self._mind())

    async def close(self) -> None:
        """Disconnect for good."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        links = [*self._links.values(), *([self._single] if self._single else [])]
        await asyncio.gather(*(link.close() for link in links))

    async def _connect_all(self, found: SlotMap) -> None:
        self._adopt(found)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_SECONDS):
                while not all(link.calls.up and link.pushes.up for link in self._links.values()):
                    await self._news.wait()
        if not any(link.calls.up for link in self._links.values()):
            raise NotNow("no primary of the cluster answers")

    async def _slots(self, wire: Wire, asked: str) -> SlotMap | None:
        """The map of the cluster this server is of; None when it is of none, or may not tell."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                told = await wire.call("CLUSTER", "INFO")
                if b"cluster_state" not in (told if isinstance(told, bytes) else b""):
                    return None
                return slot_map(await wire.call("CLUSTER", "SLOTS"), asked)
        except TimeoutError:
            raise NotNow("the bus does not answer") from None
        except hiredis.ReplyError:
            return None

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="bus cluster")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- calls

    def _link(self, key: str) -> Link | None:
        if self._map is None:
            return self._single
        owner = self._map.owner(slot_of(key))
        return self._links.get(owner) if owner is not None else None

    def post(self, key: str, *words: Any) -> asyncio.Future[Any]:
        """Send a command to the server that has `key`; see `elsewhere` for what may come back."""
        link = self._link(key)
        if link is not None:
            return link.calls.post(*words)
        self.look_again()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_exception(NotNow("nobody has this slot"))
        future.exception()
        return future

    async def post_all(self, asked: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """Many commands, each by its key, and their answers; an answer may be an exception."""
        at: dict[Link | None, list[int]] = {}
        for number, (key, _) in enumerate(asked):
            at.setdefault(self._link(key), []).append(number)
        if None in at:
            self.look_again()
        waiting = [
            (numbers, link.calls.post_all([asked[number][1] for number in numbers]))
            for link, numbers in at.items()
            if link is not None
        ]
        answers: list[Any] = [NotNow("nobody has this slot")] * len(asked)
        for numbers, future in waiting:
            try:
                found = await future
            except BusDown as error:
                found = [error] * len(numbers)
            for number, answer in zip(numbers, found, strict=True):
                answers[number] = answer
        return answers

    def elsewhere(self, answer: Any) -> bool:
        """Whether an answer only says that the key is to be found elsewhere."""
        return isinstance(answer, hiredis.ReplyError) and elsewhere(str(answer), "") is not None

    def tell(self, key: str, *words: Any) -> None:
        """Send a command, and leave it at that."""
        self.post(key, *words).add_done_callback(self._told)

    def _told(self, done: "asyncio.Future[Any]") -> None:
        if not done.cancelled() and not done.exception() and self.elsewhere(done.result()):
            self.look_again()

    async def call(self, key: str, *words: Any) -> Any:
        """One command and its answer, wherever its slot is. Raises BusDown, or ReplyError."""
        link = self._link(key)
        try:
            for _ in range(REDIRECTS):
                if link is None:
                    raise NotNow("nobody has this slot")
                answer = await link.calls.post(*words)
                if not isinstance(answer, hiredis.ReplyError):
                    return answer
                link = self._redirected(link, answer)
        except NotNow:
            self.look_again()
            raise
        raise NotNow("this slot is being moved about")

    def _redirected(self, link: Link, answer: hiredis.ReplyError) -> Link:
        """Where to ask instead. Raises what the answer says when it names no other place."""
        error = str(answer)
        told = elsewhere(error, link.host) if self._map is not None else None
        if self._map is None or told is None:
            if error.startswith("READONLY"):
                link.drop()  # a replica by now: perhaps the address leads to the primary
            checked(answer)
            raise answer
        there = self._link_at(told.address)
        if told.kind == "ask":
            there.calls.post("ASKING").add_done_callback(_ignore)
        else:
            self._map = self._map.moved(told.slot, told.address)
            self._ask_first = told.address
            self.look_again()
        return there

    def _link_at(self, address: Address) -> Link:
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = Link(self, self._url_of(address), address)
            link.begin()
        return link

    def _url_of(self, address: Address) -> str:
        """The address of a primary: as that of the first server, with other host and port."""
        url = urlsplit(self._url)
        scheme = "redis" if url.scheme == "unix" else url.scheme
        host = f"[{address.host}]" if ":" in address.host else address.host
        signed_in, at, _ = url.netloc.rpartition("@")
        return urlunsplit((scheme, f"{signed_in}{at}{host}:{address.port}", "", url.query, ""))

    async def news(self, seconds: float) -> None:
        """Wait until something changed that may let a call through, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def changed(self) -> None:
        """A connection stands, or the map is another."""
        self._news.set()
        self._news = asyncio.Event()

    def look_again(self) -> None:
        """Something is not where it was thought to be."""
        self._look.set()

    # --- minding the map and the subscriptions

    async def _mind(self) -> None:
        """Renew the map when told to, and subscribe again to what nobody confirmed."""
        loop = asyncio.get_running_loop()
        mapped_at = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MIND_SECONDS):
                    await self._look.wait()
            asked, due = self._look.is_set(), loop.time() - mapped_at > MAP_SECONDS
            self._look.clear()
            if self._map is not None and (asked or due):
                mapped_at = loop.time()
                await self._renew()
            self._subscribe_missing()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _renew(self) -> None:
        """Ask whoever answers for the map, whom a slot moved to first."""
        links = [link for link in self._links.values() if link.calls.up]
        random.shuffle(links)
        links.sort(key=lambda link: link.address != self._ask_first)
        for link in links:
            try:
                found = await self._slots(link.calls, link.host)
            except BusDown:
                continue
            if found is not None and found.addresses:
                return self._adopt(found)
        if not links:
            await self._renew_from_the_url()

    async def _renew_from_the_url(self) -> None:
        wire = Wire(self._url)
        try:
            await wire.start()
            found = await self._slots(wire, urlsplit(self._url).hostname or "")
        except BusDown:
            return
        finally:
            await wire.close()
        if found is not None and found.addresses:
            self._adopt(found)

    def _adopt(self, found: SlotMap) -> None:
        self._map = found
        for address in found.addresses:
            self._link_at(address)
        for address in [one for one in self._links if one not in found.addresses]:
            link = self._links.pop(address)
            wires = (link.calls, link.pushes)
            self._closed_reconnects += sum(max(0, wire.connects - 1) for wire in wires)
            self._subscriptions.lost_at(link)
            self._spawn(link.close())
        for channel, link in self._subscriptions.displaced(self._link):
            link.pushes.send("SUNSUBSCRIBE", channel)
        self._subscribe_missing()
        self.changed()

    # --- subscriptions

    def subscribe(self, channel: str) -> None:
        """Have what is published on a channel pushed, wherever its slot goes."""
        self._subscriptions.want(channel)
        self._subscribe(channel)

    def subscribed(self, channel: str) -> bool:
        """Whether what is published on a channel is pushed here, as far as is known."""
        link = self._subscriptions.place(channel)
        return link is not None and link.pushes.up

    def unsubscribe(self, channel: str) -> None:
        """No more."""
        link = self._subscriptions.drop(channel) or self._link(channel)
        if link is not None:
            link.pushes.send("SUNSUBSCRIBE", channel)

    def _subscribe(self, channel: str) -> None:
        link = self._link(channel)
        if link is not None:
            link.pushes.send("SSUBSCRIBE", channel)

    def _subscribe_missing(self) -> None:
        for channel in tuple(self._subscriptions.missing):
            self._subscribe(channel)

    def on_found(self, link: Link) -> None:
        """A connection for pushes stands: it knows of no subscription yet."""
        self._subscriptions.lost_at(link)
        for channel in tuple(self._subscriptions.missing):
            if self._link(channel) is link:
                link.pushes.send("SSUBSCRIBE", channel)
        self._gap_soon()
        self.changed()

    def on_push(self, link: Link, message: list[Any]) -> None:
        """A message, or that a subscription stands or has ended."""
        kind = message[0]
        if kind == b"smessage":
            self._pushed(message)
        elif kind == b"ssubscribe":
            if self._subscriptions.confirmed(message[1].decode(), link):
                self._gap_soon()
        elif kind == b"sunsubscribe" and self._subscriptions.ended(message[1].decode(), link):
            self.look_again()

    def _gap_soon(self) -> None:
        """Tell of a gap, once for the many channels that are renewed together."""
        if not self._gap_due:
            self._gap_due = True
            asyncio.get_running_loop().call_later(GAP_SECONDS, self._tell_gap)

    def _tell_gap(self) -> None:
        self._gap_due = False
        self._gap()


def _ignore(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
