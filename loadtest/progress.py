"""A run as it happens, in the terminal; and its result, once it is over.

On a terminal one table is drawn over and over; elsewhere a line is written now and then.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from click import echo
from rich.console import Console
from rich.live import Live
from rich.table import Table

from loadtest.measure import figures, seconds_at
from loadtest.outcome import Outcome, Totals, strained
from loadtest.plan import Plan
from loadtest.thresholds import Threshold, Verdict, judge

LINE_SECONDS: Final = 5.0
DRAW_SECONDS: Final = 0.9  # percentiles cost milliseconds, and the drivers need the cores
_FIRST: Final = ("connect", "sign_in", "ack", "first_token", "inter_token", "reply")


class Progress:
    """`told` after each part; `with` it the terminal is in use."""

    def __init__(
        self, plan: Plan, totals: Totals, thresholds: Sequence[Threshold], *, quiet: bool
    ) -> None:
        self._plan = plan
        self._totals = totals
        self._thresholds = thresholds
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._drawn = not quiet and self._console.is_terminal
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._told_at = time.monotonic()

    def __enter__(self) -> Self:
        if self._drawn:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._live.stop()

    def say(self, words: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._console.print(words, highlight=False)

    def told(self) -> None:
        """Something new was measured."""
        if self._quiet:
            return
        now = time.monotonic()
        if now - self._told_at < (DRAW_SECONDS if self._drawn else LINE_SECONDS):
            return
        self._told_at = now
        if self._drawn:
            self._live.update(self._table(), refresh=True)
        else:
            echo(self._line(), err=True)

    def _line(self) -> str:
        totals, counts = self._totals, self._totals.whole.counts
        line = (
            f"{totals.at_seconds:6.0f} s  people {totals.people}  connected {totals.connected}  "
            f"turns {counts['turns']}  errors {counts['errors']}  "
        )
        if told := figures(counts):
            skew = shown_seconds(totals.timed("p", "skew", 99.0))
            return f"{line}{shown_figures(told)}  skew p99 {skew}"
        return f"{line}first token p95 {shown_seconds(totals.timed('p', 'first_token', 95.0))}"

    def _table(self) -> Table:
        totals, counts = self._totals, self._totals.whole.counts
        length = f"{totals.at_seconds:.0f} of {self._plan.for_seconds:.0f} s"
        title = f"{self._plan.scenario}: {length} · people {totals.people}"
        table = Table(title=f"{title} · connected {totals.connected}", caption=self._caption())
        for column in ("measure", "count", "p50", "p95", "p99", "max"):
            table.add_column(column, justify="left" if column == "measure" else "right")
        for name in ordered(totals.whole.times):
            one = totals.whole.times[name]
            times = [shown_seconds(seconds_at(one, q)) for q in (50, 95, 99, 100)]
            table.add_row(name, str(one.total_count), *times)
        table.add_section()
        for name in ("turns", "replies", "errors", "late_starts", "dropped_starts"):
            table.add_row(name, str(counts[name]), "", "", "", "")
        if told := figures(counts):
            table.add_row(shown_figures(told), str(counts["freezes"]) + " freezes", "", "", "", "")
        return table

    def _caption(self) -> str:
        lines = []
        for one in self._thresholds:
            verdict = judge(one, self._totals)
            mark = "crossed" if verdict.failed and verdict.found is not None else "kept"
            lines.append(f"{one.text}: {mark} ({shown_value(verdict)})")
        busy = [loops[-1] for loops in self._totals.loops.values() if loops]
        if busy:
            most = max(one.cpu_share for one in busy)
            lag = max(one.lag_p99_seconds for one in busy)
            state = "SATURATED" if any(map(strained, busy)) else "well"
            lines.append(f"drivers: {most:.0%} of a core, {lag * 1000:.0f} ms late, {state}")
        return "\n".join(lines)


def ordered(names: Sequence[str] | dict[str, object]) -> list[str]:
    """Measures in the order in which people meet them."""
    return [*(one for one in _FIRST if one in names), *sorted(set(names) - set(_FIRST))]


def shown_seconds(seconds: float | None) -> str:
    """A time in the unit it is read best in."""
    if seconds is None:
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 10:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s"


def shown_figures(told: dict[str, float]) -> str:
    """What was seen, in a line."""
    return (
        f"{told['frame_rate']:.1f} pictures/s  frozen {told['frozen_share']:.2%}  "
        f"{told['video_kbps']:.0f} kbit/s"
    )


def shown_value(verdict: Verdict) -> str:
    """What a threshold found."""
    if verdict.found is None:
        return "nothing was measured"
    match verdict.unit:
        case "seconds":
            return shown_seconds(verdict.found)
        case "share":
            return f"{verdict.found:.2%}"
        case "per_second":
            return f"{verdict.found:.1f}/s"
        case _:
            return f"{verdict.found:g}"


def summary(outcome: Outcome) -> str:
    """The result in a few lines."""
    lines = [f"{outcome.scenario}: {outcome.seconds:.0f} s", ""]
    lines.append(f"{'':<14}{'count':>9}{'p50':>10}{'p95':>10}{'p99':>10}{'max':>10}")
    for name in ordered(list(outcome.measures)):
        one = outcome.measures[name]
        figures = [one.percentiles["p50"], one.percentiles["p95"], one.percentiles["p99"], one.max]
        shown = "".join(f"{shown_seconds(figure):>10}" for figure in figures)
        lines.append(f"{name:<14}{one.count:>9}{shown}")
    lines.append("")
    lines.append("  ".join(f"{name} {n}" for name, n in outcome.counts.items() if "." not in name))
    if outcome.figures:
        lines.append(shown_figures(outcome.figures))
    errors = {n: c for n, c in outcome.counts.items() if n.startswith(("errors.", "closes."))}
    if errors:
        lines.append("  ".join(f"{name} {n}" for name, n in errors.items()))
    lines += ["", *(f"Warning: {one}" for one in outcome.warnings)]
    for verdict in outcome.thresholds:
        mark = "FAILED" if verdict.failed else "kept  "
        lines.append(f"{mark} {verdict.text}  (found {shown_value(verdict)})")
    if outcome.thresholds:
        lines.append("The run failed." if not outcome.passed else "The run passed.")
    return "\n".join(lines)
