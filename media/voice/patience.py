"""How long to wait before a pause is the end of a turn: the model's judgement, and how it reads.

The end-of-turn model is right nine times in ten about whole sentences and six in ten about cut
ones; a recogniser's punctuation errs elsewhere. Where both agree the wait is nothing; where they
differ it is short; nobody waits longer than the ceiling.
"""

from typing import Final, Literal

from config.voice import VoiceSettings
from media.voice.verdict import words_of

Reads = Literal["closed", "open", "trailing"]

_CLOSING: Final = (".", "?", "!", "。", "？", "！", "।", "؟")
_TRAILING_MARKS: Final = (",", "-", "…", "...", ":", ";", "–", "—")
_TRAILING_WORDS: Final = frozenset(
    words_of(
        "and but or because so if when that which the a an to of in on at for with from my your "
        "his her our their is are was were i'm um uh er like well "
        "et mais ou parce que si quand le la les un une des de du à mon ma euh alors "
        "और लेकिन या क्योंकि अगर तो"
    )
)
UNJUDGED: Final = 0.35


def reads(text: str) -> Reads:
    """How the words end: like a sentence, like nothing in particular, or in the middle."""
    end = text.rstrip().rstrip("\"'”’»)")
    words = words_of(end)
    if end.endswith(_TRAILING_MARKS) or (words and words[-1] in _TRAILING_WORDS):
        return "trailing"
    return "closed" if end.endswith(_CLOSING) else "open"


def patience_ms(probability: float | None, text: str, settings: VoiceSettings) -> int:
    """The silence after which these words are a turn."""
    sure = UNJUDGED if probability is None else probability
    how = reads(text)
    if sure >= settings.complete_probability:
        if how == "closed":
            return settings.pause_ms
        return settings.likely_ms if how == "open" else settings.unlikely_ms
    if how == "closed":
        return settings.unlikely_ms
    return settings.ceiling_ms
