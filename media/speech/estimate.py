"""When words are probably heard, for speakers that do not say: by the length of what is read.

Good enough for captions and for what was heard of an interrupted reply, give or take a word; what
is exact is told as exact. Sound that comes is measured; only what has not come is guessed.
"""

from typing import Final

from msgspec import Struct

from media.sound.formats import PLAYOUT_RATE
from media.speech.mapped import Mapped
from media.speech.ports import SpokenWord, Viseme
from media.speech.visemes import SILENCE, joined

_SAMPLES_A_WEIGHT: Final = PLAYOUT_RATE // 15  # some 15 letters a second
_PAUSES: Final = {".": 5.0, "!": 5.0, "?": 5.0, ",": 3.0, ";": 3.5, ":": 3.5, "。": 5.0, "।": 5.0}
_WORD_WEIGHT: Final = 0.9  # the beginning of a word costs as much as a letter
_WIDE_WEIGHT: Final = 2.6  # a character that is a syllable
_LETTERS: Final = {
    **dict.fromkeys("pbm", "PP"),
    **dict.fromkeys("fv", "FF"),
    **dict.fromkeys("td", "DD"),
    **dict.fromkeys("kgqxch", "kk"),
    **dict.fromkeys("szç", "SS"),
    **dict.fromkeys("nlñ", "nn"),
    **dict.fromkeys("r", "RR"),
    **dict.fromkeys("aáàâäãå", "aa"),
    **dict.fromkeys("eéèêë", "E"),
    **dict.fromkeys("iíìîïyj", "I"),
    **dict.fromkeys("oóòôöõ", "O"),
    **dict.fromkeys("uúùûüw", "U"),
}


class Read(Struct, frozen=True):
    """A word as it is read: characters [start, end) of the spoken text."""

    start: int
    end: int
    weight: float
    pause: float


def words_read(text: str) -> list[Read]:
    """The words of a spoken text and how long each weighs."""
    found: list[Read] = []
    start: int | None = None
    for at, char in enumerate(text + " "):
        spoken = char.isalnum() or (
            start is not None and char in "'’-" and text[at + 1 :][:1].isalnum()
        )
        if spoken and start is None:
            start = at
        elif not spoken and start is not None:
            found.append(Read(start, at, _weight(text[start:at]), _PAUSES.get(char, 0.0)))
            start = None
    return found


def _weight(word: str) -> float:
    return _WORD_WEIGHT + sum(
        _WIDE_WEIGHT if ord(char) >= 0x2E80 or char.isdigit() else 1.0 for char in word
    )


def letter_shapes(word: str, at_sample: int, samples: int) -> list[Viseme]:
    """The mouth along the letters of a word; a letter of another script opens it."""
    letters = [char for char in word.lower() if char.isalnum()] or [" "]
    places = [at_sample + samples * n // len(letters) for n in range(len(letters) + 1)]
    return joined(
        (_LETTERS.get(char, "aa" if char.isalpha() else SILENCE), begin, end)
        for char, begin, end in zip(letters, places, places[1:], strict=False)
    )


class Estimate:
    """Marks for one clause, told as the sound comes in."""

    def __init__(self, said: Mapped, rate: float) -> None:
        self._said = said
        self._left = words_read(said.text)
        self._scale = _SAMPLES_A_WEIGHT / max(rate, 0.25)
        self._at = 0.0

    def heard(self, samples: int) -> tuple[tuple[SpokenWord, ...], tuple[Viseme, ...]]:
        """What probably begins before `samples`, the sound that has come so far."""
        return self._tell(samples, self._scale)

    def ended(self, given: int, samples: int) -> tuple[tuple[SpokenWord, ...], tuple[Viseme, ...]]:
        """The clause is `samples` long, `given` are out: what is left shares the rest."""
        self._at = max(self._at, float(given))
        weight = sum(read.weight + read.pause for read in self._left)
        room = max(samples - self._at, 0.0)
        return self._tell(None, room / weight if weight else 0.0)

    def _tell(
        self, until: int | None, scale: float
    ) -> tuple[tuple[SpokenWord, ...], tuple[Viseme, ...]]:
        words: list[SpokenWord] = []
        shapes: list[Viseme] = []
        while self._left and (until is None or self._at < until):
            read = self._left.pop(0)
            begin, size = round(self._at), round(read.weight * scale)
            start, end = self._said.span(read.start, read.end)
            words.append(SpokenWord(start, end, begin, size))
            shapes += letter_shapes(self._said.text[read.start : read.end], begin, size)
            self._at += (read.weight + read.pause) * scale
        return tuple(words), tuple(shapes)
