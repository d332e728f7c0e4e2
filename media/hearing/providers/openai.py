"""Any address that answers OpenAI's /audio/transcriptions: an utterance goes as a wave file.

The stock client makes the request, without retries of its own: whoever asks knows how long an
answer is still of use.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from config.hearing import TranscriptionProvider
from media.hearing.ports import HearingError, Transcript
from media.sound.formats import HEARING_RATE
from media.sound.wav import wav_of

if TYPE_CHECKING:
    import openai

USUAL_MODEL: Final = "gpt-4o-mini-transcribe"
_DETAIL_CHARACTERS: Final = 300
_SECONDS: Final = 60.0


class OpenAITranscriber:
    """See media/hearing/ports.py."""

    languages: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: TranscriptionProvider) -> None:
        self.name = name
        self._settings = settings
        self._client: openai.AsyncOpenAI | None = None

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """See the port."""
        import openai

        spoken = self._settings.language or language or ""
        asked: dict[str, Any] = {"language": spoken} if spoken else {}
        try:
            client = await self._connected()
            answer = await client.audio.transcriptions.create(
                file=("speech.wav", wav_of(pcm, HEARING_RATE), "audio/wav"),
                model=self._settings.model or USUAL_MODEL,
                response_format="json",
                **asked,
            )
        except openai.APIStatusError as error:
            raise _refusal(error.status_code, error.message) from error
        except openai.APITimeoutError as error:
            raise HearingError("the recogniser did not answer in time") from error
        except (openai.APIError, msgspec.MsgspecError) as error:
            raise HearingError(
                f"the recogniser cannot be reached: {type(error).__name__}"
            ) from error
        text = getattr(answer, "text", None)
        if not isinstance(text, str):
            raise HearingError("the recogniser's answer has no text: is its address right?")
        return Transcript(text=text.strip(), language=spoken)

    async def aclose(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> "openai.AsyncOpenAI":
        if self._client is None:
            import openai

            # Its first import takes a second of CPU: not on the loop that hears everybody.
            await asyncio.to_thread(getattr, openai.resources, "audio")
            self._client = openai.AsyncOpenAI(
                base_url=self._settings.base_url or None,
                api_key=self._settings.api_key or "none",
                max_retries=0,
                timeout=_SECONDS,
            )
        return self._client


def _refusal(status: int, told: str) -> HearingError:
    """What a status means: whether asking again, or elsewhere, is of any use."""
    detail = told[:_DETAIL_CHARACTERS]
    if status in {401, 403}:
        words = f"the recogniser does not accept the key ({status})"
        return HearingError(words, retryable=False, detail=detail)
    if status in {408, 409, 425, 429} or status >= 500:
        return HearingError(f"the recogniser is busy or broken ({status})", detail=detail)
    words = f"the recogniser refused the sound ({status})"
    return HearingError(words, retryable=False, detail=detail)
