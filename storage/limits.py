"""Rate limits shared by all nodes: the generic cell rate algorithm in one single-slot script.

Source: ITU-T I.371; one key holds the theoretical arrival time, in the store's own clock.
"""

from typing import Final

from msgspec import Struct
from redis.exceptions import RedisError

from storage.clients import Client

_SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local allow_at = tat + gap - gap * burst
if allow_at > now then
  return {0, 0, math.ceil(allow_at - now), math.ceil(tat - now)}
end
tat = tat + gap
redis.call('SET', KEYS[1], tat, 'PX', math.ceil(tat - now) + 1000)
return {1, math.floor((now - (tat - gap * burst)) / gap + 1e-6), 0, math.ceil(tat - now)}
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


def _name(key: str) -> str:
    return f"limit:{{{key}}}"


class RateLimits:
    """`redis` is any client with `register_script`."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)

    async def take(self, key: str, count: int, per_seconds: float) -> Allowed:
        """Take one of `count` per `per_seconds` for `key`. Raises LimitUnknown."""
        gap_ms = per_seconds * 1000 / count
        try:
            answer = await self._script(keys=[_name(key)], args=[gap_ms, count])
        except (RedisError, OSError) as error:
            raise LimitUnknown from error
        return Allowed(bool(answer[0]), int(answer[1]), int(answer[2]), int(answer[3]))

    async def forget(self, key: str) -> None:
        """As if nothing had ever been taken for `key`. Raises LimitUnknown."""
        try:
            await self._redis.delete(_name(key))
        except (RedisError, OSError) as error:
            raise LimitUnknown from error
