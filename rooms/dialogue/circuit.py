"""When a provider is left alone: a circuit breaker as a pure state machine.

Closed until `failures` in a row, then open for `rest_seconds`, then one trial decides.
"""

from msgspec import Struct


class Circuit(Struct, frozen=True):
    """One provider's health. Times are seconds of any one monotonic clock."""

    failed: int = 0
    open_until: float | None = None
    trying: bool = False

    def may_ask(self, now: float) -> bool:
        """Whether the provider may be asked now."""
        return self.open_until is None or (now >= self.open_until and not self.trying)

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

    def failed_at(self, now: float, failures: int, rest_seconds: float) -> "Circuit":
        """It failed; after `failures` in a row it rests."""
        failed = self.failed + 1
        if failed >= failures or self.trying:
            return Circuit(failed, now + rest_seconds)
        return Circuit(failed)
