"""`python -m loadtest.bench_turn_ends`: who is answered in the middle of a sentence, and who waits.

The shipped voice says whole sentences, and others that stop where people stop to think; a third set
is cut out of whole sentences at a word drawn by lot. Each is judged by the end-of-turn model after
a pause, understood by the shipped recogniser, and given the silence it would get in a call: by the
sound and the marks alone, and with the words' own evidence. JSON to build/turn_ends.json.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct

from config.voice import VoiceSettings
from loadtest.sentences import CUT, WHOLE
from media.hearing.turn_end import SmartTurn, find_turn_model
from media.hearing.whisper import Whisper
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE, SAMPLE_BYTES
from media.sound.levels import silence
from media.sound.resampling import resampled
from media.speech.joe import JoeVoice
from media.speech.ports import SpokenWord, VoiceChoice
from media.voice.patience import patience_ms, reads

RESULT: Final = Path("build/turn_ends.json")
NO_WORDS: Final = "und"  # a language nobody lists words of: sound and marks alone
SEED: Final = 7
TO_CUT: Final = tuple(text for text in WHOLE if len(text.split()) >= 6)


class Heard(Struct, frozen=True):
    """One piece of sound: how sure the model is that it is whole, what was understood, the wait."""

    said: str
    sure: float
    understood: str
    reads: str
    by_sound_ms: int
    with_words_ms: int


class Judges:
    """The voice, the model and the recogniser that ship."""

    def __init__(self) -> None:
        path = find_turn_model()
        if path is None:
            raise click.ClickException("There is no end-of-turn model here.")
        self._voice, self._turns = JoeVoice(), SmartTurn(path, "cpu")
        self._whisper = Whisper(device="cpu")
        self._settings = VoiceSettings()

    def say(self, text: str) -> tuple[bytes, Sequence[SpokenWord]]:
        """Its sound at 24 kHz, and when each word of it sounds."""
        pieces = list(self._voice.say(text, VoiceChoice()))
        return b"".join(one.pcm for one in pieces), [w for one in pieces for w in one.words]

    def cut(self, text: str, chance: random.Random) -> tuple[str, bytes]:
        """The beginning of a sentence, out of the sound of all of it."""
        pcm, words = self.say(text)
        last = words[chance.randrange(2, len(words) - 1)]
        return text[: last.end], pcm[: SAMPLE_BYTES * (last.at_sample + last.samples)]

    def heard(self, said: str, pcm: bytes) -> Heard:
        """As a call would hear it: after the pause that has it judged."""
        sound = resampled(pcm, PLAYOUT_RATE, HEARING_RATE)
        pause = silence(self._settings.pause_ms * HEARING_RATE // 1000)
        sure, text = self._turns.finished(sound + pause), self._whisper.words(sound).text
        return Heard(
            said,
            round(sure, 3),
            text,
            reads(text, "en"),
            patience_ms(sure, text, self._settings, NO_WORDS),
            patience_ms(sure, text, self._settings, "en"),
        )


def row(name: str, heard: Sequence[Heard], settings: VoiceSettings) -> str:
    """One line of the table: of how many people it is held that they may go on."""
    count = len(heard)
    model = sum(one.sure < settings.complete_probability for one in heard)
    sound = sum(one.by_sound_ms > settings.pause_ms for one in heard)
    words = sum(one.with_words_ms > settings.pause_ms for one in heard)
    long = sum(one.with_words_ms >= settings.unlikely_ms for one in heard)
    share = "".join(f"{100 * n / count:>13.0f} %" for n in (model, sound, words, long))
    return f"{name:<34}{count:>4}{share}"


@click.command()
@click.option("--shows", is_flag=True, help="Print every sentence too.")
def main(shows: bool) -> None:
    """Measure, print, and write build/turn_ends.json."""
    judges, settings, chance = Judges(), VoiceSettings(), random.Random(SEED)
    found = {
        "whole sentences": [judges.heard(text, judges.say(text)[0]) for text in WHOLE],
        "cut where people stop to think": [judges.heard(t, judges.say(t)[0]) for t in CUT],
        "cut anywhere, out of whole ones": [
            judges.heard(*judges.cut(text, chance)) for text in (*TO_CUT, *TO_CUT)
        ],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    click.echo(f"{'held, because they may go on':<34}{'of':>4}"
               f"{'the model':>15}{'and marks':>15}{'and words':>15}{'for 1.2 s':>15}")  # fmt: skip
    for name, heard in found.items():
        click.echo(row(name, heard, settings))
    whole = found["whole sentences"]
    later = [one for one in whole if one.with_words_ms > one.by_sound_ms]
    click.echo(f"whole sentences that words kept waiting longer: {len(later)} of {len(whole)}")
    if shows:
        for one in (one for heard in found.values() for one in heard):
            click.echo(json.dumps(msgspec.to_builtins(one), ensure_ascii=False))


if __name__ == "__main__":
    main()
