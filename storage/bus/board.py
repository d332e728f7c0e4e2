"""Notices that expire: how processes that are no nodes (media workers) are found by those that are.

A notice is a lease: whoever put it up renews it, and it is gone soon after they are. Times are the
store's. The twin in memory is for tests, and for a host without a store between processes.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import hiredis

from storage.bus.cluster import Router
from storage.bus.ports import BusDown

# KEYS board. ARGV name, milliseconds, note.
_PUT_UP: Final = """
local t = redis.call('TIME')
local until_ms = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d ', until_ms) .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.max(600000, tonumber(ARGV[2])))
return 1
"""

# KEYS board. {name, note, ...} of those that have not expired; the others are taken down.
_READ: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local all, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local space = string.find(all[i + 1], ' ', 1, true)
  if tonumber(string.sub(all[i + 1], 1, space - 1)) > now then
    found[#found + 1] = all[i]
    found[#found + 1] = string.sub(all[i + 1], space + 1)
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return found
"""


class Board(Protocol):
    """A place for notices. All methods may raise BusDown."""

    async def start(self) -> None:
        """Connect."""

    async def put_up(self, board: str, name: str, note: bytes, seconds: float) -> None:
        """Put a notice up, or renew it."""

    async def take_down(self, board: str, name: str) -> None:
        """It is no longer true."""

    async def read(self, board: str) -> dict[str, bytes]:
        """What is up, by name."""

    async def close(self) -> None:
        """Disconnect; notices expire by themselves."""


class MemoryBoard:
    """See `Board`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._notices: dict[tuple[str, str], tuple[float, bytes]] = {}

    async def start(self) -> None:
        """See the port."""

    async def put_up(self, board: str, name: str, note: bytes, seconds: float) -> None:
        """See the port."""
        self._notices[board, name] = (self._clock() + seconds, note)

    async def take_down(self, board: str, name: str) -> None:
        """See the port."""
        self._notices.pop((board, name), None)

    async def read(self, board: str) -> dict[str, bytes]:
        """See the port."""
        now = self._clock()
        return {
            name: note
            for (on, name), (until, note) in self._notices.items()
            if on == board and until > now
        }

    async def close(self) -> None:
        """See the port."""


class ValkeyBoard:
    """See `Board`. Over connections of its own: who reads notices need not be a node."""

    def __init__(self, url: str) -> None:
        self._way = Router(url, pushed=lambda _: None, gap=lambda: None)

    async def start(self) -> None:
        """See the port."""
        await self._way.start()

    async def put_up(self, board: str, name: str, note: bytes, seconds: float) -> None:
        """See the port."""
        await self._script(_PUT_UP, board, name, int(seconds * 1000), note)

    async def take_down(self, board: str, name: str) -> None:
        """See the port."""
        try:
            await self._way.call(_key(board), "HDEL", _key(board), name)
        except hiredis.ReplyError as error:
            raise BusDown(str(error)) from error

    async def read(self, board: str) -> dict[str, bytes]:
        """See the port."""
        found = await self._script(_READ, board)
        return {found[n].decode(): found[n + 1] for n in range(0, len(found), 2)}

    async def close(self) -> None:
        """See the port."""
        await self._way.close()

    async def _script(self, text: str, board: str, *words: Any) -> Any:
        key = _key(board)
        sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324
        try:
            return await self._way.call(key, "EVALSHA", sha, 1, key, *words)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise BusDown(str(error)) from error
        try:
            return await self._way.call(key, "EVAL", text, 1, key, *words)
        except hiredis.ReplyError as error:
            raise BusDown(str(error)) from error


def _key(board: str) -> str:
    return f"board:{{{board}}}"
