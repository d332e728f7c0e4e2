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
WHOLE: Final = (
    "Hello there, how are you today?",
    "I was thinking we could go to the lake on Saturday.",
    "Did you ever finish that book about the lighthouse keeper?",
    "Tell me a story about a small robot.",
    "What is your favourite colour?",
    "My sister called this morning and she said that the flight was delayed.",
    "I do not know what to say.",
    "Could you sing something for me?",
    "I had a long day at work and my manager was not in a good mood.",
    "Let us talk about something else.",
    "How far is the moon from the earth?",
    "Why do you think people are afraid of the dark?",
    "That sounds wonderful.",
    "We should plant tomatoes again next spring.",
    "The train was late and it was raining the whole way home.",
    "Can you remind me to call the dentist tomorrow?",
    "I have never been so happy in my life.",
    "What are you looking at?",
    "I know exactly who you are.",
    "Yes, I think so.",
    "Where does your brother come from?",
    "That is what I was afraid of.",
    "I really want it to stop.",
    "No, they were not at home.",
    "It took quite a while.",
    "Come in and sit down.",
    "Please turn the music off.",
    "I told her.",
    "He is taller than you think.",
    "What is it like?",
    "I would love to.",
    "See you then.",
    "Nobody believed him.",
    "We moved here two years ago.",
    "Everything is fine now.",
    "My favourite season is autumn.",
    "She plays the violin every evening.",
    "There is nothing left in the fridge.",
    "Good night.",
    "I am not sure that I can.",
    # Written after the rules were.
    "Did they tell you who won?",
    "Honestly, I could not care less.",
    "Put it on the table by the window.",
    "It depends on what you like.",
    "My grandfather taught me how to fish.",
    "Never mind, I found it.",
    "That was the best concert I have ever been to.",
    "You should ask her about it.",
    "Everybody wants to be somewhere else.",
    "How long have you been waiting for?",
    "She is much older than he is.",
    "I will do it as soon as I can.",
    "There is somebody at the door.",
    "This is the book I told you about.",
    "I used to, but not any more.",
    "What a lovely surprise that was.",
    "They moved in last weekend.",
    "Just a little longer, please.",
    "I have no idea where they are.",
    "The answer is probably no.",
)
CUT: Final = (
    "I was thinking that we",
    "My dog and the",
    "What I wanted to say is that the",
    "Could you remind me to",
    "Yesterday I went to the",
    "The thing is that I",
    "If it rains tomorrow then",
    "She told me about my",
    "I would like a",
    "Do you remember when we",
    "I could not come because",
    "We were going to the station and",
    "He said he would call but",
    "The man who lives in",
    "I am looking for",
    "My favourite film is",
    "Last summer we were",
    "I have been trying to",
    "There was a little girl with",
    "You know, I think I'm",
    "The problem with your",
    "On the way home from",
    "I wonder if",
    "It was such an",
    "She never liked our",
    "Maybe tomorrow we could",
    "I saw him standing next to the",
    "When I was young I had",
    "The doctor told me that I should",
    "Have you ever been to a",
    "We bought this house although",
    "I really need some advice about",
    "The best part of the",
    "Tell me more about their",
    "It is not that I don't",
    "I went to bed and then I",
    "Our neighbours have",
    "She asked me whether",
    "I would rather stay at home than",
    "Could you please turn on the",
    # Written after the rules were.
    "Every morning my grandmother would",
    "The reason I am calling is because",
    "Somebody left their umbrella in the",
    "He works for a company that makes",
    "I always wanted to learn how to",
    "It was raining so we",
    "Between you and",
    "When the phone rang I was",
    "The cat is hiding under the",
    "You can find it next to your",
    "I would have told you but I",
    "Nobody knew whether the",
    "We need some milk and",
    "My uncle lives near",
    "Do you think she is",
    "I was about to",
    "The second one is better than the",
    "They told us that we",
    "Because of the snow, the",
    "At the end of my",
)
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
