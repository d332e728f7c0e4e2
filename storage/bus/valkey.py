"""The bus over Valkey or Redis: capped streams, one Lua append, sharded publish/subscribe.

Every script touches one slot only (`{log}` hash tags): storage/bus/cluster.py finds its server.
"""

import asyncio
import contextlib
import hashlib
import itertools
import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis
import msgspec
import structlog

from storage.bus import scripts
from storage.bus.cluster import Router
from storage.bus.ports import (
    SESSION_SECONDS,
    Appended,
    BusDown,
    Deliver,
    Entry,
    Head,
    Kept,
    Lease,
    Place,
    StaleFence,
    Wanted,
    Whisper,
)
from storage.bus.tally import BusTally
from storage.bus.wire import NotNow

logger = structlog.get_logger(__name__)
NODE_MS: Final = 2_000
BEAT_SECONDS: Final = 0.5
NAME_SECONDS: Final = 3.0
HEAD_SECONDS: Final = 86_400
WAIT_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 0.25

_encode = msgspec.msgpack.Encoder().encode
_decode_one = msgspec.msgpack.Decoder(Wanted).decode
_decode_many = msgspec.msgpack.Decoder(list[Wanted]).decode


class ValkeyBus:
    """See storage/bus/ports.py. The address may be a single server's or any of a cluster's."""

    def __init__(self, url: str, *, log_entries: int, log_seconds: int) -> None:
        self._tally = BusTally()
        self._entries = log_entries
        self._seconds = log_seconds
        self._way = Router(url, pushed=self._on_push, gap=lambda: self._gap())
        self._shas: dict[str, str] = {}
        self._appends = itertools.count()
        self._followed: dict[str, int] = {}
        self._order: dict[str, asyncio.Lock] = {}
        self._node = ""
        self._tag = secrets.token_hex(6)  # of this process; its own echoes are known by it
        self._deliver: Deliver = lambda *_: None
        self._whisper: Whisper = lambda *_: None
        self._gap: Callable[[], None] = lambda: None
        self._beating: asyncio.Task[None] | None = None

    @property
    def tally(self) -> BusTally:
        """What it is counted by."""
        self._tally.reconnects = self._way.reconnects
        return self._tally

    async def start(
        self, node: str, deliver: Deliver, whisper: Whisper, gap: Callable[[], None]
    ) -> None:
        """Connect, and beat this node's heart."""
        self._node, self._deliver, self._whisper, self._gap = node, deliver, whisper, gap
        await self._way.start()
        try:
            await self._first_beat()
        except BaseException:
            await self.close()
            raise
        self._beating = asyncio.create_task(self._beat_on(), name="bus heartbeat")

    async def close(self) -> None:
        """Stop beating and disconnect."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            with contextlib.suppress(BusDown, TimeoutError):
                async with asyncio.timeout(1):
                    await self._call("DEL", f"node:{self._node}")
        await self._way.close()

    # --- logs

    async def append(
        self,
        log: str,
        fence: int,
        entries: Sequence[Wanted],
        state: dict[str, bytes | None],
        known: Place | None = None,
    ) -> Appended:
        """See the port. One at a time per log, so that a repeat is always of the last one."""
        known = known or Place("", 0)
        words: list[Any] = [fence, self._tag, next(self._appends), f"{random.getrandbits(32):08x}"]
        words += [known.generation, known.pos, self._entries, self._seconds]
        words += [max(HEAD_SECONDS, self._seconds), len(entries)]
        words += [self._tag.encode() + b" " + _encode(entries)]
        channel = f"{{{log}}}:live"
        words += [channel, int(self._way.subscribed(channel))]
        words += [_encode(entry) for entry in entries]
        for reply, kept in state.items():
            words += [reply, kept if kept is not None else b""]
        keys = [f"{{{log}}}:log", f"{{{log}}}:h"]
        lock = self._order.setdefault(log, asyncio.Lock())
        began = time.perf_counter()
        try:
            async with lock:
                answer = await self._script(scripts.APPEND, keys, words, wait=True)
        except BusDown:
            self._tally.refused += 1
            raise
        finally:
            if not lock.locked() and self._order.get(log) is lock:
                del self._order[log]
        self._tally.append_seconds.see(time.perf_counter() - began)
        if not answer:
            self._tally.stale += 1
            raise StaleFence(log)
        return Appended(answer[0].decode(), int(answer[1]), int(answer[2]))

    async def head(self, log: str) -> Head:
        """See the port."""
        flat = await self._call("HGETALL", f"{{{log}}}:h")
        h = dict(zip(flat[::2], flat[1::2], strict=True))
        return Head(
            generation=h.get(b"gen", b"").decode(),
            pos=int(h.get(b"pos", 0)),
            fence=int(h.get(b"fence", 0)),
            node=h.get(b"node", b"").decode(),
            open={k[2:].decode(): v for k, v in h.items() if k.startswith(b"o:")},
        )

    async def heads(self, logs: Sequence[str], *, partly: bool = False) -> dict[str, Place]:
        """See the port."""
        keys = [f"{{{log}}}:h" for log in logs]
        answers = await self._way.post_all([(key, ("HMGET", key, "gen", "pos")) for key in keys])
        found: dict[str, Place] = {}
        for log, key, answer in zip(logs, keys, answers, strict=True):
            try:
                told: Any = answer
                if isinstance(told, BaseException):  # perhaps its slot has only moved
                    told = await self._call("HMGET", key, "gen", "pos")
            except BusDown:
                if not partly:
                    raise
                continue
            generation, pos = told
            if generation is not None:
                found[log] = Place(generation.decode(), int(pos or 0))
        return found

    async def read(self, log: str, after: int, limit: int) -> list[Entry]:
        """See the port."""
        start = f"({after}-0" if after else "-"
        rows = await self._call("XRANGE", f"{{{log}}}:log", start, "+", "COUNT", limit)
        return [_entry(row) for row in rows]

    # --- leases

    async def take(self, log: str, floor: int) -> Lease:
        """See the port."""
        lease = await self._take(log, floor, "")
        if lease.fence or await self._call("EXISTS", f"node:{lease.holder}"):
            return lease
        return await self._take(log, floor, lease.holder)

    async def _take(self, log: str, floor: int, dead: str) -> Lease:
        words = [dead, self._node, floor, secrets.token_hex(4), max(HEAD_SECONDS, self._seconds)]
        fence, holder = await self._script(scripts.TAKE, [f"{{{log}}}:h"], words)
        return Lease(max(0, int(fence)), holder.decode())

    async def release(self, log: str, fence: int) -> None:
        """See the port."""
        await self._script(scripts.RELEASE, [f"{{{log}}}:h"], [fence])

    async def living(self) -> list[str]:
        """See the port. A node whose key was deleted is dead at once."""
        known = await self._script(scripts.LIVING, ["nodes"], [60_000, ""])
        names = [name.decode() for name in known]
        alive = await asyncio.gather(*(self._call("EXISTS", f"node:{name}") for name in names))
        return [name for name, here in zip(names, alive, strict=True) if here]

    async def _beat(self) -> bool:
        mine = await self._script(scripts.BEAT, [f"node:{self._node}"], [self._tag, NODE_MS])
        if mine:
            await self._script(scripts.LIVING, ["nodes"], [60_000, self._node])
        return bool(mine)

    async def _first_beat(self) -> None:
        """Wait for a predecessor's key to run out, and for a cluster that is settling."""
        why: BusDown = BusDown(f"another living server is called {self._node!r} on this bus")
        deadline = asyncio.get_running_loop().time() + NAME_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            try:
                if await self._beat():
                    return
            except NotNow as error:
                why = error
            await self._way.news(0.1)
        raise why

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                if not await self._beat():
                    logger.error("another server has this node's name", node=self._node)
            except (BusDown, hiredis.ReplyError):
                continue

    # --- what is pushed

    def follow(self, log: str) -> None:
        """See the port."""
        self._followed[log] = self._followed.get(log, 0) + 1
        if self._followed[log] == 1:
            self._way.subscribe(f"{{{log}}}:live")

    def unfollow(self, log: str) -> None:
        """See the port."""
        left = self._followed.get(log, 0) - 1
        if left > 0:
            self._followed[log] = left
        elif self._followed.pop(log, None) is not None:
            self._way.unsubscribe(f"{{{log}}}:live")

    def whisper(self, log: str, payload: bytes) -> None:
        """See the port."""
        words = b"~ 0 " + self._tag.encode() + b" " + payload
        channel = f"{{{log}}}:live"
        self._way.tell(channel, "SPUBLISH", channel, words)

    def _on_push(self, message: list[Any]) -> None:
        log = message[1].decode().removesuffix(":live").strip("{}")
        generation, first, tag, payload = message[2].split(b" ", 3)
        if tag.decode() == self._tag:
            return  # delivered in process already
        if generation == b"~":
            self._whisper(log, payload)
        else:
            self._deliver(log, generation.decode(), int(first), _decode_many(payload))

    # --- session records

    async def begin(self, session: str, owner: str, record: bytes) -> None:
        """See the port."""
        person, epoch = msgspec.msgpack.decode(record)[:2]
        key = f"{{{session}}}:s"
        await asyncio.gather(
            self._call("HSET", key, "o", owner, "p", person, "e", epoch, "r", record),
            self._call("EXPIRE", key, SESSION_SECONDS),
        )

    async def touch(
        self, session: str, owner: str, record: bytes | None, anchors: Sequence[bytes]
    ) -> bool | None:
        """See the port."""
        words = [owner, SESSION_SECONDS, record or b"", *(anchors if record else ())]
        return _whose(await self._script(scripts.TOUCH, _session_keys(session), words))

    async def anchor(self, session: str, owner: str, anchor: bytes) -> bool | None:
        """See the port."""
        words = [owner, SESSION_SECONDS, anchor]
        return _whose(await self._script(scripts.ANCHOR, _session_keys(session), words))

    async def own(self, session: str, owner: str, person: str, epoch: str) -> Kept | None:
        """See the port."""
        words = [owner, SESSION_SECONDS, person, epoch]
        answer = await self._script(scripts.OWN, _session_keys(session), words)
        return Kept(answer[0], answer[1]) if answer else None

    # --- calls

    async def _call(self, verb: str, key: str, *words: Any) -> Any:
        try:
            return await self._way.call(key, verb, key, *words)
        except hiredis.ReplyError as error:
            raise BusDown(str(error)) from error

    async def _script(
        self, text: str, keys: list[str], words: list[Any], *, wait: bool = False
    ) -> Any:
        """EVALSHA, or EVAL where the script is unknown; `wait` waits until it can be taken."""
        sha = self._shas.get(text)
        if sha is None:
            sha = self._shas[text] = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324
        verb, script = "EVALSHA", sha
        deadline: float | None = None
        while True:
            try:
                return await self._way.call(keys[0], verb, script, len(keys), *keys, *words)
            except hiredis.ReplyError as error:
                if verb == "EVAL" or not str(error).startswith("NOSCRIPT"):
                    raise BusDown(str(error)) from error
                verb, script = "EVAL", text
            except NotNow:
                now = asyncio.get_running_loop().time()
                deadline = deadline or now + WAIT_SECONDS
                if not wait or now > deadline:
                    raise
                await self._way.news(RETRY_SECONDS)


def _whose(answer: int) -> bool | None:
    return None if answer < 0 else bool(answer)


def _session_keys(session: str) -> list[str]:
    return [f"{{{session}}}:s", f"{{{session}}}:a"]


def _entry(row: list[Any]) -> Entry:
    pos = int(row[0].partition(b"-")[0])
    wanted = _decode_one(row[1][1])
    return Entry(pos, wanted.at, wanted.to, wanted.reply, wanted.event)
