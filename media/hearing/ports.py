"""What whoever listens promises: activity, ends of turns, transcripts; all at 16 kHz mono.

A call listens through an `Ear`: sound goes in once, and every question afterwards names a span of
samples, so that no audio travels twice. Sample numbers count from the first sample of the call.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from msgspec import Struct


class HearingError(Exception):
    """A recogniser failed. `detail` may quote what was said: never log it."""

    def __init__(self, message: str, *, retryable: bool = True, detail: str = "") -> None:
        super().__init__(message)
        self.retryable = retryable
        self.detail = detail


class Transcript(Struct, frozen=True, kw_only=True):
    """What was said. `confidence` is 0..1 where the recogniser tells it; `language` is BCP 47."""

    text: str
    language: str = ""
    confidence: float | None = None
    speech_probability: float = 1.0


class Voiced(Struct, frozen=True, kw_only=True):
    """One judgement of voice activity from the one before until `until_sample`.

    `probability` 0..1 that somebody speaks; `level_db` relative to full scale.
    """

    until_sample: int
    probability: float
    level_db: float


class Transcriber(Protocol):
    """Speech to text for a finished span."""

    name: str
    languages: frozenset[str]  # BCP 47 primary tags; empty: any

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """Words of one utterance at 16 kHz. Raises HearingError."""
        ...

    async def aclose(self) -> None:
        """Give connections back."""
        ...


class Said(Struct, frozen=True, kw_only=True):
    """Words a stream has understood. Samples count from the first one it was given."""

    text: str
    from_sample: int
    until_sample: int
    confidence: float | None = None
    final: bool = False


class Stream(Protocol):
    """Sound on its way to a recogniser that listens while somebody speaks."""

    async def hear(self, pcm: bytes) -> None:
        """More sound. Raises HearingError."""
        ...

    def so_far(self) -> Sequence[Said]:
        """What is understood, in order: first what is final, then what may still change."""
        ...

    async def settle(self) -> Sequence[Said]:
        """Have all sound so far understood for good; what that was. Raises HearingError."""
        ...


@runtime_checkable
class StreamingTranscriber(Protocol):
    """A `Transcriber` that can listen along. `streams`: whether it is to."""

    streams: bool

    def stream(self, language: str | None = None) -> AbstractAsyncContextManager[Stream]:
        """A stream of somebody's sound; leaving it ends it. Raises HearingError."""
        ...


class Ear(Protocol):
    """One call's ear. Everything is bounded: an ear keeps the last 60 s of sound, and no sound
    before the spans that were asked about last: questions come in the order of their spans."""

    @property
    def quiet_db(self) -> float:
        """Sound below this level is judged to be silence by its level alone."""
        ...

    def push(self, pcm: bytes, at_sample: int) -> None:
        """Sound that begins at `at_sample`; a gap before it counts as silence. Never waits."""
        ...

    async def voiced(self) -> Voiced:
        """The next judgement, in order, of 32 ms of sound, or of up to 160 ms that are silent by
        their level. Raises HearingError."""
        ...

    async def turn_ended(self, from_sample: int, until_sample: int) -> float:
        """Probability 0..1 that who spoke in the span has finished. Raises HearingError."""
        ...

    async def transcribe(self, from_sample: int, until_sample: int) -> Transcript:
        """Words of a span; cancelling drops the work. Raises HearingError."""
        ...

    async def aclose(self) -> None:
        """The call is over: forget its sound."""
        ...


@runtime_checkable
class HearsAlong(Protocol):
    """An ear whose recogniser may understand words while they are spoken."""

    async def so_far(self, from_sample: int, until_sample: int) -> Transcript | None:
        """Words of a span as far as they are known now; None where nobody listens along."""
        ...


@runtime_checkable
class HearsEarly(Protocol):
    """An ear that may understand a span before anybody knows whether its words will be wanted."""

    async def early(self, from_sample: int, until_sample: int) -> Transcript | None:
        """Words of a span; None where somebody else would wait for it, or it would cost money.

        Cancelling drops the work.
        """
        ...
