"""Several speakers as one: the first that speaks the language does, the next when it fails.

A clause changes its speaker only before its first sound. A speaker that keeps failing rests, so
that a call does not wait for it again at every clause.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

import structlog

from config.speech import SpeechSettings
from media.speech.ports import Speaker, SpeechError, Spoken, VoiceChoice
from media.speech.providers.table import chosen, make_speaker

logger = structlog.get_logger(__name__)


class SpeakerChain:
    """A `Speaker` over others, in order."""

    name = "chain"

    def __init__(
        self,
        speakers: Sequence[Speaker],
        settings: SpeechSettings,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speakers = tuple(speakers)
        self._settings = settings
        self._now = now
        self._failed = dict.fromkeys((speaker.name for speaker in speakers), 0)
        self._rests_until = dict.fromkeys((speaker.name for speaker in speakers), 0.0)
        every = [speaker.languages for speaker in speakers]
        self.languages = frozenset[str]() if not all(every) else frozenset[str]().union(*every)

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """See the port."""
        failure: SpeechError | None = None
        for speaker in self._able(choice.language):
            started = False
            try:
                async with aclosing(self._timed(speaker, text, choice)) as pieces:
                    async for piece in pieces:
                        started = True
                        yield piece
            except SpeechError as error:
                self._failed_now(speaker, error)
                if started:
                    raise
                failure = error
            else:
                self._failed[speaker.name] = 0
                return
        if failure is not None:
            raise failure
        raise SpeechError(f"no speaker for the language {choice.language!r}", retryable=False)

    async def warm(self) -> None:
        """Load what speaks first, before anybody waits for it."""
        for speaker in self._speakers[:1]:
            warm = getattr(speaker, "warm", None)
            if warm is not None:
                await warm()

    async def aclose(self) -> None:
        """Give everybody's connections back."""
        for speaker in self._speakers:
            await speaker.aclose()

    def _able(self, language: str) -> list[Speaker]:
        """Who speaks it, the rested first; whoever rests is better than nobody."""
        primary = language.split("-")[0].lower()
        able = [s for s in self._speakers if not s.languages or primary in s.languages]
        now = self._now()
        return sorted(able, key=lambda speaker: self._rests_until[speaker.name] > now)

    async def _timed(
        self, speaker: Speaker, text: str, choice: VoiceChoice
    ) -> AsyncGenerator[Spoken, None]:
        if (warm := getattr(speaker, "warm", None)) is not None:
            await warm()  # the first clause is not late because a model is being loaded
        patience = self._settings.first_piece_seconds
        pieces = cast("AsyncGenerator[Spoken, None]", speaker.speak(text, choice))
        async with aclosing(pieces):
            while True:
                try:
                    async with asyncio.timeout(patience):
                        piece = await anext(pieces, None)
                except TimeoutError as error:
                    raise SpeechError("the speaker did not answer in time") from error
                if piece is None:
                    return
                yield piece
                patience = self._settings.stall_seconds

    def _failed_now(self, speaker: Speaker, error: SpeechError) -> None:
        self._failed[speaker.name] += 1
        logger.warning("a speaker failed", speaker=speaker.name, reason=str(error))
        if self._failed[speaker.name] >= self._settings.failures:
            self._rests_until[speaker.name] = self._now() + self._settings.rest_seconds


def speakers_of(settings: SpeechSettings) -> SpeakerChain:
    """Everybody in use, in order. Raises UnknownProvider."""
    return SpeakerChain([make_speaker(name, one) for name, one in chosen(settings)], settings)
