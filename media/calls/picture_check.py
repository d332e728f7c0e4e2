"""An operator's own judge of what a camera shows, asked before a companion is shown a still of it.

No program here judges a picture. Whoever must, names a service (a classifier, a network they
trust); once it is named no still passes without its yes.
"""

from typing import Literal, Protocol

import msgspec

from config.calls import CallSettings
from media.judge import judged

Because = Literal["", "minor", "nudity", "other"]


class Verdict(msgspec.Struct, frozen=True):
    """What the service answers; whatever else it says is not read.

    `because`: why it is a no; `minor` where it shows somebody who may be under age.
    """

    allowed: bool
    because: Because = ""


class PictureCheck(Protocol):
    """Asked with each still, a JPEG, that a companion would be shown."""

    async def judge(self, jpeg: bytes) -> Verdict:
        """Raises media.judge.NoVerdict when nobody could judge."""
        ...


class HttpPictureCheck:
    """POSTs the still and expects `{"allowed": true}` with status 200, within the time."""

    def __init__(self, url: str, token: str = "", seconds: float = 3.0) -> None:
        self._url = url
        self._token = token
        self._seconds = seconds

    async def judge(self, jpeg: bytes) -> Verdict:
        """Raises NoVerdict."""
        return await judged(self._url, self._token, self._seconds, jpeg, Verdict)


def picture_check(settings: CallSettings) -> PictureCheck | None:
    """The operator's judge, where one is named."""
    if not settings.camera_check_url:
        return None
    return HttpPictureCheck(
        settings.camera_check_url, settings.camera_check_token, settings.camera_check_seconds
    )
