"""A clip of a companion who speaks: the house's own voice and face, as a WebM to show to people.

    python -m loadtest.clip --companion mira docs/images/greeting.webm

What is heard and seen is what a call makes, without the call: the voice's timings move the mouth,
the director does the rest. The file says of itself that a program made it.
"""

import argparse
import asyncio
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.video.stream import VideoStream

from media.avatar.cpu import CpuPainter
from media.avatar.motion.director import FRAME_SAMPLES, Director
from media.avatar.motion.expressions import read_feeling
from media.avatar.provenance import drawn
from media.sound.formats import PLAYOUT_RATE
from media.speech.clauses import ClauseSplitter
from media.speech.embedded import JoeSpeaker
from media.speech.joe import JoeVoice
from media.speech.ports import Viseme, VoiceChoice
from rooms.companions.catalogue import CAST
from rooms.companions.companion import Companion, read_companion
from rooms.voices import choice_of

FPS: Final = 25
BEFORE_SECONDS: Final = 0.8
AFTER_SECONDS: Final = 1.2
PAUSE_SECONDS: Final = 0.12


class Said:
    """Sound and mouth shapes on one line of samples."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.visemes: list[Viseme] = []
        self.feelings: list[tuple[int, str]] = []

    @property
    def samples(self) -> int:
        """How much there is."""
        return len(self.pcm) // 2


async def say(text: str, choice: VoiceChoice) -> Said:
    """The text in the shipped voice, clause by clause as in a call."""
    speaker, said, splitter = JoeSpeaker(voice=JoeVoice()), Said(), ClauseSplitter()
    for clause in [*splitter.push(text), *splitter.finish()]:
        base = said.samples
        said.feelings.append((base, clause.text))
        async for piece in speaker.speak(clause.text, choice):
            said.visemes += [
                Viseme(one.shape, base + one.at_sample, one.samples) for one in piece.visemes
            ]
            said.pcm += piece.pcm
        said.pcm += bytes(2 * int(PAUSE_SECONDS * PLAYOUT_RATE))
    return said


def film(companion: Companion, said: Said, path: Path, size: int, kbps: int) -> None:
    """Paint every frame and write the file."""
    director = Director(companion.slug)
    director.behave("listening")
    director.speak(0, 0, bytes(said.pcm), tuple(said.visemes))
    for at, words in said.feelings:
        director.feel(read_feeling(words), at)
    first = int(BEFORE_SECONDS * PLAYOUT_RATE)
    frames = int((BEFORE_SECONDS + AFTER_SECONDS) * FPS) + said.samples // FRAME_SAMPLES
    with tempfile.TemporaryDirectory() as folder, av.open(str(path), "w", format="webm") as file:
        painter = CpuPainter(Path(folder))
        asset = painter.prepare(companion.appearance, size)
        picture, sound = _streams(file, size, kbps)
        for number in range(frames):
            at = number * FRAME_SAMPLES
            position = at - first
            sounds = 0 <= position < said.samples
            row = director.row(at, position if sounds else None)
            i420 = painter.paint([asset], row[None])[0]
            frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(picture.encode(frame))
        _sound(file, sound, said, first, frames * FRAME_SAMPLES)
        file.mux(picture.encode(None))


def _streams(file: OutputContainer, size: int, kbps: int) -> tuple[VideoStream, AudioStream]:
    origin = drawn()
    file.metadata["comment"] = origin.words
    file.metadata["encoder_settings"] = origin.by
    file.metadata["digital_source_type"] = origin.source
    picture = file.add_stream("libvpx-vp9", rate=FPS)
    sound = file.add_stream("libopus", rate=48_000)
    assert isinstance(picture, VideoStream)
    assert isinstance(sound, AudioStream)
    picture.width = picture.height = size
    picture.pix_fmt = "yuv420p"
    picture.bit_rate = kbps * 1000
    picture.options = {"deadline": "good", "cpu-used": "4", "row-mt": "1"}
    sound.layout = "mono"
    sound.bit_rate = 40_000
    return picture, sound


def _sound(file: OutputContainer, sound: AudioStream, said: Said, first: int, samples: int) -> None:
    line = np.zeros(samples, np.int16)
    heard = np.frombuffer(bytes(said.pcm), np.int16)[: samples - first]
    line[first : first + len(heard)] = heard
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000, frame_size=960)
    frame = av.AudioFrame.from_ndarray(line[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = PLAYOUT_RATE, 0, Fraction(1, PLAYOUT_RATE)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        file.mux(sound.encode(part))
    file.mux(sound.encode(None))


def main(argv: list[str] | None = None) -> int:
    """Make the clip that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.clip", description=__doc__)
    parser.add_argument("path", type=Path, help="the .webm to write")
    parser.add_argument("--companion", default="mira", help="one of the shipped cast, by slug")
    parser.add_argument("--words", default="", help="what is said; the greeting by default")
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--kbps", type=int, default=500)
    told = parser.parse_args(argv)
    companion = read_companion(CAST / f"{told.companion}.toml")
    words = told.words or companion.greetings[0]
    said = asyncio.run(say(words, choice_of(companion)))
    told.path.parent.mkdir(parents=True, exist_ok=True)
    film(companion, said, told.path, told.size, told.kbps)
    print(f"{told.path}: {said.samples / PLAYOUT_RATE:.1f} s, {told.path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
