"""When somebody begins and stops speaking, by OpenAI's `server_vad`: a pure state machine.

Clocked in 16 kHz samples. What it is told are judgements of voice activity, in order.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

SAMPLES_PER_MS: Final = 16
LEAST_MS: Final = 90  # a click is no speech


class TurnDetection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`session.audio.input.turn_detection`."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=5_000)] = 300
    silence_duration_ms: Annotated[int, Meta(ge=100, le=10_000)] = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: Any = None


class Began(Struct, frozen=True):
    """Speech, with what came before it, begins at this sample."""

    from_sample: int


class Stopped(Struct, frozen=True):
    """The speech that began at `from_sample` is over."""

    from_sample: int
    until_sample: int


class Turns:
    """`judge` every window of sound."""

    __slots__ = ("_began", "_rules", "_silent_since", "_voiced_since", "floor")

    def __init__(self, rules: TurnDetection) -> None:
        self._rules = rules
        self.floor = 0  # what lies before it was committed, or cleared
        self._voiced_since: int | None = None
        self._began: int | None = None
        self._silent_since = 0

    def judge(self, until_sample: int, window: int, probability: float) -> Began | Stopped | None:
        """The window of `window` samples that ends at `until_sample`."""
        rules = self._rules
        voiced = probability >= rules.threshold
        if self._began is None:
            return self._waiting(until_sample, window, voiced=voiced)
        if voiced:
            self._silent_since = until_sample
            return None
        if until_sample - self._silent_since < rules.silence_duration_ms * SAMPLES_PER_MS:
            return None
        began, self._began, self._voiced_since = self._began, None, None
        self.floor = until_sample
        return Stopped(began, until_sample)

    def _waiting(self, until: int, window: int, *, voiced: bool) -> Began | None:
        if not voiced:
            self._voiced_since = None
            return None
        if self._voiced_since is None:
            self._voiced_since = until - window
        if until - self._voiced_since < LEAST_MS * SAMPLES_PER_MS:
            return None
        padding = self._rules.prefix_padding_ms * SAMPLES_PER_MS
        self._began = max(self.floor, self._voiced_since - padding)
        self._silent_since = until
        return Began(self._began)

    def forget(self, until_sample: int) -> None:
        """What came so far is committed, or cleared."""
        self.floor, self._began, self._voiced_since = until_sample, None, None
