"""How long to wait before a pause is the end of a turn: the model's judgement, and how it reads.

The end-of-turn model listens to the sound; a recogniser's punctuation and the last words say how
the sentence stands, in any language the former, in English the latter too. Where all agree the wait
is nothing; where they differ it is short; nobody waits longer than the ceiling.
"""

from typing import Final, Literal

from config.voice import VoiceSettings
from media.voice.unfinished import hangs

Reads = Literal["closed", "open", "doubtful", "trailing"]

_CLOSING: Final = (".", "?", "!", "。", "？", "！", "।", "؟")
_TRAILING_MARKS: Final = (",", "-", "…", "...", ":", ";", "–", "—")
UNJUDGED: Final = 0.35


def reads(text: str, language: str = "") -> Reads:
    """How the words end: like a sentence, like nothing in particular, perhaps or surely in the
    middle."""
    end = text.rstrip().rstrip("\"'”’»)")
    hanging = hangs(text, language)
    if end.endswith(_TRAILING_MARKS) or hanging == "yes":
        return "trailing"
    if hanging == "perhaps":
        return "doubtful"
    return "closed" if end.endswith(_CLOSING) else "open"


def patience_ms(
    probability: float | None, text: str, settings: VoiceSettings, language: str = ""
) -> int:
    """The silence after which these words are a turn."""
    sure = UNJUDGED if probability is None else probability
    how = reads(text, language)
    if sure >= settings.complete_probability:
        if how == "closed":
            return settings.pause_ms
        return settings.unlikely_ms if how == "trailing" else settings.likely_ms
    if how == "closed":
        return settings.unlikely_ms
    return settings.ceiling_ms
