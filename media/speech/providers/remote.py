"""What speakers over the network share: their voice for a companion, failures, whole samples."""

from typing import Final

from config.speech import SpeechProvider
from media.speech.mapped import Mapped
from media.speech.ports import SpeechError, VoiceChoice
from media.speech.wording import said_of

CHARACTERS_MAX: Final = 600
CLAUSE_SECONDS_MAX: Final = 120
DETAIL_CHARACTERS: Final = 300


def words_for(text: str) -> Mapped:
    """What is said of a clause. Raises SpeechError."""
    if len(text) > CHARACTERS_MAX:
        raise SpeechError("a clause is too long", retryable=False)
    return said_of(text)


def voice_for(choice: VoiceChoice, settings: SpeechProvider, usual: str) -> str:
    """The provider's name for a voice: the whole name, its register, the usual one."""
    register = choice.voice.partition("-")[0]
    for name in (choice.voice, register):
        if name and name in settings.voices:
            return settings.voices[name]
    return settings.voice or usual


def languages_of(settings: SpeechProvider) -> frozenset[str]:
    """What the operator says it speaks; empty is anything."""
    return frozenset(language.split("-")[0].lower() for language in settings.languages)


def refusal(status: int, told: str) -> SpeechError:
    """What a status means: whether asking again, or elsewhere, is of any use."""
    detail = told[:DETAIL_CHARACTERS]
    if status in {401, 403}:
        words = f"the speaker does not accept the key ({status})"
        return SpeechError(words, retryable=False, detail=detail)
    if status in {408, 409, 425, 429} or status >= 500:
        return SpeechError(f"the speaker is busy or broken ({status})", detail=detail)
    words = f"the speaker refused the words ({status})"
    return SpeechError(words, retryable=False, detail=detail)


class WholeSamples:
    """Bytes come in any pieces; samples go out whole, and no more than a clause may have."""

    def __init__(self, rate: int) -> None:
        self._half = b""
        self._most = CLAUSE_SECONDS_MAX * rate * 2

    def push(self, block: bytes) -> bytes:
        """The samples that are complete. Raises SpeechError."""
        whole = self._half + block
        cut = len(whole) & ~1
        self._half = whole[cut:]
        self._most -= cut
        if self._most < 0:
            raise SpeechError("the speaker does not stop speaking", retryable=False)
        return whole[:cut]
