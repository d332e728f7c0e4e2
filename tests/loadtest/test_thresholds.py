"""Thresholds: what is read is what was meant, and what cannot be read never passes for kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.thresholds import Threshold, ThresholdError, judge, parse

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,11}(\.[a-z0-9_]{1,8})?", fullmatch=True)
COMPARE = st.sampled_from([">", ">=", "<", "<=", "==", "!="])
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
GAPS = st.sampled_from(["", " ", "  "])


class Found:
    """A run that found the same value everywhere, or nothing."""

    def __init__(self, value: float | None) -> None:
        self.value = value
        self.asked: list[tuple[object, ...]] = []

    def timed(self, statistic: str, of: str, percent: float) -> float | None:
        self.asked.append((statistic, of, percent))
        return self.value

    def counted(self, of: str) -> float | None:
        self.asked.append(("counted", of))
        return self.value

    def share(self, of: str) -> float | None:
        self.asked.append(("share", of))
        return self.value

    def rate(self, of: str) -> float | None:
        self.asked.append(("rate", of))
        return self.value


@settings(deadline=None)
@given(
    percent=st.sampled_from(["50", "95", "99", "99.9", "0", "100"]),
    name=NAMES,
    compare=COMPARE,
    number=st.integers(0, 10**6),
    unit=st.sampled_from(sorted(UNITS)),
    gap=GAPS,
)
def test_a_percentile_is_read_whatever_the_spaces(
    percent: str, name: str, compare: str, number: int, unit: str, gap: str
) -> None:
    text = f"{gap}p{percent}({gap}{name}{gap}){gap}{compare}{gap}{number}{gap}{unit}{gap}"
    read = parse(text)
    assert (read.statistic, read.of, read.compare) == ("p", name, compare)
    assert read.percent == float(percent)
    assert read.limit == pytest.approx(number * UNITS[unit])


@settings(deadline=None)
@given(name=NAMES, compare=COMPARE, number=st.decimals(0, 10**6, places=2))
def test_counters_are_compared_with_numbers_and_with_percentages(
    name: str, compare: str, number: object
) -> None:
    assert parse(f"{name}{compare}{number}").limit == pytest.approx(float(str(number)))
    share = parse(f"{name} {compare} {number}%")
    assert share.statistic == "share"
    assert share.limit == pytest.approx(float(str(number)) / 100)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_anything_else_is_refused_in_words(text: str) -> None:
    read, words = outcome_of(text)
    if read is not None:
        assert parse(read.text) == read
    else:
        assert "cannot be read" in words
        assert "p95(first_token)>2000ms" in words


def outcome_of(text: str) -> tuple[Threshold | None, str]:
    try:
        return parse(text), ""
    except ThresholdError as error:
        return None, str(error)


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("p95(first_token)", "no comparison"),
        ("p95(first_token)>2000", "needs its unit"),
        ("p95(first_token)>2000%", "needs its unit"),
        ("p95(first_token)>fast", "not a number"),
        ("p95(first_token)>", "nothing stands after"),
        ("p101(first_token)>1s", "no statistic 'p101'"),
        ("median(first_token)>1s", "no statistic 'median'"),
        ("count(reply)>5ms", "compared with a number"),
        ("errors>5ms", "a number or a percentage"),
        ("first token>5ms", "neither a counter nor a statistic"),
        ("p95(first_token)>5 parsecs", "not a unit"),
        ("p95(first_token)>-5ms", "not a number"),
        ("", "no comparison"),
    ],
)
def test_the_error_says_what_is_wrong(text: str, because: str) -> None:
    with pytest.raises(ThresholdError, match="cannot be read") as caught:
        parse(text)
    assert because in str(caught.value)


@settings(deadline=None)
@given(compare=COMPARE, found=st.floats(0, 100), limit=st.integers(0, 100))
def test_a_threshold_fails_when_its_line_is_crossed(compare: str, found: float, limit: int) -> None:
    crossed = {
        ">": found > limit, ">=": found >= limit, "<": found < limit,
        "<=": found <= limit, "==": found == limit, "!=": found != limit,
    }  # fmt: skip
    verdict = judge(parse(f"max(ack){compare}{limit}s"), Found(found))
    assert verdict.failed == crossed[compare]
    assert verdict.found == found


def test_what_was_never_measured_has_failed() -> None:
    for text in ("p95(frist_token)>2s", "p50(ack)<1s", "eggs==0", "errors>1%", "rate(reply)<5"):
        assert judge(parse(text), Found(None)).failed, text


def test_each_kind_asks_for_its_own() -> None:
    found = Found(0.5)
    for text in ("p99.9(ack)>1s", "mean(ack)>1s", "errors>1", "errors>1%", "rate(reply)<1/s"):
        judge(parse(text), found)
    assert found.asked == [
        ("p", "ack", 99.9), ("mean", "ack", 0.0), ("counted", "errors"), ("share", "errors"),
        ("rate", "reply"),
    ]  # fmt: skip
