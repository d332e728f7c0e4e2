"""What whoever speaks promises: 24 kHz mono, and when each word and mouth shape sounds.

A speaker turns one clause into sound, in pieces as they are made. It does not pace, does not play
and does not charge. Cancelling the iteration ends the work.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct


class SpeechError(Exception):
    """A speaker failed. `detail` may quote the words: never log it."""

    def __init__(self, message: str, *, retryable: bool = True, detail: str = "") -> None:
        super().__init__(message)
        self.retryable = retryable
        self.detail = detail


class VoiceChoice(Struct, frozen=True, kw_only=True):
    """Which voice, and how. `rate` and `pitch` are factors around 1.0.

    voice: the speaker's own name for a voice; empty is its first one for the language.
    style: a tag such as `warm` or `whisper`; a speaker that has none ignores it.
    """

    voice: str = ""
    language: str = "en"
    rate: float = 1.0
    pitch: float = 1.0
    style: str = ""


class SpokenWord(Struct, frozen=True, array_like=True):
    """A word of the clause: code points [start, end) of its text sound in [at, at + samples)."""

    start: int
    end: int
    at_sample: int
    samples: int


class Viseme(Struct, frozen=True, array_like=True):
    """A mouth shape and its span.

    shape: its Oculus name: sil PP FF TH DD kk CH SS nn RR aa E I O U.
    """

    shape: str
    at_sample: int
    samples: int


class Spoken(Struct, frozen=True, kw_only=True):
    """A piece of a clause. Samples count at 24 kHz from the beginning of the clause.

    Marks come with, or before, the sound they belong to. `exact`: from the synthesiser's own
    durations; otherwise estimated from the text.
    """

    pcm: bytes
    words: tuple[SpokenWord, ...] = ()
    visemes: tuple[Viseme, ...] = ()
    exact: bool = True


class Speaker(Protocol):
    """A synthesiser."""

    name: str
    languages: frozenset[str]  # BCP 47 primary tags; empty: any

    def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """The sound of one clause (at most 600 code points). Raises SpeechError."""
        ...

    async def aclose(self) -> None:
        """Give connections back."""
        ...
