"""Lays words and mouth shapes along the samples of a clause, from the frames of each phoneme.

The synthesiser says how many frames it gives each symbol, so nothing here is guessed. Samples are
those of the finished sound, after any change of pitch and rate.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from media.speech.mapped import Mapped
from media.speech.phonemes import Phoneme
from media.speech.ports import SpokenWord, Viseme
from media.speech.visemes import SILENCE, joined, shape_of

LONG: Final = "ː"
RUN_ON_FRAMES_MAX: Final = 8  # some 90 ms


class Timed(Struct, frozen=True):
    """A phoneme and its frames [begin, end)."""

    phoneme: Phoneme
    begin: int
    end: int


def words_of(
    timed: Sequence[Timed], said: Mapped, sample_of: Callable[[int], int]
) -> list[SpokenWord]:
    """The words of the original text, each from its first phoneme to its last.

    What was written once and read as several words ("3:30") is one word.
    """
    found: list[SpokenWord] = []
    for one in timed:
        if not one.phoneme.says:
            continue
        start, end = said.span(one.phoneme.start, one.phoneme.end)
        begin, until = sample_of(one.begin), sample_of(one.end)
        last = found[-1] if found else None
        if last and start < last.end:
            begin = last.at_sample
            found[-1] = SpokenWord(last.start, max(last.end, end), begin, until - begin)
        else:
            found.append(SpokenWord(start, end, begin, until - begin))
    return found


def visemes_of(timed: Sequence[Timed], sample_of: Callable[[int], int]) -> list[Viseme]:
    """The mouth shapes, without gaps from the first frame to the last.

    Between words that run on, the mouth does not rest: it is already at the next sound.
    """
    return joined(
        (_shape(timed, place), sample_of(one.begin), sample_of(one.end))
        for place, one in enumerate(timed)
    )


def _shape(timed: Sequence[Timed], place: int) -> str:
    """The shape at a place; marks of stress and short gaps go with the sound after them."""
    phoneme = timed[place].phoneme
    if not phoneme.says and not _runs_on(timed, place):
        return SILENCE
    for at in range(place, len(timed)):
        ahead = timed[at].phoneme
        following = timed[at + 1].phoneme.symbol if at + 1 < len(timed) else ""
        shape = shape_of(ahead.symbol, following) if ahead.says else None
        if ahead.symbol == LONG and at > place:
            break
        if shape is not None:
            return shape
        if phoneme.symbol == LONG or (not ahead.says and at > place):
            break
    return _before(timed, place)


def _before(timed: Sequence[Timed], place: int) -> str:
    """A mark of length goes with the sound before it."""
    for one in reversed(timed[:place]):
        shape = shape_of(one.phoneme.symbol) if one.phoneme.says else None
        if shape is not None:
            return shape
    return SILENCE


def _runs_on(timed: Sequence[Timed], place: int) -> bool:
    """Whether a gap is a mere space between two words."""
    if timed[place].phoneme.symbol != " " or not 0 < place < len(timed) - 1:
        return False
    both = timed[place - 1].phoneme.says and timed[place + 1].phoneme.says
    return both and timed[place].end - timed[place].begin <= RUN_ON_FRAMES_MAX
