"""What of a written reply is said aloud: no markup, no emoji, no stage directions.

Companions write "*smiles* **Really?** 😀 see [this](https://...)"; a voice says "Really? see this".
Languages differ in how figures are read (expand.py has English); here is what is the same in all.
"""

import re
from typing import Final

from media.speech.mapped import Mapped

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)\s]*(?:\s[^)]*)?\)")
_LINK = re.compile(r"\[([^\]]+)\]\((?:https?:|mailto:|/|#)[^)]*\)")
_CODE = re.compile(r"`([^`\n]+)`")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,80}>")
_HEADING = re.compile(r"(?m)^[ \t]*(?:#{1,6}|>+)[ \t]+")
_BULLET = re.compile(r"(?m)^[ \t]*[*+•▪‣-][ \t]+")
_RULE = re.compile(r"(?m)^[ \t]*(?:[-*_=][ \t]?){3,}$")
_BOLD = re.compile(r"\*\*\*?(?=\S)(.+?)(?<=\S)\*\*\*?|__(?=\S)(.+?)(?<=\S)__|~~(.+?)~~", re.DOTALL)
_STARRED = re.compile(
    r"(?<!\w)\*(?=\S)([^*\n]{1,300}?)(?<=\S)\*|(?<!\w)_(?=\S)([^_\n]{1,300}?)(?<=\S)_(?!\w)"
)
_BRACKETED = re.compile(r"\[[A-Za-z][A-Za-z ,'’-]{1,40}\]")
_ASIDE = re.compile(
    r"\((?:softly |quietly |gently |still )?(?:laugh|sigh|smile|giggle|chuckle|wink|whisper|pause|"
    r"grin|nod|blush|shrug|gasp|yawn|cough|sob|cr(?:y|ie))(?:s|ing)?"
    r"(?: softly| quietly| gently)?\)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)\b")
_ADDRESS = re.compile(
    r"\b(?:https?://|www\.)([\w.-]*\w)(?::\d+)?(?:[/?#](?:[^\s)\]>]*[^\s)\]>.,;:!?])?)?",
    re.IGNORECASE,
)
_EMOTICON = re.compile(r"(?<!\w)(?:[:;=8xX]['’]?-?[)(DPpOo3/\\|*]+|<3+|\^_?\^|[tT]_[tT]|xD+)(?!\w)")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u2500-\u27bf\u2900-\u2bff"
    "\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f\u3030\u303d\u3297\u3299]+"
)
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_LOOSE = re.compile(r"(?:[*_`|\\^{}<>]|~(?!\d))+")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_MANY = re.compile(r"([!?.,;:])[!?.,;:]*([!?])[!?.]*|([!,;:])\3+")
_DOTS = re.compile(r"\s*(?:\.{2,}|…)(?=\s+[^\W\d_A-Z]|\w)")
_LAST_DOTS = re.compile(r"\.{2,}|…")
_DASH = re.compile(r"\s+[—–-]+\s+|\s*—\s*")
_BREAK = re.compile(r"(?<=[^\s.!?,;:…।。])[ \t]*\n\s*")
_SPACES = re.compile(r"\s{2,}|[\t\n\u00a0]")
_STRAY = re.compile(r"\s+(?=[,.!?;:](?:\s|$))")
_LEADING = re.compile(r"^[\s,.;:!?\-–—)\]]+")

SILENT: Final = Mapped("")


def said_of(text: str) -> Mapped:
    """What is said of `text`, in any language; empty when nothing is."""
    said = Mapped(text)
    for pattern, to in _STEPS:
        said = said.sub(pattern, to)
    return said if any(char.isalnum() for char in said.text) else SILENT


def _starred(match: re.Match[str]) -> str:
    """A word in stars within a sentence is stressed and said; an action is neither."""
    inner = match[1] or match[2]
    words = inner.split()
    before = match.string[: match.start()].rstrip()
    runs_on = bool(before) and before[-1].isalnum()
    action = words[0].lower().endswith(("s", "ing")) and words[0].lower() not in _NO_ACTIONS
    return inner if runs_on and len(words) <= 3 and not action else " "


_NO_ACTIONS = frozenset(
    {"is", "was", "always", "this", "his", "hers", "yours", "ours", "theirs", "us", "yes", "less"}
    | {"nothing", "something", "anything", "everything", "perhaps"}
)


def _bold(match: re.Match[str]) -> str:
    return match[1] or match[2] or match[3]


def _host(match: re.Match[str]) -> str:
    return re.sub(r"^www\.", "", match[1], flags=re.IGNORECASE).replace(".", " dot ")


def _mail(match: re.Match[str]) -> str:
    return f"{match[1]} at {match[2]}".replace(".", " dot ")


def _once(match: re.Match[str]) -> str:
    return match[1] * 2 if match[1].lower() == "m" else match[1]


def _loudest(match: re.Match[str]) -> str:
    marks = match[0]
    return "?" if "?" in marks else "!" if "!" in marks else marks[0]


_STEPS: Final = (
    (_FENCE, " "),
    (_IMAGE, " "),
    (_LINK, r"\1"),
    (_CODE, r"\1"),
    (_EMOTICON, " "),
    (_TAG, " "),
    (_RULE, " "),
    (_HEADING, ""),
    (_BULLET, ""),
    (_BOLD, _bold),
    (_STARRED, _starred),
    (_BRACKETED, " "),
    (_ASIDE, " "),
    (_EMAIL, _mail),
    (_ADDRESS, _host),
    (_EMOJI, " "),
    (_UNSEEN, " "),
    (_LOOSE, " "),
    (_STRETCHED, _once),
    (_MANY, _loudest),
    (_DOTS, ", "),
    (_LAST_DOTS, "."),
    (_DASH, ", "),
    (_BREAK, ". "),
    (_SPACES, " "),
    (_STRAY, ""),
    (_LEADING, ""),
)
