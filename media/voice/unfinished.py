"""Do these words end in the middle? The last word or two of English say so better than its sound.

Pure. Nobody ends on "the", "because" or "I'm": such words hang. Others may or may not end a
sentence ("I know who you are", "yesterday they are"); what stands before them decides, or they stay
doubtful. Complete sentences must not be kept waiting: where two readings are likely it is finished.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

from media.voice.verdict import words_of

Hangs = Literal["yes", "perhaps", "no"]

ENGLISH: Final = frozenset(("", "en", "english"))


def _set(listed: str) -> frozenset[str]:
    return frozenset(words_of(listed))


_NEVER_LAST: Final = _set(
    "a an the my your our their its every whose very "
    "and but or nor because if unless whether whereas although while than "
    "during despite via upon towards toward among amid onto "
    "um uh er erm uhm"
)
_CONTRACTED: Final = ("'m", "'re", "'ve", "'ll", "'d")
_IS: Final = _set("it's that's there's here's he's she's what's who's where's how's this's")
_SUBJECTS: Final = _set("i we he she they")
_ANY_SUBJECT: Final = _SUBJECTS | _set("you it this that there these those one")
_AUXILIARIES: Final = _set(
    "am is are was were be been being have has had do does did "
    "will would can could shall should may might must"
)
_PREPOSITIONS: Final = _set(
    "of at by for with from about into between without against near behind under beyond like"
)
_ASKING: Final = _set("what who whom which where how why when whatever whoever")
_OPINION: Final = _set(
    "think thought know knew hope sure believe guess wish bet suppose afraid if as than glad see"
)
_TOLD: Final = _set("say said says told tell tells heard")
_WANTING: Final = _set("want wants wanted like have has had need needs used plan mean try trying")
_GLADLY: Final = _set("love glad happy able allowed supposed ought prefer")
_NOT: Final = _set("not never don't doesn't didn't can't couldn't won't wouldn't")
_AGREEING: Final = _set("think hope guess say said suppose believe told do if or even not why is")
_REPORTING: Final = _set("thinking thought say saying said hope heard realised realized believe is")
_WHOLE: Final = frozenset((("a", "while"), ("oh", "my"), ("anything", "but")))
_ANSWERING: Final = _set("yes yeah yep no nope well oh ok okay but sure of course now maybe")
_JOINING: Final = _NEVER_LAST | _OPINION | _TOLD | _ASKING | _AUXILIARIES | _set("that so then")
_EXCLAIMING: Final = (["what", "a"], ["what", "an"])
_NEAR_WORDS: Final = 4  # "what your name is", but not "when I was young I had"
_OTHERS: Final = {
    "fr": _set("et mais ou parce que si quand le la les un une des de du à mon ma euh alors"),
    "hi": _set("और लेकिन या क्योंकि अगर तो"),
}


def hangs(text: str, language: str = "") -> Hangs:
    """Whether the words ask for more. Of languages nobody listed here nothing is known: no."""
    words, tag = words_of(text), language.partition("-")[0].lower()
    if not words:
        return "no"
    if tag not in ENGLISH:
        return "yes" if words[-1] in _OTHERS.get(tag, ()) else "no"
    return _in_english(words, asks=text.rstrip("\"'”’») ").endswith("?"))


def _in_english(words: Sequence[str], *, asks: bool) -> Hangs:
    last, before = words[-1], words[:-1]
    previous = before[-1] if before else ""
    if (previous, last) in _WHOLE:
        return "no"
    if last in _NEVER_LAST or last.endswith(_CONTRACTED) or last in _IS:
        return "yes"
    if (previous, last) in {("i", "mean"), ("such", "as")}:
        return "yes"
    if last == "to":
        return _to(before, previous, asks=asks)
    if asks:
        return "no"  # a recogniser that hears a question has mostly heard its end
    if last in _SUBJECTS:
        return "no" if not before or previous in _AUXILIARIES | {"and", "than"} else "yes"
    if last in _AUXILIARIES or last.endswith("n't"):
        return _auxiliary(before, previous, negative=last.endswith("n't"))
    if last in _PREPOSITIONS:
        stranded = _ASKING & set(before) or _relates(before)  # "what I was told", "the book I was"
        return "no" if stranded or not before else "perhaps"
    if last == "so":
        return "no" if previous in _AGREEING else "yes"
    if last == "then":
        return "yes" if "if" in before else "no"
    if last == "that" and len(words) > 2:
        return "perhaps" if previous in _REPORTING else "no"
    return "no"


def _to(before: Sequence[str], previous: str, *, asks: bool) -> Hangs:
    """ "I would love to" and "I do not want to" are whole, "could you remind me to" is not."""
    denied = bool(_NOT & set(before))
    if previous in _ASKING:
        return "no" if denied else "yes"  # "I do not know how to", "let me show you how to"
    wanted = previous in _WANTING | _GLADLY
    if previous in _GLADLY or (wanted and (asks or denied)) or _ASKING & set(before):
        return "no"
    if _relates(before):
        return "no"
    return "perhaps" if wanted else "yes"


def _relates(before: Sequence[str]) -> bool:
    """ "The book I told you": somebody is named after a thing, with nothing to join the two."""
    pairs = list(pairwise(before))
    things = any(word in {"the", "a", "an", "this"} for word in before)
    return things and any(
        one in _ANY_SUBJECT and thing not in _JOINING and at > 0
        for at, (thing, one) in enumerate(pairs)
    )


def _auxiliary(before: Sequence[str], previous: str, *, negative: bool) -> Hangs:
    """ "Yes, I am", "I know who you are" and "better than it was" are whole, "we were" is not."""
    if _ASKING & set(before[-_NEAR_WORDS:]) or not before or before[:2] in _EXCLAIMING:
        return "no"
    if previous in _ANY_SUBJECT and (set(before[:-1]) <= _ANSWERING or _OPINION & set(before)):
        return "no"
    return "perhaps" if negative or _TOLD & set(before) else "yes"
