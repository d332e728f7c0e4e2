"""Recognisers that listen while somebody speaks, over a WebSocket as Deepgram has it.

Sound goes out as binary frames; results come as JSON while it does, first as they may still change,
then final. `Finalize` has what was heard so far recognised for good, `CloseStream` ends it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from config.hearing import TranscriptionProvider
from media.hearing.ports import HearingError, Said, Transcript
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES

VENDOR: Final = "wss://api.deepgram.com"
USUAL_MODEL: Final = "nova-3"
_PIECE_BYTES: Final = HEARING_RATE // 5 * SAMPLE_BYTES  # 200 ms
_OPEN_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 20.0
_MESSAGE_BYTES: Final = 1_000_000
_MOST_SAID: Final = 4_000  # words of one stream that are remembered
_NEARLY: Final = HEARING_RATE // 10  # a result that ends so shortly before the end covers it
_NO_MORE: Final = '{"type":"CloseStream"}'
_FINALIZE: Final = '{"type":"Finalize"}'


class _Word(Struct):
    word: str = ""
    punctuated_word: str = ""
    start: float = 0.0
    end: float = 0.0
    confidence: float | None = None


class _Alternative(Struct):
    transcript: str = ""
    confidence: float | None = None
    words: list[_Word] = []


class _Channel(Struct):
    alternatives: list[_Alternative] = []


class _Result(Struct):
    type: str = ""
    channel: _Channel | list[int] | None = None
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    from_finalize: bool = False
    description: str = ""


_decode = msgspec.json.Decoder(_Result).decode


class DeepgramTranscriber:
    """See media/hearing/ports.py `Transcriber` and `StreamingTranscriber`."""

    languages: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: TranscriptionProvider) -> None:
        self.name = name
        self.streams = settings.stream
        self._settings = settings

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """See the port: a stream as short as the utterance."""
        spoken = self._settings.language or language or ""
        async with self._listening(spoken, interim=False) as stream:
            for at in range(0, len(pcm), _PIECE_BYTES):
                await stream.hear(pcm[at : at + _PIECE_BYTES])
            said = await stream.settle()
        sure = [one.confidence for one in said if one.confidence is not None]
        return Transcript(
            text=" ".join(one.text for one in said),
            language=spoken,
            confidence=min(sure) if sure else None,
            speech_probability=1.0 if said else 0.0,
        )

    def stream(
        self, language: str | None = None
    ) -> "contextlib.AbstractAsyncContextManager[DeepgramStream]":
        """See the port."""
        return self._listening(self._settings.language or language or "", interim=True)

    async def aclose(self) -> None:
        """Nothing is kept between utterances."""

    @contextlib.asynccontextmanager
    async def _listening(self, language: str, *, interim: bool) -> AsyncIterator["DeepgramStream"]:
        """An open stream, ended in order. Raises HearingError."""
        try:
            async with connect(
                self._address(language, interim=interim),
                additional_headers={"Authorization": f"Token {self._settings.api_key}"},
                open_timeout=_OPEN_SECONDS,
                close_timeout=1.0,
                max_size=_MESSAGE_BYTES,
                compression=None,
            ) as link:
                stream = DeepgramStream(link)
                reading = asyncio.create_task(stream.read(), name="a stream's words")
                try:
                    yield stream
                    with contextlib.suppress(OSError, WebSocketException):
                        await link.send(_NO_MORE)
                finally:
                    reading.cancel()
                    await asyncio.wait([reading])
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

    def _address(self, language: str, *, interim: bool) -> str:
        asked: dict[str, Any] = {
            "encoding": "linear16",
            "sample_rate": HEARING_RATE,
            "channels": 1,
            "model": self._settings.model or USUAL_MODEL,
            "punctuate": "true",
            "interim_results": "true" if interim else "false",
        }
        if language:
            asked["language"] = language
        base = (self._settings.base_url or VENDOR).rstrip("/")
        base = base.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
        if not base.endswith("/listen"):
            base += "/v1/listen"
        return f"{base}?{urlencode(asked)}"


class DeepgramStream:
    """See media/hearing/ports.py `Stream`. `read` runs beside it."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._final: list[Said] = []
        self._changing: list[Said] = []
        self._final_until = 0
        self._sent = 0
        self._asked = self._answered = 0  # times it was to settle
        self._broken: HearingError | None = None
        self._news = asyncio.Event()

    async def hear(self, pcm: bytes) -> None:
        """See the port."""
        await self._send(pcm)
        self._sent += len(pcm) // SAMPLE_BYTES

    def so_far(self) -> Sequence[Said]:
        """See the port."""
        return [*self._final, *self._changing]

    async def settle(self) -> Sequence[Said]:
        """See the port. Final words that cover all sound are as good as an answer."""
        await self._send(_FINALIZE)
        self._asked += 1
        number, until = self._asked, self._sent - _NEARLY
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                while self._answered < number and not 0 < until <= self._final_until:
                    if self._broken is not None:
                        raise self._broken
                    await self._news.wait()
        except TimeoutError as error:
            raise HearingError("the recogniser did not answer in time") from error
        return list(self._final)

    async def _send(self, data: bytes | str) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            await self._link.send(data)
        except (OSError, WebSocketException) as error:
            raise HearingError(f"the recogniser went: {type(error).__name__}") from error

    # --- reading

    async def read(self) -> None:
        """Take results in until the end of the stream."""
        try:
            while True:
                self._take(await self._link.recv(decode=False))
                self._tell()
        except ConnectionClosed as error:
            if error.rcvd is not None and error.rcvd.code == 1000:
                self._answered = self._asked  # it has said all it will
            else:
                self._broken = HearingError("the recogniser went away")
        except HearingError as error:
            self._broken = error
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _take(self, data: bytes) -> None:
        """One result. Raises HearingError."""
        try:
            result = _decode(data)
        except msgspec.MsgspecError as error:
            raise HearingError("the recogniser sent what cannot be read") from error
        if result.type == "Error":
            raise HearingError("the recogniser reported an error", detail=result.description[:300])
        if result.type == "Metadata":
            self._answered = self._asked
        if result.type != "Results":
            return
        said = _said(result)
        if result.is_final:
            self._final += said
            del self._final[:-_MOST_SAID]
            until = int((result.start + result.duration) * HEARING_RATE)
            self._final_until = max(self._final_until, until)
            self._changing = []
        else:
            self._changing = said
        self._answered += result.from_finalize


def _said(result: _Result) -> list[Said]:
    """The words of a result with their times, or its text as one where it gives no times."""
    if not isinstance(result.channel, _Channel) or not result.channel.alternatives:
        return []
    best = result.channel.alternatives[0]
    if best.words:
        return [
            Said(
                text=word.punctuated_word or word.word,
                from_sample=int(word.start * HEARING_RATE),
                until_sample=int(word.end * HEARING_RATE),
                confidence=best.confidence if word.confidence is None else word.confidence,
                final=result.is_final,
            )
            for word in best.words
        ]
    text = best.transcript.strip()
    if not text:
        return []
    return [
        Said(
            text=text,
            from_sample=int(result.start * HEARING_RATE),
            until_sample=int((result.start + result.duration) * HEARING_RATE),
            confidence=best.confidence,
            final=result.is_final,
        )
    ]
