"""Expressions: what a feeling adds to the face at rest, and what a written tag or tone asks for.

A companion's words carry feelings as stage directions (*laughs*), as emoji and as tone; all
three come down to a named expression and a strength.
"""

import re
from typing import Final

from msgspec import Struct

EXPRESSIONS: Final[dict[str, dict[str, float]]] = {
    "neutral": {},
    "smile": {"smile": 0.5, "squint": 0.2, "wide": 0.08},
    "joy": {"smile": 0.9, "squint": 0.55, "brow": 0.15, "teeth": 0.35, "jaw": 0.12, "wide": 0.2},
    "tender": {"smile": 0.35, "inner_brow": 0.25, "squint": 0.15, "roll": 2.5},
    "sad": {"smile": -0.5, "inner_brow": 0.75, "brow": -0.1, "gaze_y": -0.25, "pitch": -2.5},
    "worried": {"smile": -0.25, "inner_brow": 0.65, "brow": 0.2},
    "surprised": {"brow": 0.85, "jaw": 0.34, "wide": -0.4, "smile": -0.3},
    "angry": {"anger": 0.75, "smile": -0.3, "squint": 0.3, "brow": -0.35},
    "playful": {"smile": 0.6, "brow": 0.3, "roll": -3.0, "squint": 0.25, "blink_right": 0.12},
    "shy": {"smile": 0.4, "gaze_x": 0.3, "gaze_y": -0.35, "pitch": -3.0, "roll": 2.0},
    "thoughtful": {"brow": 0.15, "inner_brow": 0.2, "smile": -0.08, "roll": 1.5},
    "greeting": {"smile": 0.7, "brow": 0.45, "squint": 0.25, "roll": 2.0},
    "goodbye": {"smile": 0.6, "brow": 0.2, "inner_brow": 0.15, "squint": 0.2, "roll": -2.0},
}

_TAGS: Final = {
    "joy": "laugh laughs laughing giggle giggles chuckle chuckles grin grins lacht kichert grinst "
    "rit ríe sorride sourit",
    "smile": "smile smiles smiling beam beams lächelt sonríe sorri",
    "tender": "hug hugs kiss kisses softly gently warmly umarmt küsst abraza besa abbraccia",
    "sad": "sad sigh sighs cry cries sob sobs tearful seufzt weint suspira llora soupire pleure",
    "worried": "worried frown frowns nervous nervously anxious hesitates besorgt preocupada",
    "surprised": "surprised gasp gasps wow shocked überrascht sorprendida surpris",
    "angry": "angry growl growls glare glares huff huffs wütend enfadada fâchée",
    "playful": "wink winks tease teases smirk smirks zwinkert guiña cligne",
    "shy": "blush blushes shy shyly bashful errötet sonroja rougit",
    "thoughtful": "think thinks thinking ponder ponders hmm nachdenklich piensa réfléchit",
}
_BY_TAG: Final = {word: name for name, words in _TAGS.items() for word in words.split()}
_EMOJI: Final = {
    **dict.fromkeys("😂🤣😄😁😆😃😀🥳", "joy"),
    **dict.fromkeys("🙂😊☺😌😎", "smile"),
    **dict.fromkeys("🥰😍❤💕💖😘🤗💗", "tender"),
    **dict.fromkeys("😢😭😞😔💔🥺", "sad"),
    **dict.fromkeys("😟😰😨😕😬", "worried"),
    **dict.fromkeys("😮😲😱🤯", "surprised"),
    **dict.fromkeys("😠😡🤬😤", "angry"),
    **dict.fromkeys("😉😜😏😋😝", "playful"),
    **dict.fromkeys("😳🙈", "shy"),
    **dict.fromkeys("🤔🧐", "thoughtful"),
}
_DIRECTION: Final = re.compile(r"[*\[(<]\s*([^*\[\]()<>]{2,40}?)\s*[*\])>]")
_WORD: Final = re.compile(r"[^\W\d_]+")
MOST_CHARACTERS: Final = 600  # a clause


class Feeling(Struct, frozen=True, kw_only=True):
    """A named expression and how much of it, 0..1."""

    name: str
    strength: float = 1.0


CALM: Final = Feeling(name="neutral", strength=0.0)


def known(name: str) -> str:
    """The expression a tag means: its own name or one of its words; `neutral` for any other."""
    word = name.strip().lower()
    return word if word in EXPRESSIONS else _BY_TAG.get(word, "neutral")


def read_feeling(text: str, valence: float | None = None) -> Feeling:
    """What a clause asks for. A stage direction counts most, then an emoji, then `valence`.

    valence: -1 (bitter) to 1 (glad), from whoever judged the words; None where nobody did.
    """
    clause = text[:MOST_CHARACTERS]
    for direction in _DIRECTION.finditer(clause):
        for word in _WORD.findall(direction.group(1).lower()):
            name = known(word)
            if name != "neutral":
                return Feeling(name=name)
    for sign in clause:
        if sign in _EMOJI:
            return Feeling(name=_EMOJI[sign], strength=0.9)
    if valence is not None and abs(valence) >= 0.15:
        return Feeling(name="smile" if valence > 0 else "sad", strength=min(1.0, abs(valence)))
    if "!" in clause:
        return Feeling(name="smile", strength=0.45)
    if "?" in clause or "？" in clause:
        return Feeling(name="surprised", strength=0.3)
    return CALM
