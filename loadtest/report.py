"""A run as one HTML file that needs nothing else: figures, verdicts, warnings, plots."""

import math
from html import escape
from typing import Final

from loadtest.measure import COUNTERS, MEASURES, figure
from loadtest.outcome import DriverNote, Outcome, Second, Times
from loadtest.plots import Line, Point, plot
from loadtest.progress import ordered, shown_figures, shown_seconds, shown_value

_PERCENT_TICKS: Final = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_RATES: Final = ("starts", "turns", "replies", "resumes")
_FLOOD: Final = ("events", "deltas", "heard")
_TROUBLES: Final = ("errors", "late_starts", "dropped_starts", "losses", "lost_events")

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c1b22;--soft:#62606d;--line:#e2e0e8;--page:#fff;
--card:#f7f6fa;--good:#1a7f4b;--bad:#c02639;--warn:#8a5a00;--c0:#5b4ee6;--c1:#d1495b;--c2:#00798c;--c3:#b07600;
--c4:#2e8540;--c5:#8e44ad;--c6:#4a6fa5;--c7:#a0522d}
@media(prefers-color-scheme:dark){:root{--ink:#eceaf2;--soft:#a5a2b3;--line:#34323f;--page:#16151b;
--card:#1e1d25;--good:#5fd097;--bad:#ff7a85;--warn:#f0b95a;--c0:#9d94ff;--c1:#ff8fa0;--c2:#4cc9dc;
--c3:#f0b95a;--c4:#7ad38a;--c5:#d59bf0;--c6:#8fb3e6;--c7:#e0a07a}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:1040px;
margin:0 auto;padding:32px 20px}h1{margin:0 0 4px;font-size:26px}
h2{margin:32px 0 8px;font-size:18px}
code{font:13px ui-monospace,monospace;background:var(--card);padding:2px 6px;border-radius:4px;
overflow-wrap:anywhere}p{margin:6px 0;color:var(--soft)}.verdict{font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}
.warning{border-left:4px solid var(--warn);background:var(--card);color:var(--ink);
padding:8px 12px;margin:8px 0}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child,td.text{text-align:left}td.text{white-space:normal;color:var(--soft)}
th{color:var(--soft);font-weight:500}.plots{display:grid;gap:16px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
figure{margin:0;background:var(--card);border-radius:8px;padding:12px}
figcaption{font-weight:600}.legend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:13px;
color:var(--soft)}.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;
margin-right:5px}svg{width:100%;height:auto;display:block}svg text{font-size:11px;
fill:var(--soft)}text.y{text-anchor:end}text.x{text-anchor:middle}.grid{stroke:var(--line)}
polyline{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}
circle{fill:currentColor;opacity:0}circle:hover{opacity:1}
""" + "".join(
    f".s{i}{{color:var(--c{i})}}.legend .s{i}{{background:var(--c{i})}}" for i in range(8)
)


def html(outcome: Outcome) -> str:
    """The whole page."""
    parts = [
        _head(outcome),
        *(f'<div class="warning">{escape(one)}</div>' for one in outcome.warnings),
        _thresholds(outcome),
        "<h2>What people got</h2>",
        "<p>Times count from the moment a person meant to act, so waiting is in them.</p>",
        _measures(outcome.measures),
        f"<p>{escape(shown_figures(outcome.figures))}</p>" if outcome.figures else "",
        "<h2>The run in time</h2>",
        f'<div class="plots">{"".join(_plots(outcome))}</div>',
        "<h2>Counted</h2>",
        _counts(outcome),
        "<h2>The drivers</h2>",
        "<p>Shares are of one core. A saturated driver measures itself.</p>",
        _drivers(outcome.drivers),
        "<h2>How it was run</h2>",
        _pairs({"command": outcome.command, **outcome.options, **outcome.machine}),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>Load test: {escape(outcome.scenario)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _head(outcome: Outcome) -> str:
    verdict = '<span class="verdict good">passed</span>'
    if not outcome.passed:
        verdict = '<span class="verdict bad">failed</span>'
    elif not outcome.thresholds:
        verdict = '<span class="verdict">measured</span>'
    return (
        f"<h1>{escape(outcome.scenario)}: {verdict}</h1>"
        f"<p>{escape(outcome.began_at)}, {outcome.seconds:.0f} s, "
        f"Kindred {escape(outcome.kindred)}</p><p><code>{escape(outcome.command)}</code></p>"
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Cells are HTML already."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join("<tr>" + "".join(row) + "</tr>" for row in rows)
    table = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table>{table}</table></div>'


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _thresholds(outcome: Outcome) -> str:
    if not outcome.thresholds:
        return ""
    rows = [
        [
            f"<td><code>{escape(one.text)}</code></td>",
            _cell(shown_value(one)),
            _cell("failed", "bad") if one.failed else _cell("kept", "good"),
        ]
        for one in outcome.thresholds
    ]
    return "<h2>Thresholds</h2>" + _table(["fails if", "found", ""], rows)


def _measures(measures: dict[str, Times]) -> str:
    names = ["p50", "p90", "p95", "p99", "p99.9"]
    rows = []
    for name in ordered(list(measures)):
        one = measures[name]
        cells = [_cell(shown_seconds(one.percentiles[p])) for p in names]
        rows.append(
            [
                _cell(name), _cell(f"{one.count:,}"), _cell(shown_seconds(one.mean)), *cells,
                _cell(shown_seconds(one.max)), _cell(MEASURES.get(name, ""), "text"),
            ]
        )  # fmt: skip
    return _table(["measure", "count", "mean", *names, "max", ""], rows)


def _counts(outcome: Outcome) -> str:
    rows = []
    for name, n in outcome.counts.items():
        about = COUNTERS.get(name, "")
        rows.append([_cell(name), _cell(f"{n:,}"), _cell(about, "text")])
    return _table(["", "count", ""], rows)


def _drivers(notes: list[DriverNote]) -> str:
    head = [
        "driver",
        "CPU mean",
        "CPU max",
        "waited for CPU",
        "late, p99",
        "late, max",
        "saturated",
    ]
    rows = [
        [
            _cell(f"{one.driver + 1}" + ("" if one.ended == "well" else " (died)")),
            _cell(f"{one.cpu_share_mean:.0%}"),
            _cell(f"{one.cpu_share_max:.0%}"),
            _cell(f"{one.waited_share_max:.0%}"),
            _cell(shown_seconds(one.lag_p99_seconds)),
            _cell(shown_seconds(one.lag_max_seconds)),
            _cell(f"{one.strained_seconds} of {one.seconds} s"),
        ]
        for one in notes
    ]
    return _table(head, rows)


def _pairs(values: dict[str, str | int | float | bool]) -> str:
    return _table(["", ""], [[_cell(k), _cell(str(v), "text")] for k, v in values.items()])


# --- plots


def _plots(outcome: Outcome) -> list[str]:
    series = outcome.series

    def counted(name: str) -> list[Point]:
        found = [(float(one.at), float(one.counts.get(name, 0))) for one in series]
        return found if any(y for _, y in found) else []

    def whole(y: float) -> str:
        return f"{y:,.0f}" if y >= 10 or y == int(y) else f"{y:.1f}"

    people = [
        Line("visits under way", [(float(one.at), float(one.people)) for one in series]),
        Line("signed in", [(float(one.at), float(one.connected)) for one in series]),
    ]
    times = [
        Line(f"{name} {part}", _in_time(series, part, name))
        for name in ("first_token", "reply", "fan_out", "resume", "delivery_lag")
        if name in outcome.measures
        for part in ("p50", "p99")
    ]
    pictures = [
        Line(name, [(float(one.at), value) for one in series
                    if (value := figure(of, one.counts)) is not None])
        for name, of in (("pictures a second", "frame_rate"),)
    ]  # fmt: skip
    lips = [Line(f"skew {part}", _in_time(series, part, "skew")) for part in ("p50", "p99")]
    drivers = [
        Line("CPU", [(float(one.at), one.driver_cpu_share) for one in series]),
        Line("waiting for a core", [(float(one.at), one.driver_waited_share) for one in series]),
    ]
    return [
        plot("People", people, shown=whole),
        plot("Done, a second", [Line(name, counted(name)) for name in _RATES], shown=whole),
        plot("Arrived, a second", [Line(n, counted(n)) for n in _FLOOD], shown=whole),
        plot("Times, second by second", times, shown=shown_seconds, log=True),
        _curves(outcome.measures),
        plot("Pictures a second, of each call", pictures, shown=whole),
        plot("Lips against sound", lips, shown=shown_seconds),
        plot("Trouble, a second", [Line(n, counted(n)) for n in _TROUBLES], shown=whole),
        plot("The busiest driver, of one core", drivers, shown=lambda y: f"{y:.0%}"),
    ]


def _in_time(series: list[Second], part: str, name: str) -> list[Point]:
    """A measure second by second, where it was measured."""
    each = [(float(one.at), (one.p50 if part == "p50" else one.p99).get(name)) for one in series]
    return [(at, value) for at, value in each if value is not None]


def _curves(measures: dict[str, Times]) -> str:
    """How long the slowest had to wait: percentiles, drawn so that the tail has room."""
    lines = [
        Line(name, [(q, y) for q, y in measures[name].curve if q <= _PERCENT_TICKS[-1]])
        for name in ordered(list(measures))
        if name not in ("waited", "pong")
    ]
    return plot(
        "How many stayed within",
        lines[:8],
        shown=shown_seconds,
        shown_x=lambda q: f"{q:g} %",
        log=True,
        at_x=lambda q: -math.log10(1 - q / 100),
        ticks_x=_PERCENT_TICKS,
    )
