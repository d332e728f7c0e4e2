"""What a sound of the person's was: noise, an echo of the companion, a nod, or words of their own.

Pure judgements over a transcript, how long somebody was voiced, and what was being played. The
lists are small on purpose: a real "no" must never pass for a nod.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal
from unicodedata import category

from media.hearing.ports import Transcript

Verdict = Literal["noise", "echo", "nod", "words"]

_ASIDE: Final = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|<[^>]*>|[♪♫]+")
_BETWEEN: Final = re.compile(r"[\s…—–/]+|\.{2,}")


def words_of(text: str) -> list[str]:
    """Words as people would compare them: without case, marks, and asides such as [coughs]."""
    bare = _ASIDE.sub(" ", text).casefold().replace("’", "'")
    words = (_without_marks(word) for word in _BETWEEN.split(bare))
    return [word for word in words if word]


def _without_marks(word: str) -> str:
    while word and category(word[0])[0] in "PS":
        word = word[1:]
    while word and category(word[-1])[0] in "PS":
        word = word[:-1]
    return word


# What nods are made of; every word of an utterance must be one of these.
_NODS: Final = frozenset(
    words_of(
        "mm mhm mmhm mm-hm mm-hmm mmm mmhmm hm hmm hmmm uh-huh uhhuh uhuh aha ah oh okay ok yeah "
        "yep yup right sure cool wow nice true exactly i see got it really "
        "ouais oui mmh d'accord ah-bon voilà haan haanji accha achha theek ji हाँ अच्छा ठीक हम्म "
        "ja genau stimmt sí si vale claro"
    )
)
_FILLERS: Final = frozenset(("uh", "um", "er", "erm", "euh", "ähm", "hä"))
# What recognisers write for a cough or a breath.
_GHOSTS: Final = frozenset(
    ("you", "thank you", "thanks", "thanks for watching", "thank you for watching", "bye", "the")
)
_GHOST_MS: Final = 450
LEAST_SPEECH_PROBABILITY: Final = 0.4
LETTERS_AT_ONCE: Final = 6
LETTERS_PER_MS: Final = 0.04  # twice as fast as anybody talks
ECHO_SHARE: Final = 0.7


def judge(
    transcript: Transcript, voiced_ms: int, playing: str, least_echo_words: int = 1
) -> Verdict:
    """What it was. `playing` is what of the companion's words may have sounded meanwhile; fewer
    words than `least_echo_words` are no echo."""
    said = words_of(transcript.text)
    if not said or transcript.speech_probability < LEAST_SPEECH_PROBABILITY:
        return "noise"
    if all(word in _FILLERS for word in said):
        return "noise"
    letters = sum(map(len, said))
    if letters > LETTERS_AT_ONCE + LETTERS_PER_MS * voiced_ms:
        return "noise"
    if " ".join(said) in _GHOSTS and voiced_ms < _GHOST_MS:
        return "noise"
    if len(said) >= least_echo_words and echo_share(said, words_of(playing)) >= ECHO_SHARE:
        return "echo"
    return "nod" if all(word in _NODS for word in said) else "words"


def echo_share(said: Sequence[str], playing: Sequence[str]) -> float:
    """How much of what was said is, in its order, what was being played.

    Words that merely occur in both count for nothing: three words of which two follow each other.
    """
    if not said or not playing:
        return 0.0
    least = 2 if len(said) > 2 else 1
    return sum(size for _, size in _blocks(said, playing, least)) / len(said)


def without_echo(text: str, playing: str) -> str:
    """The words without runs of three and more that were being played."""
    said = text.split()
    bare = [" ".join(words_of(word)) for word in said]
    echoed: set[int] = set()
    for at, size in _blocks(bare, words_of(playing), 3):
        echoed.update(range(at, at + size))
    own = [word for n, word in enumerate(said) if n not in echoed]
    return " ".join(own) or text


def _blocks(said: Sequence[str], playing: Sequence[str], least: int) -> list[tuple[int, int]]:
    found = SequenceMatcher(None, said, playing, autojunk=False).get_matching_blocks()
    return [(block.a, block.size) for block in found if block.size >= least]
