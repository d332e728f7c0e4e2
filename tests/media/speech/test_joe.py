"""The shipped voice: sound with exact times, early first pieces, several voices out of one."""

import itertools
from pathlib import Path

import pytest

from loadtest.bench_speech import LIPS, closure_errors_ms
from media.speech.joe import JoeVoice
from media.speech.ports import SpeechError, Spoken, VoiceChoice
from media.speech.visemes import SHAPES
from media.speech.voices import REGISTERS, timbre_of, voice_of
from rooms.companions.companion import read_cast
from tests.media.speech.loudness import level, pitch_hz, samples

CAST = Path("config/cast")
SENTENCE = "My baby brother, Bob, made a big map of *smiles* 21 paths."


def say(joe: JoeVoice, text: str, choice: VoiceChoice | None = None) -> list[Spoken]:
    return list(joe.say(text, choice or VoiceChoice()))


def whole(pieces: list[Spoken]) -> bytes:
    return b"".join(piece.pcm for piece in pieces)


def test_words_carry_the_code_points_of_what_was_written(joe: JoeVoice) -> None:
    words = [word for piece in say(joe, SENTENCE) for word in piece.words]
    said = [SENTENCE[word.start : word.end] for word in words]
    assert said == ["My", "baby", "brother", "Bob", "made", "a", "big", "map", "of", "21", "paths"]


def test_words_and_visemes_follow_each_other_and_end_with_the_sound(joe: JoeVoice) -> None:
    pieces = say(joe, SENTENCE)
    words = [word for piece in pieces for word in piece.words]
    visemes = [viseme for piece in pieces for viseme in piece.visemes]
    assert all(a.at_sample + a.samples <= b.at_sample for a, b in itertools.pairwise(words))
    assert all(a.at_sample + a.samples == b.at_sample for a, b in itertools.pairwise(visemes))
    assert visemes[0].at_sample == 0
    assert visemes[-1].at_sample + visemes[-1].samples == len(whole(pieces)) // 2
    assert {viseme.shape for viseme in visemes} <= set(SHAPES)
    assert all(piece.exact for piece in pieces)


def test_marks_come_before_the_sound_they_belong_to(joe: JoeVoice) -> None:
    given = 0
    for piece in say(joe, SENTENCE):
        assert all(word.at_sample >= given for word in piece.words)
        given += len(piece.pcm) // 2


def test_lips_are_closed_where_the_sound_is_weak(joe: JoeVoice) -> None:
    pieces = say(joe, "Papa paid Peter a puppy, but Bob bought a big cup.")
    sound = samples(whole(pieces))
    visemes = [viseme for piece in pieces for viseme in piece.visemes]
    shapes = {"closed": ("PP",), "open": ("aa", "E", "O")}
    found = {
        name: [
            level(sound[v.at_sample : v.at_sample + v.samples])
            for v in visemes
            if v.shape in wanted
        ]
        for name, wanted in shapes.items()
    }
    assert len(found["closed"]) >= 8
    closed, opened = (sum(found[name]) / len(found[name]) for name in ("closed", "open"))
    assert closed < 0.6 * opened


def test_the_beginning_leaves_before_the_end_is_made(joe: JoeVoice) -> None:
    pieces = joe.say(
        "This is a rather long clause, which takes a while to say aloud.", VoiceChoice()
    )
    first = next(pieces)
    rest = b"".join(piece.pcm for piece in pieces)
    assert 0.1 < len(first.pcm) / 48_000 < 0.5
    assert len(rest) > 4 * len(first.pcm)


def test_pieces_join_without_a_seam(joe: JoeVoice) -> None:
    """Every step from one sample to the next across a seam is like those around it."""
    pieces = say(joe, "Sailing away over the long grey waves, we will remember summer.")
    sound = samples(whole(pieces))
    seam = 0
    for piece in pieces[:-1]:
        seam += len(piece.pcm) // 2
        steps = abs(sound[seam - 240 : seam + 240][1:] - sound[seam - 240 : seam + 240][:-1])
        assert steps[239] <= 1.5 * steps.max(initial=0.0, where=steps != steps[239]) + 1e-3


def test_a_faster_rate_is_shorter(joe: JoeVoice) -> None:
    slow, fast = (len(whole(say(joe, SENTENCE, VoiceChoice(rate=rate)))) for rate in (0.8, 1.25))
    assert 1.35 < slow / fast < 1.8


@pytest.mark.parametrize("text", ["", "   ", "*waves*", "😀", "...", "---", "[sighs]"])
def test_nothing_to_say_is_no_sound(joe: JoeVoice, text: str) -> None:
    assert say(joe, text) == []


@pytest.mark.parametrize("text", ["a", "Zxqwv!", "naïve café", "नमस्ते", "9" * 300, "a" * 600])
def test_odd_words_are_said_or_passed_over(joe: JoeVoice, text: str) -> None:
    pieces = say(joe, text)
    assert all(len(piece.pcm) % 2 == 0 for piece in pieces)


def test_a_clause_beyond_the_limit_is_refused(joe: JoeVoice) -> None:
    with pytest.raises(SpeechError):
        say(joe, "word " * 121)


@pytest.mark.parametrize("register", sorted(REGISTERS))
def test_each_register_has_its_pitch(joe: JoeVoice, register: str) -> None:
    heard = pitch_hz(whole(say(joe, SENTENCE, VoiceChoice(voice=register))))
    plain = pitch_hz(whole(say(joe, SENTENCE)))
    assert heard / plain == pytest.approx(REGISTERS[register].pitch, rel=0.15)


def test_the_cast_do_not_sound_the_same() -> None:
    voices = {
        companion.slug: timbre_of(
            voice_of(
                companion.voice.id,
                pitch=companion.voice.pitch,
                rate=companion.voice.rate,
                style=companion.voice.style,
                locale=companion.voice.locale,
            )
        )
        for companion in read_cast(CAST)
    }
    assert len(voices) == 12
    for one, other in itertools.combinations(voices.values(), 2):
        apart = abs(one.pitch / other.pitch - 1) * 4 + abs(one.size / other.size - 1) * 8
        apart += abs(one.pace / other.pace - 1) * 4 + abs(one.shade - other.shade)
        assert apart > 0.25
    women = {c.slug for c in read_cast(CAST) if c.gender == "woman"}
    men = {c.slug for c in read_cast(CAST) if c.gender == "man"}
    assert min(voices[slug].pitch for slug in women) > max(voices[slug].pitch for slug in men)


def test_the_lips_close_when_the_sound_does(joe: JoeVoice) -> None:
    """Within 40 ms, as the bench measures it: one frame of a picture."""
    errors: list[float] = []
    for voice in ("", "mezzo-warm"):
        pieces = say(joe, LIPS[0], VoiceChoice(voice=voice))
        visemes = [viseme for piece in pieces for viseme in piece.visemes]
        errors += closure_errors_ms(samples(whole(pieces)), visemes)
    assert len(errors) >= 10
    assert sum(abs(error) <= 40 for error in errors) >= 0.9 * len(errors)


def test_the_same_words_are_said_the_same_way(joe: JoeVoice) -> None:
    assert say(joe, SENTENCE) == say(joe, SENTENCE)
    assert say(joe, SENTENCE)[0].words != say(joe, SENTENCE, VoiceChoice(voice="bass"))[0].words
