"""A picture shown to an operator's own judge, whose short answer is read with bounds.

Nothing here looks at pictures. Whoever asks decides what no answer means: for all of them so far
it is a no.
"""

import asyncio
from typing import Final, TypeVar

import httpx2
import msgspec

MOST_BYTES: Final = 65_536
T = TypeVar("T")


class NoVerdict(Exception):
    """Nobody judged: no answer in time, or none that was asked for."""


async def judged(url: str, token: str, seconds: float, jpeg: bytes, answer: type[T]) -> T:
    """POST a JPEG and read a 200 as `answer`, all within `seconds`. Raises NoVerdict."""
    try:
        async with asyncio.timeout(seconds):
            return await _asked(url, token, seconds, jpeg, answer)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, msgspec.MsgspecError,
            TimeoutError, OSError, ValueError) as error:  # fmt: skip
        raise NoVerdict(type(error).__name__) from error


async def _asked(url: str, token: str, seconds: float, jpeg: bytes, answer: type[T]) -> T:
    headers = {"content-type": "image/jpeg", "accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    async with (
        httpx2.AsyncClient(timeout=seconds, follow_redirects=False) as client,
        client.stream("POST", url, content=jpeg, headers=headers) as told,
    ):
        if told.status_code != httpx2.codes.OK:
            raise NoVerdict(f"the judge answered {told.status_code}")
        body = b""
        async for block in told.aiter_bytes():
            body += block
            if len(body) > MOST_BYTES:
                raise NoVerdict("the judge says too much")
    return msgspec.json.decode(body, type=answer)
