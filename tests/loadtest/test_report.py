"""The report opens anywhere: one file, nothing fetched, whatever was measured and written in it."""

import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.measure import Loop, Measures, Part
from loadtest.outcome import (
    VERSION,
    DriverNote,
    Outcome,
    Totals,
    note_of,
    times_of,
    warnings_of,
)
from loadtest.plots import Line, log_ticks, nice_ticks, plot, thinned
from loadtest.progress import shown_seconds, summary
from loadtest.report import html
from loadtest.thresholds import judge, parse

VOID = {"meta", "line", "circle", "br"}


def outcome(**changes: object) -> Outcome:
    totals = Totals()
    for at in range(1, 31):
        measures = Measures()
        for n in range(50):
            measures.time("first_token", 0.05 + n * 0.001 + (2.0 if at == 15 else 0))
            measures.time("reply", 2.0)
        measures.count("turns", 50)
        measures.count("errors", at == 15)
        times, counts = measures.take()
        loop = Loop(cpu_share=0.99 if at > 20 else 0.3)
        totals.add(
            Part(
                driver=0, at_seconds=float(at), times=times, counts=counts, people=at,
                connected=at, loop=loop,
            )
        )  # fmt: skip
    totals.close_second()
    notes = [note_of(0, totals.loops[0], died=False)]
    verdicts = [judge(parse(one), totals) for one in ("p99(first_token)>1s", "errors>5")]
    made = Outcome(
        version=VERSION, kindred="0.1.0", scenario="chat", command="kindred loadtest chat",
        machine={"cores": 2}, options={"people": 30, "colour": "green"}, began_at="2026-11-21",
        seconds=30.0, measures={n: times_of(one) for n, one in totals.whole.times.items()},
        counts=dict(totals.whole.counts), series=list(totals.series), drivers=notes,
        warnings=warnings_of(notes, {}), thresholds=verdicts, passed=False,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


class Read(HTMLParser):
    """What a browser would fetch, what would not be closed, and what is said."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.fetched += [v or "" for k, v in attrs if k in {"src", "href", "srcset", "data"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_needs_nothing_but_itself() -> None:
    page = html(outcome())
    read = Read(page)
    assert read.open == []
    assert read.fetched == []
    assert read.scripts == 0
    assert not re.search(r"https?://|@import|url\(", page)
    assert "default-src 'none'" in page
    assert page.count("<svg") >= 5


def test_it_says_what_happened() -> None:
    words = " ".join(Read(html(outcome())).words)
    assert "failed" in words
    assert "p99(first_token)>1s" in words
    assert "Driver 1 was saturated in 10 of 30 seconds" in words
    assert "99% of a core" in words
    good = outcome(passed=True, warnings=[], thresholds=[judge(parse("errors>5"), Totals())])
    assert "saturated in" not in " ".join(Read(html(good)).words)


def test_words_from_outside_are_never_markup() -> None:
    bad = "<script>alert(1)</script>\"'&"
    made = outcome()
    page = html(
        outcome(
            scenario=bad, command=bad, warnings=[bad], options={bad: bad},
            measures={bad: made.measures["reply"]}, counts={bad: 1},
        )
    )  # fmt: skip
    read = Read(page)
    assert read.scripts == 0
    assert read.open == []


def test_a_run_in_which_nothing_happened_has_a_report() -> None:
    empty = outcome(
        measures={}, counts={}, series=[], drivers=[], warnings=[], thresholds=[], passed=True
    )
    assert Read(html(empty)).open == []
    assert "0 s" in summary(outcome(seconds=0.0, measures={}))


def test_the_json_is_read_back_strictly() -> None:
    """Nothing beyond the schema and nothing missing: every field of Outcome, and only those."""
    made = outcome()
    said = msgspec.json.decode(msgspec.json.encode(made))
    assert msgspec.convert(said, Outcome) == made
    for shape, value in (
        (Outcome, said), (DriverNote, said["drivers"][0]), (type(made.series[0]), said["series"][0])
    ):  # fmt: skip
        assert set(value) == {field.encode_name for field in msgspec.structs.fields(shape)}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**said, "passed": "perhaps"}, Outcome)


def test_the_summary_names_the_verdicts() -> None:
    text = summary(outcome())
    assert "FAILED p99(first_token)>1s" in text
    assert "kept   errors>5  (found 1)" in text
    assert "The run failed." in text
    assert "Warning: Driver 1 was saturated" in text


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_span_what_is_shown(low: float, wide: float) -> None:
    ticks = nice_ticks(low, low + wide)
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= 12
    assert ticks[0] <= low + 1e-9 * abs(low) + 1e-9
    assert ticks[-1] >= low + wide - 1e-6 * (abs(low) + wide)


@settings(deadline=None)
@given(st.floats(1e-6, 1e4), st.floats(1e-6, 1e4))
def test_log_ticks_span_what_is_shown(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = log_ticks(low, high)
    assert ticks[0] <= low * 1.0001
    assert ticks[-1] >= high * 0.9999
    assert len(ticks) >= 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), max_size=900), st.booleans())
def test_any_line_can_be_drawn(points: list[tuple[float, float]], log: bool) -> None:
    figure = plot("x", [Line("a<b", points)], shown=str, log=log)
    for x, y in re.findall(r'cx="([^"]*)" cy="([^"]*)"', figure):
        assert -1 <= float(x) <= 721
        assert -1 <= float(y) <= 241
    assert len(thinned(points)) <= 240
    if points:
        assert max(y for _, y in thinned(points)) == max(y for _, y in points)


def test_times_are_shown_in_their_unit() -> None:
    shown = [shown_seconds(one) for one in (None, 0.000012, 0.0123, 0.123, 2.5, 61.0)]
    assert shown == ["-", "12 us", "12.3 ms", "123 ms", "2500 ms", "61.0 s"]
