"""What must not happen in a run: `p95(first_token)>2000ms` read, and held against what was found.

A threshold says when a run has failed, so a wrong one must not pass unnoticed: whatever cannot
be read is refused before the run, and whatever was never measured counts as failed after it.
"""

import re
from collections.abc import Callable
from typing import Final, Literal, Protocol

from msgspec import Struct

Compare = Literal[">", ">=", "<", "<=", "==", "!="]
Statistic = Literal["p", "mean", "max", "min", "count", "rate"]

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_UNIT_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SHAPE: Final = re.compile(r"^\s*(?P<left>.*?)\s*(?P<compare>>=|<=|==|!=|>|<)\s*(?P<right>.*?)\s*$")
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.:-]*"
_CALL: Final = re.compile(rf"^(?P<function>[a-z]+[0-9.]*)\s*\(\s*(?P<of>{_NAME})\s*\)$")
_BARE: Final = re.compile(rf"^{_NAME}$")
_NUMBER: Final = re.compile(r"^(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-z/%]*)$")
_PERCENTILE: Final = re.compile(r"^p(?P<percent>[0-9]{1,2}(?:\.[0-9]+)?|100)$")
_TIMED: Final = ("mean", "max", "min")
_COUNTED: Final = ("count", "rate")


class ThresholdError(ValueError):
    """A threshold that cannot be read; the message says what is wrong and what would be right."""


class Threshold(Struct, frozen=True, kw_only=True):
    """One line that must not be crossed. Times are in seconds, percentages in parts of one."""

    text: str
    statistic: Statistic | Literal["value", "share"]
    of: str
    compare: Compare
    limit: float
    percent: float = 0.0


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a threshold: `found` is None where nothing was measured."""

    text: str
    failed: bool
    found: float | None
    limit: float
    unit: Literal["seconds", "share", "per_second", "number"]


class Found(Protocol):
    """What a run found, as far as thresholds ask."""

    def timed(self, statistic: str, of: str, percent: float) -> float | None:
        """Seconds of a measure, or None if nothing was measured."""

    def counted(self, of: str) -> float | None:
        """A counter, or the number of samples of a measure; None if there is no such thing."""

    def share(self, of: str) -> float | None:
        """A counter as a part of what it is counted among; None if that is nothing."""

    def rate(self, of: str) -> float | None:
        """Per second over the whole run; None if there is no such thing."""


def parse(text: str) -> Threshold:
    """Read one threshold. Raises ThresholdError."""
    shape = _SHAPE.match(text)
    if shape is None:
        raise _wrong(text, "it has no comparison (one of > >= < <= == !=)")
    left, compare, right = shape["left"], shape["compare"], shape["right"]
    number, unit = _number(text, right)
    call = _CALL.match(left)
    if call is not None:
        return _called(text, call["function"], call["of"], compare, number, unit)
    if _BARE.match(left) is None:
        raise _wrong(text, f"{left!r} is neither a counter nor a statistic of a measure")
    if unit == "%":
        return _made(text, "share", left, compare, number / 100)
    if unit:
        raise _wrong(text, f"the counter {left!r} is compared with a number or a percentage")
    return _made(text, "value", left, compare, number)


def _called(text: str, function: str, of: str, compare: str, number: float, unit: str) -> Threshold:
    percentile = _PERCENTILE.match(function)
    if percentile is None and function not in (*_TIMED, *_COUNTED):
        known = "p50, p99.9 and the like, mean, max, min, count, rate"
        raise _wrong(text, f"there is no statistic {function!r}; there are {known}")
    if function in _COUNTED:
        if unit != ("/s" if function == "rate" and unit else ""):
            raise _wrong(text, f"{function}(...) is compared with a number")
        return _made(text, function, of, compare, number)
    if unit not in _UNIT_SECONDS:
        raise _wrong(text, "a time needs its unit: us, ms, s or m")
    percent = float(percentile["percent"]) if percentile is not None else 0.0
    statistic = "p" if percentile is not None else function
    return _made(text, statistic, of, compare, number * _UNIT_SECONDS[unit], percent)


def _made(
    text: str, statistic: str, of: str, compare: str, limit: float, percent: float = 0.0
) -> Threshold:
    return Threshold(
        text=text.strip(), statistic=statistic, of=of, compare=compare,  # type: ignore[arg-type]
        limit=limit, percent=percent,
    )  # fmt: skip


def _number(text: str, right: str) -> tuple[float, str]:
    if not right:
        raise _wrong(text, "nothing stands after the comparison")
    number = _NUMBER.match(right)
    if number is None:
        raise _wrong(text, f"{right!r} is not a number with a unit")
    unit = number["unit"]
    if unit not in {"", "%", "/s", *_UNIT_SECONDS}:
        raise _wrong(text, f"{unit!r} is not a unit; there are us, ms, s, m, % and /s")
    return float(number["number"]), unit


def _wrong(text: str, why: str) -> ThresholdError:
    return ThresholdError(
        f"The threshold {text!r} cannot be read: {why}. "
        "Such are right: 'p95(first_token)>2000ms', 'errors>0', 'dropped_starts>1%'."
    )


def judge(threshold: Threshold, found: Found) -> Verdict:
    """Whether a run crossed a line. What was never measured crossed it."""
    match threshold.statistic:
        case "value" | "count":
            value, unit = found.counted(threshold.of), "number"
        case "share":
            value, unit = found.share(threshold.of), "share"
        case "rate":
            value, unit = found.rate(threshold.of), "per_second"
        case statistic:
            value, unit = found.timed(statistic, threshold.of, threshold.percent), "seconds"
    crossed = value is None or _COMPARE[threshold.compare](value, threshold.limit)
    return Verdict(
        text=threshold.text, failed=crossed, found=value, limit=threshold.limit,
        unit=unit,  # type: ignore[arg-type]
    )  # fmt: skip
