"""A run as it happens: a table on a terminal, a line now and then elsewhere."""

import io
import time

import pytest
from rich.console import Console

from loadtest.measure import Loop, Measures, Part
from loadtest.outcome import Totals
from loadtest.plan import Plan
from loadtest.progress import LINE_SECONDS, Progress, ordered
from loadtest.targets import check
from loadtest.thresholds import parse
from tests.loadtest.small import plan


@pytest.fixture
def ordered_plan() -> Plan:
    return plan(check("http://127.0.0.1:8000"), people=3)


@pytest.fixture
def totals() -> Totals:
    measures, found = Measures(), Totals()
    for seconds in (0.1, 0.2, 3.0):
        measures.time("first_token", seconds)
    measures.count("turns", 3)
    times, counts = measures.take()
    found.add(
        Part(
            driver=0, at_seconds=2.0, times=times, counts=counts, people=3, connected=2,
            loop=Loop(cpu_share=0.99),
        )
    )  # fmt: skip
    return found


def test_the_table_shows_times_thresholds_and_the_drivers(
    ordered_plan: Plan, totals: Totals
) -> None:
    thresholds = [parse("p95(first_token)>2s"), parse("errors>0"), parse("p95(ack)>1s")]
    progress = Progress(ordered_plan, totals, thresholds, quiet=False)
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(progress._table())
    text = console.export_text()
    assert "people 3 · connected 2" in text
    assert "first_token" in text
    assert "3001 ms" in text or "3000 ms" in text
    assert "p95(first_token)>2s: crossed" in text
    assert "errors>0: kept" in text
    assert "p95(ack)>1s: kept (nothing was measured)" in text, "not yet"
    assert "SATURATED" in text


def test_without_a_terminal_a_line_is_written_now_and_then(
    ordered_plan: Plan, totals: Totals, capsys: pytest.CaptureFixture[str]
) -> None:
    for quiet, lines in ((False, 1), (True, 0)):
        with Progress(ordered_plan, totals, [], quiet=quiet) as progress:
            progress._told_at = time.monotonic() - LINE_SECONDS
            for _ in range(5):
                progress.told()
        said = capsys.readouterr().err
        assert said.count("people 3") == lines
        assert said.count("first token p95 3") == lines


def test_measures_stand_in_the_order_people_meet_them() -> None:
    assert ordered(["zeal", "reply", "ack", "connect"]) == ["connect", "ack", "reply", "zeal"]
