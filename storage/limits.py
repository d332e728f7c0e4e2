"""Rate limits shared by all nodes: the generic cell rate algorithm in one single-slot script.

Source: ITU-T I.371; one key holds the theoretical arrival time, in the store's own clock.
"""

from typing import Final

from msgspec import Struct
from redis.exceptions import RedisError

from storage.clients import Client

# Whole microseconds: a float's last bit, added up, would refuse the last of those allowed
# whenever all come within one tick of the clock.
SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = tat + gap - gap * burst - now
if wait > 0 then
  return {0, 0, math.ceil(wait / 1000), math.ceil((tat - now) / 1000)}
end
tat = tat + gap
local full_ms = math.ceil((tat - now) / 1000)
redis.call('SET', KEYS[1], string.format('%d', tat), 'PX', full_ms + 1000)
return {1, math.floor((now - tat + gap * burst) / gap), 0, full_ms}
"""


class LimitUnknown(Exception):
    """The store does not answer; the caller decides whether to let pass."""


class Allowed(Struct, frozen=True):
    """Whether this one may pass, how many more may at once, and how long to wait if not.

    `full_ms` is how long until as many may pass at once as ever.
    """

    yes: bool
    remaining: int
    wait_ms: int
    full_ms: int = 0


def gap_microseconds(count: int, per_seconds: float) -> int:
    """How far apart `count` in `per_seconds` are; rounded down, so that none is refused for it."""
    return max(1, int(per_seconds * 1_000_000 / count))


def _name(key: str) -> str:
    # Not `limit:`, where versions before 2026-11-22 kept milliseconds: a node that still runs
    # one would read our microseconds as a time thousands of years away.
    return f"rate:{{{key}}}"


class RateLimits:
    """`redis` is any client with `register_script`."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)

    async def take(self, key: str, count: int, per_seconds: float) -> Allowed:
        """Take one of `count` per `per_seconds` for `key`. Raises LimitUnknown."""
        gap = gap_microseconds(count, per_seconds)
        try:
            answer = await self._script(keys=[_name(key)], args=[gap, count])
        except (RedisError, OSError) as error:
            raise LimitUnknown from error
        return Allowed(bool(answer[0]), int(answer[1]), int(answer[2]), int(answer[3]))

    async def forget(self, key: str) -> None:
        """As if nothing had ever been taken for `key`. Raises LimitUnknown."""
        try:
            await self._redis.delete(_name(key))
        except (RedisError, OSError) as error:
            raise LimitUnknown from error
