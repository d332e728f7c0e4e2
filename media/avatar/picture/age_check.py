"""An operator's own judge of whether a portrait shows an adult, asked before a picture is kept.

No program here judges an age. Whoever must, names a service (people who look, or a network they
trust); once it is named nothing passes without its yes: no answer is a no.
"""

import asyncio
from typing import Final, Protocol

import httpx2
import msgspec

from config.faces import FaceSettings
from media.avatar.picture.claims import refused

MOST_BYTES: Final = 65_536


class AgeCheck(Protocol):
    """Asked with the upright portrait that would be kept, a JPEG."""

    async def admit(self, portrait: bytes) -> None:
        """Raises PictureRefused: `not_adult`, or `no_check` when nobody could judge."""
        ...


class Verdict(msgspec.Struct, frozen=True):
    """What the service answers; whatever else it says is not read."""

    adult: bool


class _NoVerdict(Exception):
    """The service answered, but not what was asked."""


class HttpAgeCheck:
    """POSTs the portrait and expects `{"adult": true}` with status 200, within the time."""

    def __init__(self, url: str, token: str = "", seconds: float = 10.0) -> None:
        self._url = url
        self._token = token
        self._seconds = seconds

    async def admit(self, portrait: bytes) -> None:
        """Raises PictureRefused."""
        try:
            async with asyncio.timeout(self._seconds):
                verdict = await self._asked(portrait)
        except (_NoVerdict, httpx2.HTTPError, httpx2.InvalidURL, msgspec.MsgspecError,
                TimeoutError) as error:  # fmt: skip
            raise refused(
                "no_check", "Nobody can look at this picture just now: try again later."
            ) from error
        if not verdict.adult:
            raise refused("not_adult", "No single adult face was found in this picture.")

    async def _asked(self, portrait: bytes) -> Verdict:
        headers = {"content-type": "image/jpeg", "accept": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        async with (
            httpx2.AsyncClient(timeout=self._seconds, follow_redirects=False) as client,
            client.stream("POST", self._url, content=portrait, headers=headers) as answer,
        ):
            if answer.status_code != httpx2.codes.OK:
                raise _NoVerdict(f"the judge answered {answer.status_code}")
            body = b""
            async for block in answer.aiter_bytes():
                body += block
                if len(body) > MOST_BYTES:
                    raise _NoVerdict("the judge says too much")
        return msgspec.json.decode(body, type=Verdict)


def age_check(settings: FaceSettings) -> AgeCheck | None:
    """The operator's judge, where one is named."""
    if not settings.age_check_url:
        return None
    return HttpAgeCheck(
        settings.age_check_url, settings.age_check_token, settings.age_check_seconds
    )
