"""An operator's own judge of whether a portrait shows an adult, asked before a picture is kept.

No program here judges an age. Whoever must, names a service (people who look, or a network they
trust); once it is named nothing passes without its yes: no answer is a no.
"""

from typing import Protocol

import msgspec

from config.faces import FaceSettings
from media.avatar.picture.claims import refused
from media.judge import NoVerdict, judged


class AgeCheck(Protocol):
    """Asked with the upright portrait that would be kept, a JPEG."""

    async def admit(self, portrait: bytes) -> None:
        """Raises PictureRefused: `not_adult`, or `no_check` when nobody could judge."""
        ...


class Verdict(msgspec.Struct, frozen=True):
    """What the service answers; whatever else it says is not read."""

    adult: bool


class HttpAgeCheck:
    """POSTs the portrait and expects `{"adult": true}` with status 200, within the time."""

    def __init__(self, url: str, token: str = "", seconds: float = 10.0) -> None:
        self._url = url
        self._token = token
        self._seconds = seconds

    async def admit(self, portrait: bytes) -> None:
        """Raises PictureRefused."""
        try:
            verdict = await judged(self._url, self._token, self._seconds, portrait, Verdict)
        except NoVerdict as error:
            raise refused(
                "no_check", "Nobody can look at this picture just now: try again later."
            ) from error
        if not verdict.adult:
            raise refused("not_adult", "No single adult face was found in this picture.")


def age_check(settings: FaceSettings) -> AgeCheck | None:
    """The operator's judge, where one is named."""
    if not settings.age_check_url:
        return None
    return HttpAgeCheck(
        settings.age_check_url, settings.age_check_token, settings.age_check_seconds
    )
