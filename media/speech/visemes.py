"""Which shape the mouth takes for each sound of speech: IPA to the 15 shapes called Oculus.

The table is by articulation: lips closed, lip to teeth, tongue between teeth, and so on. Marks of
stress and length have no shape of their own and lengthen the sound they stand at.
"""

from collections.abc import Iterable
from typing import Final

from media.speech.ports import Viseme

SILENCE: Final = "sil"
SHAPES: Final = (
    *("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR"),
    *("aa", "E", "I", "O", "U"),
)
_SOUNDS: Final = {
    "PP": "pbmɓɸβʙ",
    "FF": "fvʋɱⱱ",
    "TH": "θð",
    "DD": "tdɗʈɖɾ",
    "kk": "kɡgŋxɣqɢχhɦħʔcɟʁ",
    "CH": "ʃʒɕʑʂʐç",
    "SS": "sz",
    "nn": "nlɲɳɴɫɭʎ",
    "RR": "ɹrɻɽʀɚɝɜ",
    "aa": "aɑɐʌæɒ",
    "E": "eɛəɘɤ",
    "I": "iɪjᵻɨyʏ",
    "O": "oɔøœɵ",
    "U": "uʊwʉɯʍ",
}
_SHAPE_OF: Final = {sound: shape for shape, sounds in _SOUNDS.items() for sound in sounds}
_FRICATIVE_AFTER: Final = {"t": "ʃ", "d": "ʒ"}
_LENGTHENING: Final = frozenset("ˈˌːˑ˞̩̯̪̃ʰʲˤ")


def shape_of(sound: str, following: str = "") -> str | None:
    """The shape of a sound; None for a mark that belongs to its neighbour.

    A stop that opens an affricate (t before ʃ) already has the shape of the whole.
    """
    if sound in _LENGTHENING:
        return None
    if following and _FRICATIVE_AFTER.get(sound) == following:
        return "CH"
    return _SHAPE_OF.get(sound, SILENCE)


def joined(shapes: Iterable[tuple[str, int, int]]) -> list[Viseme]:
    """Neighbours of one shape become one; (shape, begin, end) in samples, in order."""
    found: list[Viseme] = []
    for shape, begin, end in shapes:
        if end <= begin:
            continue
        last = found[-1] if found else None
        if last and last.shape == shape and last.at_sample + last.samples == begin:
            found[-1] = Viseme(shape, last.at_sample, end - last.at_sample)
        else:
            found.append(Viseme(shape, begin, end - begin))
    return found
