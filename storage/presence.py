"""Who is here, on which nodes, in the bus's store: a sorted set a person, one member a node.

Each node says again and again that somebody is there, so that what a dead node said fades away
by itself and needs nobody to clear it up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

from redis.exceptions import RedisError

from storage.clients import Client

Status = Literal["online", "away", "offline"]
T = TypeVar("T")
LIVES_SECONDS: Final = 60
AT_ONCE: Final = 500


class PresenceUnknown(Exception):
    """The store does not answer."""


class Presences:
    """`redis` is any client with pipelines."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    async def mark(self, node: str, people: Mapping[str, Status], now_ms: int) -> None:
        """These are (still) on `node`; `offline` takes them off it. Raises PresenceUnknown."""
        until_ms = now_ms + LIVES_SECONDS * 1000
        for some in _pieces(list(people.items())):
            pipe = self._redis.pipeline(transaction=False)
            for person, status in some:
                for other in ("online", "away"):
                    if other != status:
                        pipe.zrem(_name(person), f"{other}/{node}")
                if status != "offline":
                    pipe.zadd(_name(person), {f"{status}/{node}": until_ms})
                    pipe.expire(_name(person), LIVES_SECONDS)
            await _run(pipe)

    async def of(self, people: Iterable[str], now_ms: int) -> dict[str, Status]:
        """How these are, over all nodes; online anywhere is online. Raises PresenceUnknown."""
        found: dict[str, Status] = {}
        for some in _pieces(list(dict.fromkeys(people))):
            pipe = self._redis.pipeline(transaction=False)
            for person in some:
                pipe.zrangebyscore(_name(person), now_ms, "+inf")
            for person, said in zip(some, await _run(pipe), strict=True):
                found[person] = overall(one.decode() for one in said)
        return found


def overall(said: Iterable[str]) -> Status:
    """One status from what nodes say of a person, each as `status/node`."""
    statuses = {one.partition("/")[0] for one in said}
    if "online" in statuses:
        return "online"
    return "away" if "away" in statuses else "offline"


def _name(person: str) -> str:
    return f"presence:{{{person}}}"


def _pieces(all_of_them: Sequence[T]) -> Iterable[Sequence[T]]:
    return (all_of_them[i : i + AT_ONCE] for i in range(0, len(all_of_them), AT_ONCE))


async def _run(pipe: Any) -> list[Any]:
    try:
        found: list[Any] = await pipe.execute()
    except (RedisError, OSError) as error:
        raise PresenceUnknown from error
    return found
