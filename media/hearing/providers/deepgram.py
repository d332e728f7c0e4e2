"""Recognisers that listen while somebody speaks, over a WebSocket as Deepgram has it.

Sound goes out as binary frames; `Finalize` has what was heard so far recognised; results come as
JSON, and those that are final, one after another, are the words. `CloseStream` ends it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from config.hearing import TranscriptionProvider
from media.hearing.ports import HearingError, Transcript
from media.sound.formats import HEARING_RATE

VENDOR: Final = "wss://api.deepgram.com"
USUAL_MODEL: Final = "nova-3"
_PIECE_BYTES: Final = HEARING_RATE // 5 * 2  # 200 ms
_OPEN_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 20.0
_MESSAGE_BYTES: Final = 1_000_000
_MOST_RESULTS: Final = 1_000
_NO_MORE: Final = '{"type":"CloseStream"}'
_FINALIZE: Final = '{"type":"Finalize"}'


class _Alternative(Struct):
    transcript: str = ""
    confidence: float | None = None


class _Channel(Struct):
    alternatives: list[_Alternative] = []


class _Result(Struct):
    type: str = ""
    channel: _Channel | list[int] | None = None
    is_final: bool = False
    from_finalize: bool = False
    description: str = ""


_decode = msgspec.json.Decoder(_Result).decode


class DeepgramTranscriber:
    """See media/hearing/ports.py; `listen` is its streaming form."""

    languages: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: TranscriptionProvider) -> None:
        self.name = name
        self._settings = settings

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """See the port: a stream as short as the utterance."""
        async with self.listen(language) as listening:
            for at in range(0, len(pcm), _PIECE_BYTES):
                await listening.hear(pcm[at : at + _PIECE_BYTES])
            return await listening.finish()

    @contextlib.asynccontextmanager
    async def listen(self, language: str | None = None) -> AsyncIterator["Listening"]:
        """A stream for sound as it comes. Raises HearingError."""
        spoken = self._settings.language or language or ""
        try:
            async with connect(
                self._address(spoken),
                additional_headers={"Authorization": f"Token {self._settings.api_key}"},
                open_timeout=_OPEN_SECONDS,
                close_timeout=1.0,
                max_size=_MESSAGE_BYTES,
                compression=None,
            ) as link:
                yield Listening(link, spoken)
        except InvalidStatus as error:
            status = error.response.status_code
            raise HearingError(
                f"the recogniser turned the connection away ({status})",
                retryable=status >= 500 or status == 429,
            ) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise HearingError(
                f"the recogniser cannot be reached: {type(error).__name__}"
            ) from error

    async def aclose(self) -> None:
        """Nothing is kept between utterances."""

    def _address(self, language: str) -> str:
        asked: dict[str, Any] = {
            "encoding": "linear16",
            "sample_rate": HEARING_RATE,
            "channels": 1,
            "model": self._settings.model or USUAL_MODEL,
            "punctuate": "true",
            "interim_results": "false",
        }
        if language:
            asked["language"] = language
        base = (self._settings.base_url or VENDOR).rstrip("/")
        base = base.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
        if not base.endswith("/listen"):
            base += "/v1/listen"
        return f"{base}?{urlencode(asked)}"


class Listening:
    """One open stream. What was final stays; `finish` waits until all that was heard is."""

    def __init__(self, link: ClientConnection, language: str) -> None:
        self._link = link
        self._language = language
        self._words: list[_Alternative] = []

    async def hear(self, pcm: bytes) -> None:
        """More sound. Raises what the connection raises."""
        await self._link.send(pcm)

    async def finish(self) -> Transcript:
        """The words of all sound so far. Raises HearingError."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._link.send(_FINALIZE)
                await self._link.send(_NO_MORE)
                await self._read()
        except TimeoutError as error:
            raise HearingError("the recogniser did not answer in time") from error
        said = [one for one in self._words if one.transcript]
        sure = [one.confidence for one in said if one.confidence is not None]
        return Transcript(
            text=" ".join(one.transcript.strip() for one in said),
            language=self._language,
            confidence=min(sure) if sure else None,
            speech_probability=1.0 if said else 0.0,
        )

    async def _read(self) -> None:
        """Results until the one that `Finalize` brought, or the end of the stream."""
        for _ in range(_MOST_RESULTS):
            try:
                data = await self._link.recv(decode=False)
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == 1000:
                    return
                raise
            if self._take(data):
                return

    def _take(self, data: bytes) -> bool:
        """Keep what is final. Whether it was the last."""
        try:
            result = _decode(data)
        except msgspec.MsgspecError as error:
            raise HearingError("the recogniser sent what cannot be read") from error
        if result.type == "Error":
            raise HearingError("the recogniser reported an error", detail=result.description[:300])
        if result.type == "Results" and result.is_final and isinstance(result.channel, _Channel):
            self._words += result.channel.alternatives[:1]
        return result.type == "Metadata" or result.from_finalize
