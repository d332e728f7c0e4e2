"""A provider's refusal as one of our errors, told from the status and the headers alone.

What the provider wrote is kept as `detail` for the operator who tries a model; it is never
logged, because providers like to quote the prompt.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from rooms.dialogue.ports import (
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnusable,
)

RETRY_AFTER_SECONDS_MAX: Final = 3600.0
_DETAIL_CHARACTERS: Final = 300
_OVER_QUOTA: Final = "insufficient_quota"


class Unreachable(ModelBroken):
    """Nobody listens there, or the connection broke before an answer began."""


def failure_of(status: int, headers: Mapping[str, str], told: str) -> ModelError:
    """What an HTTP status means to the router: wait, ask again, ask elsewhere, or give up."""
    wait = retry_after(headers, time.time())
    detail = told[:_DETAIL_CHARACTERS]
    if status == 429 and _OVER_QUOTA in told:
        return ModelUnusable("the provider says the quota is used up", detail=detail)
    if status in {429, 529}:
        return ModelBusy(
            "the provider asks us to slow down", retry_after_seconds=wait, detail=detail
        )
    if status == 408:
        return ModelTimeout("the provider did not answer in time", detail=detail)
    if status >= 500 or status in {409, 425}:
        return ModelBroken(
            f"the provider answered {status}", retry_after_seconds=wait, detail=detail
        )
    if status == 402:
        return ModelUnusable("the provider wants to be paid first (402)", detail=detail)
    if status in {401, 403}:
        return ModelUnusable(f"the provider does not accept the key ({status})", detail=detail)
    if status == 404:
        return ModelUnusable("the provider knows no such model or address (404)", detail=detail)
    return ModelRefused(f"the provider refused the request with {status}", detail=detail)


def retry_after(headers: Mapping[str, str], now_seconds: float) -> float | None:
    """How long the provider wants us to wait: milliseconds, seconds or a date."""
    try:
        if (ms := headers.get("retry-after-ms")) is not None:
            return _bounded(float(ms) / 1000)
        told = headers.get("retry-after")
        return None if told is None else _bounded(float(told))
    except ValueError:
        pass
    try:
        return _bounded(parsedate_to_datetime(headers["retry-after"]).timestamp() - now_seconds)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    """Within reason; a number that is none counts as not told."""
    if seconds != seconds:
        raise ValueError
    return min(max(0.0, seconds), RETRY_AFTER_SECONDS_MAX)
