"""OpenAI's doors for sound: text goes in and a companion's voice comes out, sound in and words out.

The stock client works against both. Files are packed by a process of their own, streamed as they
are made, and carry the mark that a machine spoke them.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from media.sound.codec import CannotEncode, packed
from media.sound.formats import PLAYOUT_RATE
from media.speech.files import CONTENT_TYPES, MAKER, REMARK, Format, wav_beginning
from media.speech.ports import Viseme
from rooms.errors import Invalid, Unavailable
from rooms.speaking import Segment, Speech, Understood, Wanted
from rooms.stopping import finish
from server.api.openai import openai_error
from server.rest import Call, Routes
from server.rest.multipart import boundary_of, read_form
from server.rest.reading import read_body

routes = Routes(tag="openai", told=openai_error)
FORM_BYTES: Final = 65_536  # a form's fields and marks, besides its file


class SpeechRequest(Struct, frozen=True, kw_only=True):
    """OpenAI's speech request. `voice`: a companion's slug, a voice's name, or one of OpenAI's.

    With `model` a companion's slug, an empty `voice` is that companion's. `stream_format` `sse`
    tells the file in events, which carry the shapes of the mouth beside the sound.
    """

    model: Annotated[str, Meta(min_length=1, max_length=80)]
    input: Annotated[str, Meta(min_length=1, max_length=100_000)]
    voice: Annotated[str, Meta(max_length=80)] = ""
    response_format: Format = "mp3"
    speed: Annotated[float, Meta(ge=0.25, le=4.0)] = 1.0
    instructions: Annotated[str, Meta(max_length=4_096)] = ""
    stream_format: Literal["audio", "sse"] = "audio"


@routes.post(
    "/v1/audio/speech",
    scope="chat",
    body_bytes=524_288,
    gives=tuple(dict.fromkeys(CONTENT_TYPES.values())),
)
async def speak(call: Call, body: SpeechRequest) -> Response:
    """Text as speech, in a companion's voice.

    Streamed while it is made; charged by the character as it is sent. A request that is repeated
    with the same `Idempotency-Key` is spoken again and charged once.
    """
    wanted = Wanted(
        text=body.input,
        voice=body.voice or body.model,
        speed=body.speed,
        key=call.idempotency_key,
    )
    speech = await call.house.speaking.speak(call.principal, wanted)
    blocks = _file(speech, body.response_format)
    try:
        first = await anext(blocks)
    except BaseException as error:
        await blocks.aclose()
        await finish(speech.close())
        if isinstance(error, (CannotEncode, StopAsyncIteration)):
            raise Unavailable("The file cannot be made at the moment.") from error
        raise
    if body.stream_format == "sse":
        told = _events(speech, _joined(first, blocks), len(body.input))
        return SpokenFile(speech, b"", told, "text/event-stream", under=blocks)
    return SpokenFile(speech, first, blocks, CONTENT_TYPES[body.response_format])


class SpokenFile(StreamingResponse):
    """A file that is charged for however its sending ends."""

    def __init__(
        self, speech: Speech, first: bytes, rest: AsyncGenerator[bytes, None], kind: str,
        under: AsyncGenerator[bytes, None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(_joined(first, rest), media_type=kind, headers=_HEADERS)
        self._speech = speech
        self._rest = rest
        self._under = under  # what `rest` is made of, where it must be closed by itself

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, then settle."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await finish(self._over())

    async def _over(self) -> None:
        await self._rest.aclose()
        if self._under is not None:
            await self._under.aclose()
        await self._speech.close()


_HEADERS: Final = {"cache-control": "no-store", "x-content-generator": f"{MAKER}; ai=true"}


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for block in rest:
        yield block


class SoundDelta(Struct, frozen=True, tag_field="type", tag="speech.audio.delta"):
    """A part of the file in base64. `visemes`: mouth shapes by their Oculus names, each with the
    sample (24 kHz, from the beginning of the sound) it begins at and how many it lasts."""

    audio: bytes
    visemes: list[Viseme]


class SoundDone(Struct, frozen=True, tag_field="type", tag="speech.audio.done"):
    """The file is whole."""

    usage: dict[str, int | str]


async def _events(
    speech: Speech, blocks: AsyncGenerator[bytes, None], characters: int
) -> AsyncGenerator[bytes, None]:
    """The file as server-sent events. A stream without its `done` broke off."""
    async with aclosing(blocks):
        async for block in blocks:
            yield _event(SoundDelta(block, speech.visemes()))
    if left := speech.visemes():
        yield _event(SoundDelta(b"", left))
    yield _event(SoundDone({"type": "characters", "input_characters": characters}))


def _event(told: SoundDelta | SoundDone) -> bytes:
    return b"data: " + msgspec.json.encode(told) + b"\n\n"


async def _file(speech: Speech, kind: Format) -> AsyncGenerator[bytes, None]:
    """The file's bytes as they come to be."""
    async with aclosing(speech.pieces()) as pieces:
        match kind:
            case "pcm":
                async for piece in pieces:
                    yield piece
            case "wav":
                yield wav_beginning()
                async for piece in pieces:
                    yield piece
            case _:
                async with aclosing(packed(pieces, kind, PLAYOUT_RATE, REMARK, MAKER)) as blocks:
                    async for block in blocks:
                        yield block


class TranscriptionFields(Struct, frozen=True, kw_only=True):
    """The fields of OpenAI's transcription form, besides `file`; others are ignored."""

    model: Annotated[str, Meta(min_length=1, max_length=80)]
    language: Annotated[str, Meta(pattern=r"\A(?:[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?)?\Z")] = ""
    response_format: Literal["json", "text", "verbose_json", "srt", "vtt"] = "json"
    temperature: Annotated[float, Meta(ge=0, le=1)] = 0.0


@routes.post(
    "/v1/audio/transcriptions",
    scope="chat",
    body_bytes=FORM_BYTES,
    form=TranscriptionFields,
    files=("file",),
    gives=("application/json", "text/plain", "text/vtt"),
)
async def transcribe(call: Call) -> Response:
    """Sound as words: a form with `file` and `model`, as OpenAI takes it.

    Any usual format, charged by the second. Times are those of stretches between pauses.
    """
    boundary = boundary_of(call.request.headers.get("content-type", ""))
    most = call.house.settings.speech.upload_bytes_max + FORM_BYTES
    form = read_form(await read_body(call.request, most), boundary)
    upload = form.files.get("file")
    if upload is None or not upload.data:
        raise Invalid("The form has no file.", path="$.file")
    try:
        fields = msgspec.convert(form.fields, TranscriptionFields, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from error
    understood = await call.house.speaking.understand(
        call.principal, upload.data, fields.language or None, call.idempotency_key
    )
    return _answer(understood, fields)


def _answer(understood: Understood, fields: TranscriptionFields) -> Response:
    match fields.response_format:
        case "text":
            return _plain(understood.text + "\n")
        case "srt":
            return _plain(subtitles(understood.segments, comma=True))
        case "vtt":
            told = subtitles(understood.segments, comma=False)
            return Response(f"WEBVTT\n\n{told}", media_type="text/vtt; charset=utf-8")
        case "json":
            body: dict[str, Any] = {"text": understood.text}
        case "verbose_json":
            body = _verbose(understood)
    body["usage"] = {
        "type": "duration",
        "seconds": -(-understood.seconds // 1),
        "cost_microcredits": understood.cost_microcredits,
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


def _plain(text: str) -> Response:
    return Response(text, media_type="text/plain; charset=utf-8")


def _verbose(understood: Understood) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "language": understood.language,
        "duration": round(understood.seconds, 3),
        "text": understood.text,
        "segments": [
            {
                "id": place,
                "seek": 0,
                "start": round(segment.start, 2),
                "end": round(segment.end, 2),
                "text": segment.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": 0.0,
                "compression_ratio": 1.0,
                "no_speech_prob": 0.0,
            }
            for place, segment in enumerate(understood.segments)
        ],
    }


def subtitles(segments: list[Segment], *, comma: bool) -> str:
    """Numbered lines with their times, as SRT and WebVTT have them."""
    lines = [
        f"{place}\n{_clock(segment.start, comma=comma)} --> {_clock(segment.end, comma=comma)}\n"
        f"{segment.text}\n"
        for place, segment in enumerate(segments, 1)
    ]
    return "\n".join(lines)


def _clock(seconds: float, *, comma: bool) -> str:
    whole, ms = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{',' if comma else '.'}{ms:03}"
