"""Streaming with timestamps as ElevenLabs has it: sound in pieces, and the time of each character.

Words and mouth shapes follow from the characters. A word is told before its sound: what would be
heard of a word whose end is not known yet is held back until it is.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

import httpx2
import msgspec
from msgspec import Struct

from config.speech import SpeechProvider
from media.sound.formats import PLAYOUT_RATE, SAMPLE_BYTES
from media.speech.estimate import letter_shapes, words_read
from media.speech.mapped import Mapped
from media.speech.ports import SpeechError, Spoken, SpokenWord, Viseme, VoiceChoice
from media.speech.providers.remote import (
    WholeSamples,
    languages_of,
    refusal,
    voice_for,
    words_for,
)

VENDOR: Final = "https://api.elevenlabs.io"
USUAL_MODEL: Final = "eleven_flash_v2_5"
USUAL_VOICE: Final = "21m00Tcm4TlvDq8ikWAM"
_LINE_BYTES_MAX: Final = 8_388_608
_CONNECT_SECONDS: Final = 10.0
_RATES: Final = (0.7, 1.2)  # what the service takes


class _Alignment(Struct):
    characters: list[str]
    character_start_times_seconds: list[float]
    character_end_times_seconds: list[float]


class _Line(Struct):
    audio_base64: str = ""
    alignment: _Alignment | None = None


_decode = msgspec.json.Decoder(_Line).decode


class ElevenLabsSpeaker:
    """See media/speech/ports.py."""

    def __init__(self, name: str, settings: SpeechProvider) -> None:
        self.name = name
        self.languages = languages_of(settings)
        self._settings = settings
        self._client: httpx2.AsyncClient | None = None

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """See the port."""
        said = words_for(text)
        if not said.text:
            return
        voice = quote(voice_for(choice, self._settings, USUAL_VOICE), safe="")
        body = {
            "text": said.text,
            "model_id": self._settings.model or USUAL_MODEL,
            "voice_settings": {"speed": min(max(choice.rate, _RATES[0]), _RATES[1])},
        }
        try:
            async with self._connected().stream(
                "POST",
                f"/v1/text-to-speech/{voice}/stream/with-timestamps",
                params={"output_format": f"pcm_{PLAYOUT_RATE}"},
                content=msgspec.json.encode(body),
            ) as answer:
                if answer.status_code >= 400:
                    told = (await answer.aread()).decode(errors="replace")
                    raise refusal(answer.status_code, told)
                async for piece in _pieces(answer.aiter_bytes(), said):
                    yield piece
        except httpx2.TimeoutException as error:
            raise SpeechError("the speaker did not answer in time") from error
        except httpx2.HTTPError as error:
            raise SpeechError(f"the speaker cannot be reached: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                base_url=self._settings.base_url or VENDOR,
                headers={
                    "xi-api-key": self._settings.api_key,
                    "content-type": "application/json",
                },
                timeout=httpx2.Timeout(60.0, connect=_CONNECT_SECONDS),
            )
        return self._client


async def _pieces(blocks: AsyncIterator[bytes], said: Mapped) -> AsyncIterator[Spoken]:
    reading = Alignments(said)
    async for line in _lines(blocks):
        try:
            told = _decode(line)
            sound = base64.b64decode(told.audio_base64, validate=True)
        except (msgspec.MsgspecError, binascii.Error) as error:
            raise SpeechError("the speaker sent what cannot be read", retryable=False) from error
        if (piece := reading.push(sound, told.alignment)) is not None:
            yield piece
    if (piece := reading.finish()) is not None:
        yield piece
    if not reading.given:
        raise SpeechError("the speaker sent no sound")


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = b""
    async for block in blocks:
        *lines, held = (held + block).split(b"\n")
        if len(held) > _LINE_BYTES_MAX:
            raise SpeechError("the speaker sent a line without end", retryable=False)
        for line in lines:
            if line.strip():
                yield line
    if held.strip():
        yield held


class Alignments:
    """Puts characters, their times and the sound together; pure."""

    def __init__(self, said: Mapped) -> None:
        self.given = 0  # samples handed out
        self._said = said
        self._left = words_read(said.text)
        self._samples = WholeSamples(PLAYOUT_RATE)
        self._sound = b""
        self._came = 0  # samples that have come
        self._begins: list[int] = []  # of each character of the spoken text, in samples
        self._ends: list[int] = []

    def push(self, sound: bytes, alignment: _Alignment | None) -> Spoken | None:
        """What can be handed out now."""
        if alignment is not None:
            self._align(alignment)
        whole = self._samples.push(sound)
        self._sound += whole
        self._came += len(whole) // SAMPLE_BYTES
        words, visemes = self._complete()
        until = self._came
        if self._left and self._left[0].start < len(self._begins):
            until = min(until, self._begins[self._left[0].start])
        return self._give(until, words, visemes)

    def finish(self) -> Spoken | None:
        """The rest, with words whose characters never came at the end of it."""
        size = max(self._came, self._ends[-1] if self._ends else 0)
        missing = len(self._said.text) - len(self._begins)
        self._begins += [size] * missing
        self._ends += [size] * missing
        words, visemes = self._complete()
        return self._give(self._came, words, visemes)

    def _align(self, alignment: _Alignment) -> None:
        """Times count from the clause's beginning, or with some voices from the piece's."""
        begins = alignment.character_start_times_seconds
        ends = alignment.character_end_times_seconds
        if not len(alignment.characters) == len(begins) == len(ends):
            raise SpeechError("the speaker's times do not fit its characters", retryable=False)
        last = self._ends[-1] if self._ends else 0
        own = bool(begins) and round(begins[0] * PLAYOUT_RATE) < last - PLAYOUT_RATE // 20
        shift = self._came if own else 0
        for char, begin, end in zip(alignment.characters, begins, ends, strict=True):
            for _ in char:
                self._begins.append(shift + round(begin * PLAYOUT_RATE))
                self._ends.append(shift + round(end * PLAYOUT_RATE))

    def _complete(self) -> tuple[tuple[SpokenWord, ...], tuple[Viseme, ...]]:
        """Words whose last character is known, and the one after it or its end."""
        words: list[SpokenWord] = []
        shapes: list[Viseme] = []
        while self._left and self._left[0].end <= len(self._begins):
            read = self._left.pop(0)
            begin = self._begins[read.start]
            size = max(self._ends[read.end - 1] - begin, 0)
            start, end = self._said.span(read.start, read.end)
            words.append(SpokenWord(start, end, begin, size))
            shapes += letter_shapes(self._said.text[read.start : read.end], begin, size)
        return tuple(words), tuple(shapes)

    def _give(
        self, until: int, words: tuple[SpokenWord, ...], visemes: tuple[Viseme, ...]
    ) -> Spoken | None:
        size = max(until - self.given, 0) * SAMPLE_BYTES
        pcm, self._sound = self._sound[:size], self._sound[size:]
        if not pcm and not words:
            return None
        self.given += len(pcm) // SAMPLE_BYTES
        return Spoken(pcm=pcm, words=words, visemes=visemes)
