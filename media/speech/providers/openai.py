"""Any address that answers OpenAI's /audio/speech: text goes there, 24 kHz samples come back.

The stock client makes the request, without retries of its own. The protocol tells no times, so
words are placed by the sound that comes and the length of what is read, and marked as estimated.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import httpx2

from config.speech import SpeechProvider
from media.sound.formats import PLAYOUT_RATE, SAMPLE_BYTES
from media.speech.estimate import Estimate
from media.speech.ports import SpeechError, Spoken, VoiceChoice
from media.speech.providers.remote import (
    WholeSamples,
    languages_of,
    refusal,
    voice_for,
    words_for,
)

if TYPE_CHECKING:
    import openai

USUAL_MODEL: Final = "gpt-4o-mini-tts"
USUAL_VOICE: Final = "alloy"
_KEPT_BYTES: Final = 960
_SECONDS: Final = 60.0


class OpenAISpeaker:
    """See media/speech/ports.py."""

    def __init__(self, name: str, settings: SpeechProvider) -> None:
        self.name = name
        self.languages = languages_of(settings)
        self._settings = settings
        self._client: openai.AsyncOpenAI | None = None

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """See the port."""
        said = words_for(text)
        if not said.text:
            return
        import openai

        try:
            client = await self._connected()
            async with client.audio.speech.with_streaming_response.create(
                input=said.text.strip(),
                model=self._settings.model or USUAL_MODEL,
                voice=voice_for(choice, self._settings, USUAL_VOICE),
                response_format="pcm",
                speed=min(max(choice.rate, 0.25), 4.0),
                **self._manner(choice),
            ) as answer:
                _check_kind(answer.headers.get("content-type", ""))
                async for piece in _pieces(answer, Estimate(said, choice.rate)):
                    yield piece
        except openai.APIStatusError as error:
            raise refusal(error.status_code, error.message) from error
        except openai.APITimeoutError as error:
            raise SpeechError("the speaker did not answer in time") from error
        except (openai.APIError, httpx2.HTTPError) as error:
            raise SpeechError(f"the speaker cannot be reached: {type(error).__name__}") from error

    def _manner(self, choice: VoiceChoice) -> dict[str, Any]:
        """A style is told in words, to the models that take them."""
        model = self._settings.model or USUAL_MODEL
        if not choice.style or model.startswith("tts-1"):
            return {}
        return {"instructions": f"Speak in a {choice.style} manner."}

    async def aclose(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> "openai.AsyncOpenAI":
        if self._client is None:
            import openai

            # Its first import takes a second of CPU: not on the loop that speaks to everybody.
            await asyncio.to_thread(getattr, openai.resources, "audio")
            self._client = openai.AsyncOpenAI(
                base_url=self._settings.base_url or None,
                api_key=self._settings.api_key or "none",
                max_retries=0,
                timeout=_SECONDS,
            )
        return self._client


async def _pieces(answer: Any, estimate: Estimate) -> AsyncIterator[Spoken]:
    """The sound as it comes; 20 ms are kept back, so that the end has sound to be told with."""
    samples, given, held = WholeSamples(PLAYOUT_RATE), 0, b""
    async for block in answer.iter_bytes():
        held += samples.push(block)
        if len(held) > _KEPT_BYTES:
            pcm, held = held[:-_KEPT_BYTES], held[-_KEPT_BYTES:]
            words, visemes = estimate.heard(given + len(pcm) // SAMPLE_BYTES)
            given += len(pcm) // SAMPLE_BYTES
            yield Spoken(pcm=pcm, words=words, visemes=visemes, exact=False)
    if not held:
        raise SpeechError("the speaker sent no sound")
    words, visemes = estimate.ended(given, given + len(held) // SAMPLE_BYTES)
    yield Spoken(pcm=held, words=words, visemes=visemes, exact=False)


def _check_kind(content_type: str) -> None:
    """A page or a document instead of sound is a wrong address, and says so at once."""
    kind = content_type.partition(";")[0].strip()
    if kind in {"text/html", "application/json", "text/plain"}:
        raise SpeechError(
            f"the address answers with {kind}, not with sound: is it right?", retryable=False
        )
