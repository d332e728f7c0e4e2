"""How figures, short forms and signs are read in English, where the voice's dictionary does not.

The dictionary reads plain numbers, sums of money and ordinals itself; a time, a date, a range, a
unit or "e.g." it would misread or skip.
"""

import re
from typing import Final

from media.speech.mapped import Mapped

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_SHORT: Final = {
    "dr": "Doctor",
    "mr": "Mister",
    "mrs": "Missus",
    "ms": "Miz",
    "prof": "Professor",
    "e.g": "for example",
    "i.e": "that is",
    "etc": "et cetera",
    "vs": "versus",
    "approx": "approximately",
    "dept": "department",
    "w/o": "without",
    "w/": "with",
    "btw": "by the way",
    "idk": "I don't know",
    "tbh": "to be honest",
    "omg": "oh my god",
    "brb": "be right back",
    "imo": "in my opinion",
    "asap": "as soon as possible",
}
_ALWAYS: Final = frozenset(
    {"mr", "mrs", "vs", "w/o", "w/", "btw", "idk", "tbh", "omg", "brb", "imo"}
)
_UNITS: Final = {
    "km/h": "kilometers per hour",
    "mph": "miles per hour",
    "km": "kilometers",
    "cm": "centimeters",
    "mm": "millimeters",
    "m": "meters",
    "ft": "feet",
    "kg": "kilograms",
    "mg": "milligrams",
    "g": "grams",
    "lbs": "pounds",
    "lb": "pounds",
    "oz": "ounces",
    "ml": "milliliters",
    "l": "liters",
    "kWh": "kilowatt hours",
    "kW": "kilowatts",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "Hz": "hertz",
    "kB": "kilobytes",
    "KB": "kilobytes",
    "MB": "megabytes",
    "GB": "gigabytes",
    "TB": "terabytes",
    "ms": "milliseconds",
    "sec": "seconds",
    "min": "minutes",
    "hrs": "hours",
    "h": "hours",
    "°C": "degrees Celsius",
    "°F": "degrees Fahrenheit",
    "°": "degrees",
}
_FRACTIONS: Final = {
    **{"½": "one half", "1/2": "one half", "¼": "one quarter", "1/4": "one quarter"},
    **{"¾": "three quarters", "3/4": "three quarters", "⅓": "one third", "1/3": "one third"},
    **{"⅔": "two thirds", "2/3": "two thirds", "1/8": "one eighth", "1/10": "one tenth"},
}
_SIGNS: Final = {
    **{
        "=": " equals ",
        "≈": " about ",
        "×": " times ",
        "÷": " divided by ",
        "±": " plus or minus ",
    },
    **{"≠": " is not ", "≤": " at most ", "≥": " at least ", "©": " copyright ", "§": " section "},
}
_SMALL: Final = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _either(names: object) -> str:
    listed = sorted((str(n) for n in names), key=len, reverse=True)  # type: ignore[attr-defined]
    return "|".join(re.escape(name) for name in listed)


_CLOCK = re.compile(r"\b([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?\b")
_DATE = re.compile(r"\b(\d{4})-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])\b")
_FRACTION = re.compile(rf"(?<![\d/])(\d+ ?)?({_either(_FRACTIONS)})(?![\d/])")
_UNIT = re.compile(rf"(?<=\d)\s?({_either(_UNITS)})(?![\w°])(\.(?=\s+[a-z]))?")
_RANGE = re.compile(r"(?<=\d)\s?[-–]\s?(?=[$£€]?\d)(?!\d+[-–])")
_DIGITS = re.compile(
    r"(?<![\w$£€.,])\+?\d[\d]*(?:[ .-]\(?\d{2,}\)?){2,}(?!\w)|(?<![\w$£€.,])\d{7,}(?![\w,.]\d)"
)
_MONEY = re.compile(r"([₹¥])\s?(\d+(?:,\d{2,3})*(?:\.\d+)?)")
_NUMBERED = re.compile(r"(?<!\w)#(?=\d)|\b[Nn]os?\.\s?(?=\d)")
_SHORT_FORM = re.compile(rf"(?<![\w.])({_either(_SHORT)})(\.?)(?!\w)", re.IGNORECASE)
_SAINT = re.compile(r"\bSt\.(?=\s[A-Z])")
_SIGN = re.compile(f"[{''.join(_SIGNS)}]")
_ABOUT = re.compile(r"~(?=\d)")
_BETWEEN = re.compile(r"(?<=[A-Za-z])/(?=[A-Za-z])")


def read_in_english(said: Mapped) -> Mapped:
    """Figures and short forms written out."""
    for pattern, to in _STEPS:
        said = said.sub(pattern, to)
    return said


def _clock(match: re.Match[str]) -> str:
    hour, minute = match[1].lstrip("0") or "zero", match[2]
    if minute == "00":
        return (
            hour
            if re.match(r"\s?[ap]\.?m", match.string[match.end() :], re.I)
            else f"{hour} o'clock"
        )
    return f"{hour} oh {_SMALL[int(minute)]}" if minute[0] == "0" else f"{hour} {minute}"


def _date(match: re.Match[str]) -> str:
    day = int(match[3])
    ending = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{_MONTHS[int(match[2]) - 1]} {day}{ending}, {match[1]}"


def _fraction(match: re.Match[str]) -> str:
    return f"{match[1].strip()} and {_FRACTIONS[match[2]]}" if match[1] else _FRACTIONS[match[2]]


def _digits(match: re.Match[str]) -> str:
    """A telephone or account number, digit by digit, in its own groups."""
    groups = re.split(r"\D+", match[0].lstrip("+"))
    said = ", ".join(" ".join(_SMALL[int(digit)] for digit in group) for group in groups if group)
    return f"plus {said}" if match[0].startswith("+") else said


def _money(match: re.Match[str]) -> str:
    return f"{match[2]} {'rupees' if match[1] == '₹' else 'yen'}"


def _short(match: re.Match[str]) -> str | None:
    """Whole words that are also short forms need their stop to be one."""
    form = match[1].lower()
    if not match[2] and form not in _ALWAYS and "." not in form:
        return None if form != "asap" else _SHORT[form]
    ends = bool(match[2]) and not match.string[match.end() :].strip() and form == "etc"
    return _SHORT[form] + ("." if ends else "")


_STEPS: Final = (
    (_DATE, _date),
    (_CLOCK, _clock),
    (_FRACTION, _fraction),
    (_UNIT, lambda match: f" {_UNITS[match[1]]}"),
    (_DIGITS, _digits),
    (_RANGE, " to "),
    (_MONEY, _money),
    (_NUMBERED, "number "),
    (_SAINT, "Saint"),
    (_SHORT_FORM, _short),
    (_ABOUT, "about "),
    (_SIGN, lambda match: _SIGNS[match[0]]),
    (_BETWEEN, " or "),
)
