"""When a provider is asked, asked again, or left alone: the router's rules, without its waiting.

A circuit is closed until `failures` in a row, then open for `rest_seconds`, then one trial
decides. Times are seconds of any one monotonic clock.
"""

from typing import Final

from msgspec import Struct

from rooms.dialogue.ports import ModelError, ModelRefused, ModelTimeout, ModelUnusable

RETRY_WAIT_SECONDS_MAX: Final = 5.0
PATIENCE_WITH_OTHERS_SECONDS: Final = 0.5
_FIRST_WAIT_SECONDS: Final = 0.2


class Circuit(Struct, frozen=True):
    """One provider's health."""

    failed: int = 0
    open_until: float | None = None
    trying: bool = False

    def may_ask(self, now: float) -> bool:
        """Whether the provider may be asked now."""
        return self.open_until is None or (now >= self.open_until and not self.trying)

    def rests_seconds(self, now: float) -> float:
        """How long it still rests."""
        return 0.0 if self.open_until is None else max(0.0, self.open_until - now)

    def asked(self, now: float) -> "Circuit":
        """Somebody asks; after a rest this is the trial that others wait for."""
        resting = self.open_until is not None and now >= self.open_until
        return Circuit(self.failed, self.open_until, trying=True) if resting else self

    def succeeded(self) -> "Circuit":
        """It answers: all is forgotten."""
        return Circuit()

    def left(self) -> "Circuit":
        """The asker went away before it was known; the next one may try."""
        return Circuit(self.failed, self.open_until)

    def failed_with(
        self, error: ModelError, now: float, failures: int, rest_seconds: float
    ) -> "Circuit":
        """It failed. It rests after `failures` in a row, after a failed trial, or when it asked to.

        A request that was refused for what it says is no failure of the provider's: nobody
        shall be able to silence a model for everybody with one bad message.
        """
        if isinstance(error, ModelRefused) and not isinstance(error, ModelUnusable):
            return self.left()
        failed = self.failed + 1
        wish = error.retry_after_seconds or 0.0
        if failed >= failures or self.trying:
            return Circuit(failed, now + max(rest_seconds, wish))
        if wish > RETRY_WAIT_SECONDS_MAX:
            return Circuit(failed, now + wish)
        return Circuit(failed)


def wait_before_asking_again(
    error: ModelError, attempt: int, retries: int, *, others: bool, chance: float
) -> float | None:
    """Seconds to wait before the same provider is asked again, or None to go on to the next.

    attempt: how often it was asked already, from 1. others: whether another one could answer
    now. chance: a number from 0 to 1, so that many turns do not come back at the same moment.
    """
    if not error.retryable or attempt > retries:
        return None
    if isinstance(error, ModelTimeout) and others:
        return None
    wait = _FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * (0.5 + chance)
    wait = max(wait, error.retry_after_seconds or 0.0)
    most = PATIENCE_WITH_OTHERS_SECONDS if others else RETRY_WAIT_SECONDS_MAX
    return wait if wait <= most else None
