"""How a gateway reaches the inference workers: one connection each, shared by all calls.

The least busy worker gets the next call. A worker that goes is noticed at once: whoever waits for
it is told, connections come back by themselves, and ears go on at another worker.
"""

import asyncio
import importlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

import structlog

from media.hearing.ports import Ear, HearingError, Transcript
from media.inference.frames import (
    AskSpeech,
    AskTranscript,
    Piece,
    SaidAll,
    Warm,
    WordsTold,
)
from media.inference.peer import SILENT_SECONDS, Lost, Peer
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES
from media.speech.ports import SpeechError, Spoken, VoiceChoice

logger = structlog.get_logger(__name__)
_CONNECT_SECONDS: Final = 3.0
_PIECE_SECONDS: Final = 20.0
_LONGEST_PCM: Final = 60 * HEARING_RATE * SAMPLE_BYTES
_ANSWER_SECONDS: Final = 60.0


class Inference:
    """The workers a gateway uses. `async with` it, or `start` and `aclose`."""

    def __init__(
        self,
        addresses: Sequence[str],
        key: str,
        *,
        open_db: float = -55.0,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        """Addresses are `unix:/path` or `tcp:host:port`. Raises ValueError for another."""
        self._open_db = open_db
        self._numbers = itertools.count(1)
        self.peers = [Peer(address, key, self._numbers, silent_seconds) for address in addresses]
        self._tasks: list[asyncio.Task[None]] = []
        self.speaker = RemoteSpeaker(self)
        self.transcriber = RemoteTranscriber(self)

    def start(self) -> None:
        """Begin to connect; nobody waits for it."""
        self._tasks = [asyncio.create_task(peer.run(), name=peer.address) for peer in self.peers]

    async def aclose(self) -> None:
        """Leave all workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def __aenter__(self) -> "Inference":
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def listen(self, language: str = "") -> Ear:
        """An ear for somebody who speaks this language. Raises HearingError where nobody hears it.

        Waits a moment for a worker, and, once, while what an ear needs is imported off the loop.
        """
        await asyncio.to_thread(importlib.import_module, "media.inference.ear")
        peer = await self.peer_for_question()
        if peer is None or peer.welcome is None:
            raise HearingError("no inference worker is there")
        heard = peer.welcome.heard_languages
        if language and heard and language.partition("-")[0].lower() not in heard:
            raise HearingError(f"no recogniser understands {language!r}", retryable=False)
        self.warm()
        return self.ear(language)

    def ear(self, language: str = "") -> Ear:
        """A new ear for one call; it finds its worker by itself. Never waits."""
        from media.inference.ear import RemoteEar  # numpy with it, which gateways start without

        return RemoteEar(self.peer_for_ear, next(self._numbers), language, self._open_db)

    def warm(self) -> None:
        """Somebody is about to call: have models loaded, where they are not."""
        for peer in self.peers:
            if peer.is_up:
                peer.send(Warm())

    @property
    def is_up(self) -> bool:
        """Whether any worker can be asked."""
        return any(peer.is_up for peer in self.peers)

    async def there(self, seconds: float) -> bool:
        """Whether any worker can be asked; waits so long for one that is only starting."""
        if not self.is_up and self.peers:
            waits = [asyncio.ensure_future(peer.up.wait()) for peer in self.peers]
            try:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return self.is_up

    def peer_for_ear(self, but: frozenset[str] = frozenset()) -> Peer | None:
        """The worker that listens to the fewest, if any is there; not one of `but`."""
        up = [peer for peer in self.peers if peer.is_up and peer.address not in but]
        return min(up, key=lambda peer: (not peer.has_room, peer.ears_there), default=None)

    async def peer_for_question(self) -> Peer | None:
        """The worker with the fewest questions; waits a moment where none is there."""
        await self.there(_CONNECT_SECONDS)
        up = [peer for peer in self.peers if peer.is_up]
        return min(up, key=lambda peer: peer.questions_there, default=None)


class RemoteSpeaker:
    """`Speaker` over the workers; see media/speech/ports.py."""

    name = "inference"
    languages: frozenset[str] = frozenset()

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """See the port. Once sound has come a lost worker is an error: no word is said twice."""
        for attempt in (1, 2):
            peer = await self._inference.peer_for_question()
            if peer is None:
                raise SpeechError("no inference worker is there")
            begun = False
            try:
                async with aclosing(self._said(peer, text, choice)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except Lost as error:
                if begun or attempt == 2:
                    raise SpeechError(str(error)) from error

    async def _said(
        self, peer: Peer, text: str, choice: VoiceChoice
    ) -> AsyncGenerator[Spoken, None]:
        with peer.question(lambda number: AskSpeech(number, text, choice)) as question:
            while True:
                try:
                    async with asyncio.timeout(_PIECE_SECONDS):
                        answer = await question.answer()
                except TimeoutError as error:
                    raise SpeechError("the worker does not answer") from error
                except HearingError as error:
                    raise SpeechError(
                        str(error), retryable=error.retryable, detail=error.detail
                    ) from error
                if isinstance(answer, SaidAll):
                    return
                if isinstance(answer, Piece):
                    yield answer.spoken

    async def aclose(self) -> None:
        """The connections belong to `Inference`."""


class RemoteTranscriber:
    """`Transcriber` over the workers, for sound that belongs to no call."""

    name = "inference"
    languages: frozenset[str] = frozenset()

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """See the port; at most 60 s. A lost worker is asked again elsewhere, once."""
        if len(pcm) > _LONGEST_PCM:
            raise HearingError("the sound is longer than 60 s", retryable=False)
        try:
            return await self._asked(pcm, language or "")
        except Lost:
            return await self._asked(pcm, language or "")

    async def _asked(self, pcm: bytes, language: str) -> Transcript:
        peer = await self._inference.peer_for_question()
        if peer is None:
            raise HearingError("no inference worker is there")
        with peer.question(lambda number: AskTranscript(number, pcm, language)) as question:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    answer = await question.answer()
            except TimeoutError as error:
                raise HearingError("the worker does not answer") from error
        if not isinstance(answer, WordsTold):
            raise HearingError("the worker answered something else")
        return answer.transcript

    async def aclose(self) -> None:
        """The connections belong to `Inference`."""
