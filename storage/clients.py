"""A redis-py client for what is asked rarely: rate limits and presence. The bus has its own wire.

Which kind it must be, the server says: the same address serves a single one and a cluster.
"""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

TIMEOUT_SECONDS = 2.0

Client = Redis | RedisCluster


async def client_of(url: str) -> Client:
    """A client of the server or cluster at `url`. Connects when it is used."""
    single: Any = Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS)
    try:
        told = await single.execute_command("CLUSTER", "INFO")
    except (RedisError, OSError):
        return single  # type: ignore[no-any-return]
    if "cluster_state" not in str(told):
        return single  # type: ignore[no-any-return]
    await single.aclose()
    return RedisCluster.from_url(url, socket_timeout=TIMEOUT_SECONDS)
