"""Cuts words, as they arrive from a language model, into clauses that can be said on their own.

The first clause is short, so that the voice begins early; later ones are longer, because while one
is heard the next is made, and a longer one is better spoken. Nothing here waits or guesses what
comes: a cut is decided by what stands before it and the one character after it, so the clauses of
a text are the same however it was split into tokens. Joined, they are the text.
"""

import re
from typing import Final

from msgspec import Struct

CLAUSE_CHARACTERS_MAX: Final = 500  # below the 600 a speaker takes


class Clause(Struct, frozen=True):
    """`text` is code points [start, end) of all that was pushed."""

    text: str
    start: int
    end: int


class Pace(Struct, frozen=True):
    """When a clause is long enough to be cut, in characters.

    sentence: at the end of a sentence. pause: at a comma, a dash, a colon. word: at a word that
    begins a phrase. any_word: between any two words.
    """

    sentence: int
    pause: int
    word: int
    any_word: int


FIRST: Final = Pace(sentence=2, pause=10, word=32, any_word=56)
LATER: Final = Pace(sentence=24, pause=64, word=150, any_word=220)

_ENDS = ".!?…。！？।"
_ENDS_ALONE = "。！？।"  # scripts that put no space after a sentence
_PAUSES = ",;:—–،、，；："
_PAUSES_ALONE = "、，；："
_CLOSERS = "\"'”’»)]}*_~`"


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_PHRASE = _words(
    "and but because so when while which if or then with before after until unless "
    "although though since where as for from"
)
_SHORTENED = _words(
    "mr mrs ms dr prof st sr jr vs etc inc ltd co corp no nos fig vol pp ed est approx dept min "
    "max jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd "
    "mt ft gen col sgt lt capt rev hon cf al e.g i.e a.m p.m u.s u.k u.n ph.d b.a m.a d.c"
)
_LAST_WORD = re.compile(r"([^\s(\[{\"'“‘*_]+)$")
_NUMBERED_LINE = re.compile(r"(?:^|\n)\s*\d{1,3}$")


class ClauseSplitter:
    """Push words in, take clauses out; `finish` gives the rest."""

    def __init__(self, first: Pace = FIRST, later: Pace = LATER) -> None:
        self._pace = first
        self._later = later
        self._held = ""
        self._looked = 0  # characters of `_held` already decided about
        self._start = 0

    def push(self, words: str) -> list[Clause]:
        """The clauses that are complete now."""
        self._held += words
        cut: list[Clause] = []
        while self._looked < len(self._held):
            end = cut_after(self._held, self._looked, self._pace)
            self._looked += 1
            if end:
                cut.append(self._take(end))
        return cut

    def finish(self) -> list[Clause]:
        """What is left; the splitter begins anew behind it."""
        return [self._take(len(self._held))] if self._held else []

    def _take(self, end: int) -> Clause:
        text, self._held = self._held[:end], self._held[end:]
        clause = Clause(text, self._start, self._start + end)
        self._start += end
        self._looked = 0
        if text.strip():
            self._pace = self._later
        return clause


def cut_after(held: str, at: int, pace: Pace) -> int:
    """Where the clause ends now that the character `at` is known, or 0."""
    if at + 1 >= CLAUSE_CHARACTERS_MAX:
        return _forced(held, at + 1)
    here = held[at]
    if here in _ENDS_ALONE or here in _PAUSES_ALONE:
        least = pace.sentence if here in _ENDS_ALONE else pace.pause
        return at + 1 if at + 1 >= least and not _inside_marks(held[: at + 1]) else 0
    if not here.isspace():
        return 0
    head = held[:at]
    if not head.strip() or _inside_marks(head):
        return 0
    return at + 1 if _long_enough(head, pace, here) else _before_phrase(head, pace)


def _long_enough(head: str, pace: Pace, space: str) -> bool:
    size = len(head.lstrip())
    bare = head.rstrip(_CLOSERS)
    if space == "\n" and size >= pace.sentence:
        return not _NUMBERED_LINE.search(bare.rstrip("."))
    if bare and bare[-1] in _ENDS:
        return size >= pace.sentence and _ends_sentence(bare)
    if bare and bare[-1] in _PAUSES:
        return size >= pace.pause
    return size >= pace.any_word and not bare[-1:].isdigit()  # its unit may follow


def _before_phrase(head: str, pace: Pace) -> int:
    """Where the word that ends `head` begins, if it opens a phrase worth a breath; or 0."""
    last = _LAST_WORD.search(head)
    if last is None or last[1].lower() not in _PHRASE:
        return 0
    place = last.start(1)
    before = head[:place].strip()
    final = _LAST_WORD.search(before)
    clings = final is None or final[1].lower() in _CLINGING | _PHRASE or before[-1:].isdigit()
    return 0 if clings or len(before) < pace.word or _inside_marks(before) else place


_CLINGING = _words(
    "a an the to of in on at by my your his her its our their this these those very really not "
    "no is are was were be been am i you he she it we they has have had will would can could "
    "about into over under out up like than between "
    "should may might must do does did don't won't i'm you're it's more most some any every"
)


def _ends_sentence(bare: str) -> bool:
    """Whether the stop at the end of `bare` ends a sentence rather than a short form."""
    if bare[-1] != "." or bare.endswith(".."):
        return True
    if _NUMBERED_LINE.search(bare[:-1]):
        return False
    last = _LAST_WORD.search(bare[:-1])
    if last is None:
        return True
    word = last[1].lower()
    if len(word) == 1 and word.isalpha():
        return word == "i" and last[1] == "i"  # an initial: J. K.
    return word not in _SHORTENED


def _inside_marks(head: str) -> bool:
    """Whether a stage direction, a code span or a bracket is open: it is spoken, or not, whole."""
    if len(head) > LATER.any_word:
        return False
    stars = re.sub(r"(?m)^\s*\*\s", "", head).replace("**", "").count("*")
    if stars % 2 or head.count("`") % 2:
        return True
    return head.count("(") > head.count(")") or head.count("[") > head.count("]")


def _forced(held: str, end: int) -> int:
    """The clause must end: after the last space or mark that is not within a number, else here."""
    for place in range(end - 1, end // 2, -1):
        around = held[place - 1] + held[min(place + 1, end - 1)]
        if held[place].isspace() and not around.isdigit():
            return place + 1
    return end
