"""The shipped voice as a speaker of this process: one model, one thread, many calls.

Pieces of different clauses take turns on the thread, so nobody waits for another's whole sentence.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

import msgspec

from config.speech import SpeechProvider
from media.speech.joe import CHARACTERS_MAX, NAME, JoeVoice
from media.speech.ports import SpeechError, Spoken, VoiceChoice

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class JoeSpeaker:
    """`Speaker` over the joe voice; the model is loaded at the first clause, or by `warm`."""

    languages = frozenset({"en"})

    def __init__(
        self,
        name: str = NAME,
        settings: SpeechProvider | None = None,
        voice: JoeVoice | None = None,
    ) -> None:
        self.name = name
        self._usual = settings.voice if settings else ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="joe")
        self._voice = voice

    async def warm(self) -> None:
        """Load the model now."""
        await self._here(self._loaded)

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """The sound of one clause; every piece comes with its marks already told."""
        if len(text) > CHARACTERS_MAX:
            raise SpeechError("a clause is too long", retryable=False)
        if not choice.voice:
            choice = msgspec.structs.replace(choice, voice=self._usual)
        pieces = await self._here(self._begin, text, choice)
        while True:
            piece = await self._here(_next, pieces)
            if piece is None:
                return
            yield piece

    async def aclose(self) -> None:
        """End the thread; a piece under way is finished unheard."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _loaded(self) -> JoeVoice:
        if self._voice is None:
            self._voice = JoeVoice()
        return self._voice

    def _begin(self, text: str, choice: VoiceChoice) -> Iterator[Spoken]:
        return self._loaded().say(text, choice)

    async def _here(self, work: Callable[[*Ts], T], *given: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


def _next(pieces: Iterator[Spoken]) -> Spoken | None:
    return next(pieces, None)
