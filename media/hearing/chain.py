"""Recognisers one after another: the first answers, the next take over when it fails.

As a `Transcriber` itself, with a time limit for each and a limit for how many may wait.
"""

import asyncio
from collections.abc import Sequence

import structlog

from media.hearing.ports import HearingError, StreamingTranscriber, Transcriber, Transcript

logger = structlog.get_logger(__name__)


class Chain:
    """See media/hearing/ports.py. Owns its recognisers."""

    name = "chain"

    def __init__(
        self, links: Sequence[Transcriber], *, answer_seconds: float, most_waiting: int
    ) -> None:
        self.links = links
        self._answer_seconds = answer_seconds
        self._most_waiting = most_waiting
        self.waiting = 0

    @property
    def languages(self) -> frozenset[str]:
        """What any of them understands; empty is everything."""
        if any(not link.languages for link in self.links):
            return frozenset()
        return frozenset[str]().union(*(link.languages for link in self.links))

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """See the port. Refuses when too many wait; raises the last one's HearingError."""
        if self.waiting >= self._most_waiting:
            raise HearingError("too many utterances wait for a recogniser")
        able = [link for link in self.links if understands(link, language)]
        if not able:
            raise HearingError(f"no recogniser understands {language!r}", retryable=False)
        self.waiting += 1
        try:
            return await self._first_answer(able, pcm, language)
        finally:
            self.waiting -= 1

    def streaming(self, language: str | None) -> StreamingTranscriber | None:
        """Who listens along: the first of those who understand, if it can and is to."""
        for link in self.links:
            if understands(link, language):
                found: object = link
                along = isinstance(found, StreamingTranscriber) and found.streams
                return found if along else None  # type: ignore[return-value]
        return None

    async def _first_answer(
        self, able: Sequence[Transcriber], pcm: bytes, language: str | None
    ) -> Transcript:
        last = HearingError("no recogniser is configured", retryable=False)
        for link in able:
            try:
                async with asyncio.timeout(self._answer_seconds):
                    return await link.transcribe(pcm, language)
            except TimeoutError:
                last = HearingError("the recogniser did not answer in time")
            except HearingError as error:
                last = error
            logger.warning("recogniser failed", recogniser=link.name, reason=str(last))
        raise last

    async def aclose(self) -> None:
        """Close each of them."""
        for link in self.links:
            await link.aclose()


def understands(link: Transcriber, language: str | None) -> bool:
    """Whether it may be asked about speech in this language; of an unknown one anybody may."""
    primary = (language or "").partition("-")[0].lower()
    return not primary or not link.languages or primary in link.languages
