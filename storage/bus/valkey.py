"""The bus over Valkey or Redis: capped streams, one Lua append, sharded publish/subscribe.

Every script touches one slot only (`{log}` hash tags), so that a cluster needs just a URL.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis
import msgspec

from storage.bus.ports import (
    Appended,
    BusDown,
    Deliver,
    Entry,
    Head,
    Lease,
    StaleFence,
    Wanted,
    Whisper,
)
from storage.bus.wire import Wire

NODE_MS: Final = 2_000
BEAT_SECONDS: Final = 0.5
SESSION_SECONDS: Final = 300
ANCHORS_MAX: Final = 4_096

# One append: fence, repeat, entries, open replies, push. Answers {generation, last pos} or {-1}.
_APPEND: Final = """
local h = redis.call('HMGET', KEYS[2], 'gen', 'pos', 'fence', 'last')
local fence = tonumber(ARGV[1])
if tonumber(h[3] or 0) > fence then return {-1} end
local gen, pos = h[1] or ARGV[3], tonumber(h[2] or 0)
if h[4] == ARGV[2] then return {gen, pos} end
local n, first = tonumber(ARGV[6]), pos + 1
for i = 1, n do
  pos = pos + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], pos .. '-0', 'e', ARGV[7 + i])
end
redis.call('HSET', KEYS[2], 'gen', gen, 'pos', pos, 'fence', fence, 'last', ARGV[2])
for i = 8 + n, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], 'o:' .. ARGV[i])
  else redis.call('HSET', KEYS[2], 'o:' .. ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('SPUBLISH', KEYS[3], gen .. ' ' .. first .. ' ' .. ARGV[7])
return {gen, pos}
"""

# Take a lease if its holder is who we think: fence above the old one, the floor and the clock.
_TAKE: Final = """
local h = redis.call('HMGET', KEYS[1], 'gen', 'fence', 'node')
if (h[3] or '') ~= ARGV[1] then return {-1, h[3] or ''} end
local t = redis.call('TIME')
local fence = math.max(tonumber(h[2] or 0) + 1, tonumber(ARGV[3]) + 1, tonumber(t[1]))
redis.call('HSET', KEYS[1], 'fence', string.format('%d', fence), 'node', ARGV[2])
if not h[1] then redis.call('HSET', KEYS[1], 'gen', ARGV[4], 'pos', 0) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return {fence, ARGV[2]}
"""

_RELEASE: Final = """
local h = redis.call('HMGET', KEYS[1], 'fence', 'node')
if tonumber(h[1] or 0) == tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], 'node') end
return 1
"""

_encode = msgspec.msgpack.Encoder().encode
_decode_one = msgspec.msgpack.Decoder(Wanted).decode
_decode_many = msgspec.msgpack.Decoder(list[Wanted]).decode


class ValkeyBus:
    """See storage/bus/ports.py. Two connections: one for calls, one for what is pushed."""

    def __init__(self, url: str, *, log_entries: int, log_seconds: int) -> None:
        self._entries = log_entries
        self._seconds = log_seconds
        self._calls = Wire(url)
        self._pushes = Wire(url, pushed=self._on_push, found=self._again)
        self._shas: dict[str, str] = {}
        self._followed: dict[str, int] = {}
        self._node = ""
        self._deliver: Deliver = lambda *_: None
        self._whisper: Whisper = lambda *_: None
        self._gap: Callable[[], None] = lambda: None
        self._beating: asyncio.Task[None] | None = None

    async def start(
        self, node: str, deliver: Deliver, whisper: Whisper, gap: Callable[[], None]
    ) -> None:
        """Connect, and beat this node's heart."""
        self._node, self._deliver, self._whisper, self._gap = node, deliver, whisper, gap
        await self._calls.start()
        await self._pushes.start()
        await self._beat()
        self._beating = asyncio.create_task(self._beat_on(), name="bus heartbeat")

    async def close(self) -> None:
        """Stop beating and disconnect."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        with contextlib.suppress(BusDown):
            await self._calls.call("DEL", f"node:{self._node}")
        await self._calls.close()
        await self._pushes.close()

    # --- logs

    async def append(
        self, log: str, fence: int, entries: Sequence[Wanted], state: dict[str, bytes | None]
    ) -> Appended:
        """See the port. Retries across a lost connection under the same append id."""
        append_id = f"{self._node}.{secrets.token_hex(6)}"
        words: list[Any] = [fence, append_id, secrets.token_hex(4), self._entries, self._seconds]
        words += [len(entries), self._node.encode() + b" " + _encode(entries)]
        words += [_encode(entry) for entry in entries]
        for reply, kept in state.items():
            words += [reply, kept if kept is not None else b""]
        keys = [f"{{{log}}}:log", f"{{{log}}}:h", f"{{{log}}}:live"]
        answer = await self._script(_APPEND, keys, words)
        if answer[0] == -1:
            raise StaleFence(log)
        last = int(answer[1])
        return Appended(answer[0].decode(), last - len(entries) + 1, last)

    async def head(self, log: str) -> Head:
        """See the port."""
        flat = await self._calls.call("HGETALL", f"{{{log}}}:h")
        h = dict(zip(flat[::2], flat[1::2], strict=True))
        return Head(
            generation=h.get(b"gen", b"").decode(),
            pos=int(h.get(b"pos", 0)),
            fence=int(h.get(b"fence", 0)),
            node=h.get(b"node", b"").decode(),
            open={k[2:].decode(): v for k, v in h.items() if k.startswith(b"o:")},
        )

    async def heads(self, logs: Sequence[str]) -> dict[str, tuple[str, int]]:
        """See the port."""
        asked = [self._calls.post("HMGET", f"{{{log}}}:h", "gen", "pos") for log in logs]
        found: dict[str, tuple[str, int]] = {}
        for log, future in zip(logs, asked, strict=True):
            generation, pos = await future
            if generation is not None:
                found[log] = (generation.decode(), int(pos or 0))
        return found

    async def read(self, log: str, after: int, limit: int) -> list[Entry]:
        """See the port."""
        start = f"({after}-0" if after else "-"
        rows = await self._calls.call("XRANGE", f"{{{log}}}:log", start, "+", "COUNT", limit)
        return [_entry(row) for row in rows]

    # --- leases

    async def take(self, log: str, floor: int) -> Lease:
        """See the port."""
        holder = (await self.head(log)).node
        if holder and holder != self._node and await self._calls.call("EXISTS", f"node:{holder}"):
            return Lease(0, holder)
        words = [holder, self._node, floor, secrets.token_hex(4), self._seconds]
        answer = await self._script(_TAKE, [f"{{{log}}}:h"], words)
        if answer[0] == -1:
            return Lease(0, answer[1].decode())
        return Lease(int(answer[0]), self._node)

    async def release(self, log: str, fence: int) -> None:
        """See the port."""
        await self._script(_RELEASE, [f"{{{log}}}:h"], [fence])

    async def living(self) -> list[str]:
        """See the port."""
        nodes: list[str] = []
        cursor = b"0"
        while True:
            cursor, keys = await self._calls.call("SCAN", cursor, "MATCH", "node:*", "COUNT", 500)
            nodes += [key.decode().removeprefix("node:") for key in keys]
            if cursor == b"0":
                return nodes

    async def _beat(self) -> None:
        await self._calls.call("SET", f"node:{self._node}", "1", "PX", NODE_MS)

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat()
            except (BusDown, hiredis.HiredisError):
                continue

    # --- what is pushed

    def follow(self, log: str) -> None:
        """See the port."""
        self._followed[log] = self._followed.get(log, 0) + 1
        if self._followed[log] == 1:
            self._pushes.send("SSUBSCRIBE", f"{{{log}}}:live")

    def unfollow(self, log: str) -> None:
        """See the port."""
        left = self._followed.get(log, 0) - 1
        if left > 0:
            self._followed[log] = left
        elif self._followed.pop(log, None) is not None:
            self._pushes.send("SUNSUBSCRIBE", f"{{{log}}}:live")

    def whisper(self, log: str, payload: bytes) -> None:
        """See the port. Lost while the bus is away, as ephemeral things may be."""
        words = b"~ 0 " + self._node.encode() + b" " + payload
        self._calls.post("SPUBLISH", f"{{{log}}}:live", words).add_done_callback(_ignore)

    def _again(self) -> None:
        """Connected anew: subscribe to all that is followed, and have gaps read from the logs."""
        for log in self._followed:
            self._pushes.send("SSUBSCRIBE", f"{{{log}}}:live")
        self._gap()

    def _on_push(self, message: list[Any]) -> None:
        if message[0] != b"smessage":
            return
        log = message[1].decode().removesuffix(":live").strip("{}")
        generation, first, node, payload = message[2].split(b" ", 3)
        if node.decode() == self._node:
            return  # delivered in process already
        if generation == b"~":
            self._whisper(log, payload)
        else:
            self._deliver(log, generation.decode(), int(first), _decode_many(payload))

    # --- session records

    async def remember(self, session: str, record: bytes | None, anchor: bytes | None) -> None:
        """See the port."""
        key, anchors = f"{{{session}}}:s", f"{{{session}}}:a"
        asked: list[asyncio.Future[Any]] = []
        if record is not None:
            asked.append(self._calls.post("SET", key, record, "EX", SESSION_SECONDS))
            asked.append(self._calls.post("EXPIRE", anchors, SESSION_SECONDS))
        if anchor is not None:
            asked.append(self._calls.post("RPUSH", anchors, anchor))
            asked.append(self._calls.post("LTRIM", anchors, -ANCHORS_MAX, -1))
            asked.append(self._calls.post("EXPIRE", anchors, SESSION_SECONDS))
            asked.append(self._calls.post("EXPIRE", key, SESSION_SECONDS))
        for future in asked:
            await future

    async def recall(self, session: str) -> tuple[bytes, list[bytes]] | None:
        """See the port."""
        record = await self._calls.call("GET", f"{{{session}}}:s")
        if record is None:
            return None
        return record, await self._calls.call("LRANGE", f"{{{session}}}:a", 0, -1)

    async def _script(self, text: str, keys: list[str], words: list[Any]) -> Any:
        """EVALSHA, loading the script where the server does not know it; waits out a reconnect."""
        sha = self._shas.setdefault(text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324
        for _ in range(20):
            try:
                return await self._calls.call("EVALSHA", sha, len(keys), *keys, *words)
            except hiredis.ReplyError as error:
                if str(error).startswith("NOSCRIPT"):
                    await self._calls.call("SCRIPT", "LOAD", text)
                elif str(error).startswith(("LOADING", "BUSY")):
                    await asyncio.sleep(0.1)
                else:
                    raise BusDown(str(error)) from error
            except BusDown:
                await self._calls.wait_up(10.0)
        raise BusDown("the bus keeps going away")


def _entry(row: list[Any]) -> Entry:
    pos = int(row[0].partition(b"-")[0])
    wanted = _decode_one(row[1][1])
    return Entry(pos, wanted.at, wanted.to, wanted.reply, wanted.event)


def _ignore(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
