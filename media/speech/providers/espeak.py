"""Many languages through espeak-ng, where it is installed: plain, but with exact times, and quick.

A child process (espeak_program.py) holds it. A clause takes it some milliseconds, so that it is
fetched as a whole; a process that is interrupted in the middle of one is replaced.
"""

import asyncio
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from config.speech import SpeechProvider
from media.sound.formats import PLAYOUT_RATE
from media.speech.mapped import Mapped
from media.speech.ports import SpeechError, Spoken, SpokenWord, Viseme, VoiceChoice
from media.speech.providers.remote import CLAUSE_SECONDS_MAX, languages_of, words_for
from media.speech.visemes import SILENCE, joined, shape_of
from media.speech.voices import timbre_of

_PROGRAM: Final = Path(__file__).with_name("espeak_program.py")
_SECONDS_MAX: Final = 20.0
_PIECE_SAMPLES: Final = PLAYOUT_RATE  # a second
_BYTES_MAX: Final = CLAUSE_SECONDS_MAX * 22_050 * 2
_WORDS_A_MINUTE: Final = 165
_WOMAN_FROM: Final = 1.5
_NAMES: Final = {"zh": "cmn", "no": "nb", "fil": "tl", "in": "id", "iw": "he"}


class Said(Struct, frozen=True):
    """What came for a clause: sound at `rate`, events as the program tells them."""

    rate: int
    sound: bytes
    events: list[list[Any]]


class EspeakSpeaker:
    """See media/speech/ports.py."""

    def __init__(self, name: str = "espeak", settings: SpeechProvider | None = None) -> None:
        self.name = name
        self.languages = languages_of(settings) if settings else frozenset[str]()
        self._program: asyncio.subprocess.Process | None = None
        self._rate = 0
        self._turn = asyncio.Lock()

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        """See the port."""
        said = words_for(text)
        if not said.text:
            return
        async with self._turn:
            try:
                async with asyncio.timeout(_SECONDS_MAX):
                    came = await self._ask(said.text, choice)
            except TimeoutError as error:
                raise SpeechError("espeak-ng does not answer") from error
        words, visemes = marks_of(came, said)
        sound = _resampled(came)
        for at in range(0, max(len(sound), 1), _PIECE_SAMPLES * 2):
            yield Spoken(
                pcm=sound[at : at + _PIECE_SAMPLES * 2],
                words=words if not at else (),
                visemes=visemes if not at else (),
            )

    async def aclose(self) -> None:
        """End the program."""
        program, self._program = self._program, None
        if program is not None:
            with suppress(ProcessLookupError):
                program.kill()
            await program.wait()

    async def _ask(self, text: str, choice: VoiceChoice) -> Said:
        """One request; anything but a whole answer ends the program."""
        try:
            program = await self._running()
            for voice in voice_names(choice):
                program.stdin.write(msgspec.json.encode(_request(text, voice, choice)) + b"\n")  # type: ignore[union-attr]
                if (came := await self._answer(program)) is not None:
                    return came
        except (OSError, asyncio.IncompleteReadError) as error:
            await self.aclose()
            raise SpeechError("espeak-ng has ended") from error
        except BaseException:
            await self.aclose()
            raise
        raise SpeechError(f"espeak-ng does not speak {choice.language!r}", retryable=False)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._program is not None and self._program.returncode is None:
            return self._program
        self._program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_PROGRAM)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        kind, content = await _frame(self._program)
        if kind != b"r":
            raise SpeechError(content.decode(errors="replace"), retryable=False)
        self._rate = int(content)
        return self._program

    async def _answer(self, program: asyncio.subprocess.Process) -> Said | None:
        """The sound and the events; None for a voice that is not there."""
        sound, events = bytearray(), list[list[Any]]()
        while True:
            kind, content = await _frame(program)
            match kind:
                case b"a":
                    sound += content
                case b"e":
                    events += msgspec.json.decode(content, type=list[list[Any]])
                case b"z":
                    return Said(self._rate, bytes(sound), events)
                case _:
                    return None
            if len(sound) > _BYTES_MAX:
                raise SpeechError("espeak-ng does not stop speaking", retryable=False)


async def _frame(program: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    assert program.stdout is not None
    head = await program.stdout.readexactly(5)
    (size,) = struct.unpack("<I", head[1:])
    return head[:1], await program.stdout.readexactly(min(size, _BYTES_MAX))


def voice_names(choice: VoiceChoice) -> tuple[str, ...]:
    """Names to try: the region's, then the language's."""
    whole = choice.language.lower().replace("_", "-")
    primary = whole.split("-")[0]
    variant = "+f3" if timbre_of(choice).pitch >= _WOMAN_FROM else ""
    names = dict.fromkeys((whole, _NAMES.get(primary, primary)))
    return tuple(name + variant for name in names if name)


def _request(text: str, voice: str, choice: VoiceChoice) -> dict[str, Any]:
    timbre = timbre_of(choice)
    usual = 1.85 if timbre.pitch >= _WOMAN_FROM else 1.0
    return {
        "text": text,
        "voice": voice,
        "rate": round(_WORDS_A_MINUTE * timbre.pace),
        "pitch": max(0, min(99, round(50 + 80 * (timbre.pitch / usual - 1)))),
    }


def marks_of(came: Said, said: Mapped) -> tuple[tuple[SpokenWord, ...], tuple[Viseme, ...]]:
    """Words and mouth shapes at the playout rate. A word ends where the next event begins."""
    total = len(came.sound) // 2
    words: list[SpokenWord] = []
    shapes: list[tuple[str, int, int]] = []

    def at(sample: int) -> int:
        return round(min(max(sample, 0), total) * PLAYOUT_RATE / came.rate)

    told = [(e[1], e[2]) for e in came.events if e[0] == "w" and e[2] < len(said.text)]
    sounds = [(e[1], str(e[2])) for e in came.events if e[0] == "p"]
    for place, (sample, start) in enumerate(told):
        following = told[place + 1] if place + 1 < len(told) else (total, len(said.text))
        read = said.text[start : following[1]]
        size = len(read.rstrip(" ,.!?;:…।。\"'»)"))
        if size <= 0:
            continue
        ends = [s for s, sound in sounds if not sound and sample < s < following[0]]
        first, last = said.span(start, start + size)
        begin, end = at(sample), at(min(ends, default=following[0]))
        words.append(SpokenWord(first, last, begin, max(end - begin, 0)))
    for place, (sample, sound) in enumerate(sounds):
        end = sounds[place + 1][0] if place + 1 < len(sounds) else total
        shape = next((s for s in map(shape_of, sound) if s is not None), SILENCE)
        shapes.append((shape, at(sample), at(end)))
    if shapes and shapes[0][1] > 0:
        shapes.insert(0, (SILENCE, 0, shapes[0][1]))
    return tuple(words), tuple(joined(shapes))


def _resampled(came: Said) -> bytes:
    import numpy as np
    import soxr

    sound = np.frombuffer(came.sound, "<i2")
    return bytes(soxr.resample(sound, came.rate, PLAYOUT_RATE).astype("<i2").tobytes())
