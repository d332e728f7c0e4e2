"""The models of one worker: each loaded once, at its first use, and shared by all calls.

A worker that nobody uses has imported none of them and takes 25 MB.
"""

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from config.hearing import HearingSettings
from config.inference import InferenceSettings
from config.turn_model import NO_MODEL, is_installed
from media.hearing.chain import Chain
from media.hearing.onnx import ModelBroken
from media.hearing.ports import HearingError, Transcriber
from media.hearing.providers.table import EMBEDDED, chosen, make_transcriber
from media.speech.ports import Speaker, SpeechError, Spoken, VoiceChoice

if TYPE_CHECKING:
    from media.hearing.activity import Activity
    from media.hearing.turn_end import TurnJudge

logger = structlog.get_logger(__name__)
T = TypeVar("T")
SPEAKER: Final = "media.speech.embedded:JoeSpeaker"


class Engines:
    """What a worker hears and speaks with."""

    def __init__(
        self,
        hearing: HearingSettings,
        inference: InferenceSettings,
        make_speaker: Callable[[], Speaker] | None = None,
    ) -> None:
        """Raises UnknownProvider when the settings name a recogniser that is not there."""
        self.hearing = hearing
        self._device = inference.device
        self.parallel = inference.parallel or max(1, (os.cpu_count() or 2) // 2)
        self.transcriber = Chain(
            [self._transcriber(name) for name, _ in chosen(hearing)],
            answer_seconds=hearing.answer_seconds,
            most_waiting=hearing.most_waiting,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="turn")
        self._make_speaker = make_speaker or shipped_speaker
        self._speaker: Speaker | None = None
        self._activity: Activity | None = None
        self._turn_judge: TurnJudge | None = None
        self._loading = asyncio.Lock()
        self.used = False

    def _transcriber(self, name: str) -> Transcriber:
        provider = dict(chosen(self.hearing))[name]
        if provider.kind != EMBEDDED:
            return make_transcriber(name, provider)
        from media.hearing.providers.embedded import EmbeddedTranscriber

        return EmbeddedTranscriber(name, provider, device=self._device, parallel=self.parallel)

    @property
    def understands_early(self) -> bool:
        """Whether words that may not be wanted cost nobody money: the recogniser is our own."""
        return any(kind.kind == EMBEDDED for _, kind in chosen(self.hearing)[:1])

    @property
    def judges_turns(self) -> bool:
        """Whether there is a network for ends of turns at all."""
        own = self.hearing.turn_model
        return own != NO_MODEL and (bool(own) or is_installed(Path(sys.prefix)))

    @property
    def spoken_languages(self) -> tuple[str, ...]:
        """What can be said; known once the speaker has been made, empty until then."""
        return tuple(sorted(self._speaker.languages)) if self._speaker else ()

    async def activity(self) -> "Activity":
        """The network for voice activity. Raises HearingError."""
        async with self._loading:
            if self._activity is None:
                self._activity = await self._loaded(self._load_activity)
        return self._activity

    async def turn_finished(self, pcm: bytes) -> float:
        """Probability that the turn is over. Raises HearingError."""
        async with self._loading:
            if self._turn_judge is None:
                self._turn_judge = await self._loaded(self._load_turn_judge)
        judge = self._turn_judge
        work = asyncio.get_running_loop().run_in_executor(self._thread, judge.finished, pcm)
        try:
            return await work
        except (RuntimeError, ValueError) as error:
            raise HearingError(f"the end of a turn cannot be judged: {error}") from error

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncGenerator[Spoken, None]:
        """See Speaker. Raises SpeechError."""
        pieces = self.speaker().speak(text, choice)
        try:
            async for piece in pieces:
                yield piece
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    def speaker(self) -> Speaker:
        """Who speaks. Raises SpeechError where nobody can."""
        self.used = True
        if self._speaker is None:
            self._speaker = self._make_speaker()
        return self._speaker

    async def warm_up(self) -> None:
        """Load everything a call needs, one after another."""
        await self.activity()
        for link in self.transcriber.links:
            warm_up = getattr(link, "warm_up", None)
            if warm_up is not None:
                await self._loaded(warm_up)
        if self.judges_turns:
            await self.turn_finished(b"")
        warm = getattr(self.speaker(), "warm", None)
        if warm is not None:
            await warm()

    async def aclose(self) -> None:
        """Give threads and connections back."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self.transcriber.aclose()
        if self._speaker is not None:
            await self._speaker.aclose()

    async def _loaded(self, load: Callable[[], T]) -> T:
        """Off the loop, which goes on hearing."""
        self.used = True
        try:
            return await asyncio.to_thread(load)
        except ModelBroken as error:
            logger.error("a model cannot be loaded", reason=str(error))
            raise HearingError(str(error), retryable=False) from error

    def _load_activity(self) -> "Activity":
        from media.hearing.activity import Silero

        return Silero(device=self._device)

    def _load_turn_judge(self) -> "TurnJudge":
        from media.hearing.turn_end import SmartTurn, find_turn_model

        path = find_turn_model(self.hearing.turn_model)
        if path is None:
            raise ModelBroken("There is no end-of-turn model; punctuation and silence decide.")
        return SmartTurn(path, self._device)


def shipped_speaker() -> Speaker:
    """The voice that ships. Raises SpeechError where it cannot be had."""
    module, _, attribute = SPEAKER.partition(":")
    try:
        made: Speaker = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise SpeechError(f"the shipped voice cannot be had: {error}", retryable=False) from error
    return made
