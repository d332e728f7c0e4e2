"""What callers say: recorded lines, or lines spoken by the voice that ships with the server.

Made once per process, at 48 kHz mono. The voice is a model: a driver spends a few seconds on it
before its first call, and nothing afterwards.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from media.sound.formats import PLAYOUT_RATE
from media.sound.resampling import resampled
from media.sound.wav import NotWav, read_wav

RATE: Final = 48_000
FAINT: Final = 180  # of 32,768: below -45 dB, what nobody hears as a voice
SPOKEN: Final = (
    "Good evening. What is the harbour like tonight?",
    "What would you do if it rained?",
    "Tell me more about the violin.",
    "Why do people remember tunes better than names?",
)
_making = asyncio.Lock()


class NoLines(Exception):
    """The folder has no sound that can be used; the message says why."""


async def lines_of(folder: str) -> Sequence[bytes]:
    """Every line there is to say. Raises NoLines."""
    async with _making:
        return await asyncio.to_thread(_lines, folder)


@lru_cache(maxsize=4)
def _lines(folder: str) -> tuple[bytes, ...]:
    return _recorded(Path(folder)) if folder else _spoken()


def _recorded(folder: Path) -> tuple[bytes, ...]:
    found = []
    for path in sorted(folder.glob("*.wav")):
        try:
            found.append(read_wav(path.read_bytes()).at(RATE))
        except (OSError, NotWav) as error:
            raise NoLines(f"{path} cannot be used: {error}") from error
    if not found:
        raise NoLines(f"There is no .wav file in {folder}.")
    return tuple(found)


def _spoken() -> tuple[bytes, ...]:
    from media.speech.joe import JoeVoice  # two seconds to load, and only where nothing is recorded
    from media.speech.ports import VoiceChoice

    voice, choice = JoeVoice(), VoiceChoice()
    spoken = (b"".join(piece.pcm for piece in voice.say(line, choice)) for line in SPOKEN)
    return tuple(resampled(_voiced(pcm), PLAYOUT_RATE, RATE) for pcm in spoken)


def _voiced(pcm: bytes) -> bytes:
    """Without what the voice leaves after its last sound: a caller's turn ends with that sound."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > FAINT)
    return pcm[: 2 * (int(loud[-1]) + 1)] if loud.size else pcm
