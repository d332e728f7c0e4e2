"""The stub of a bench as a recogniser and a speaker of ours, named in the settings as module:Class.

They answer at once: what a call then costs, and how long it takes, is the server's.
"""

from collections.abc import AsyncIterator

from config.hearing import TranscriptionProvider
from config.speech import SpeechProvider
from loadtest.peers.stub_voice import HEARD, said
from media.hearing.ports import Transcript
from media.speech.ports import Spoken, VoiceChoice


class StubRecogniser:
    """See media/hearing/ports.py `Transcriber`."""

    languages: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: TranscriptionProvider) -> None:  # noqa: ARG002
        self.name = name

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """Whatever was said, it was this."""
        return Transcript(text=HEARD if pcm else "", language=language or "en")

    async def aclose(self) -> None:
        """Nothing is held."""


class StubSpeaker:
    """See media/speech/ports.py `Speaker`."""

    languages: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: SpeechProvider) -> None:  # noqa: ARG002
        self.name = name

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:  # noqa: ARG002
        """A tone as long as the words, in bursts."""
        async for pcm in said(text):
            yield Spoken(pcm=pcm, exact=False)

    async def aclose(self) -> None:
        """Nothing is held."""
