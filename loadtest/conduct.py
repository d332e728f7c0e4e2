"""One run from beginning to end: whom, how, watching, and what is left behind.

Nothing is started before everything has been checked: target, scenario, people, thresholds.
"""

import asyncio
import contextlib
import os
import platform
import resource
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from click import echo

from loadtest.arrivals import Ramp
from loadtest.drive import Drivers
from loadtest.measure import figures
from loadtest.metrics import serve_metrics
from loadtest.outcome import VERSION, Outcome, Totals, note_of, times_of, warnings_of
from loadtest.people import NoPeople, read_people
from loadtest.plan import Plan
from loadtest.progress import Progress, summary
from loadtest.report import html
from loadtest.scenarios import Scenario, load
from loadtest.targets import Target, check
from loadtest.thresholds import Threshold, judge, parse

FILES_SPARE: Final = 100
EXIT_GOOD: Final = 0
EXIT_FAILED: Final = 1
EXIT_STOPPED: Final = 130


class Refused(Exception):
    """The run was not begun; the message says why."""


async def conduct(
    name: str,
    *,
    urls: Sequence[str],
    i_may_load: Sequence[str],
    fail_if: Sequence[Threshold],
    json_path: Path | None,
    html_path: Path | None,
    metrics_port: int | None,
    quiet: bool,
    **given: Any,
) -> int:
    """Run a scenario; returns the exit status."""
    scenario = load(name)
    targets = [check(url, i_may_load) for url in urls]
    plan = plan_of(scenario, name, targets, given)
    thresholds = [*map(parse, scenario.fail_if), *fail_if]
    totals = Totals()
    progress = Progress(plan, totals, thresholds, quiet=quiet)
    drivers = Drivers(plan, totals, progress.told)
    began = datetime.now(UTC)
    with serve_metrics(metrics_port, totals) as address, progress:
        if address:
            progress.say(f"Metrics of this run: {address}")
        finished = await _until_done(drivers)
    outcome = outcome_of(plan, totals, thresholds, drivers.died, began)
    _leave_behind(outcome, json_path, html_path)
    echo(summary(outcome))
    if not finished:
        echo("Stopped before its end; the figures are of the part that ran.", err=True)
        return EXIT_STOPPED
    return EXIT_GOOD if outcome.passed else EXIT_FAILED


def plan_of(scenario: Scenario, name: str, targets: list[Target], given: dict[str, Any]) -> Plan:
    """The order for the drivers. Raises Refused."""
    from loadtest.cli import people_file

    path = given["tokens"] or people_file(given["data"])
    try:
        accounts = read_people(path, given["people"], time.time())
    except NoPeople as error:
        raise Refused(str(error)) from None
    ramp: Ramp = given["ramp"]
    drivers = min(given["drivers"], given["people"])
    check_files(len(accounts), drivers, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return Plan(
        scenario=str(Path(name).resolve()) if name.endswith(".py") else name,
        targets=targets,
        accounts=accounts,
        model=given["model"],
        ramp=ramp,
        ramp_seconds=given["ramp_for"] or given["for_seconds"],
        for_seconds=given["for_seconds"],
        settle_seconds=given["settle_seconds"],
        every_seconds=given["every"],
        messages=given["messages"],
        timeout_seconds=given["timeout_seconds"],
        grace_seconds=given["grace"],
        options=options_of(scenario, given["settings"]),
        seed=given["chance"],
        poisson=given["poisson"],
        sources=given["sources"],
        driver=0,
        drivers=drivers,
        begin_at=0.0,
    )


def check_files(people: int, drivers: int, files: int) -> None:
    """Whether each driver may have a connection per person. Raises Refused."""
    most = files - FILES_SPARE
    if files != resource.RLIM_INFINITY and -(-people // drivers) > most:
        raise Refused(
            f"A process may have {files} files open here, so a driver holds at most {most} people: "
            f"use --drivers {-(-people // most)}."
        )


def options_of(scenario: Scenario, settings: Sequence[str]) -> dict[str, str]:
    """The scenario's own settings, its defaults beneath. Raises Refused."""
    found = dict(scenario.options)
    for one in settings:
        key, equals, value = one.partition("=")
        if not equals:
            raise Refused(f"--set {one!r} is not NAME=VALUE.")
        if key not in found:
            known = ", ".join(found) or "none"
            raise Refused(f"{scenario.name} has no setting {key!r}; it has: {known}.")
        found[key] = value
    return found


async def _until_done(drivers: Drivers) -> bool:
    """Run them; Ctrl-C (or a polite kill) ends the run early, and what was measured is kept."""
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(drivers.run(), name="drivers")
    stops = (signal.SIGINT, signal.SIGTERM)
    for number in stops:
        loop.add_signal_handler(number, running.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return not running.cancelled()
    finally:
        for number in stops:
            loop.remove_signal_handler(number)


def outcome_of(
    plan: Plan,
    totals: Totals,
    thresholds: Sequence[Threshold],
    died: set[int],
    began: datetime,
) -> Outcome:
    """What was found, and the verdicts on it."""
    notes = [note_of(i, totals.loops.get(i, []), died=i in died) for i in range(plan.drivers)]
    counts = dict(sorted(totals.whole.counts.items()))
    totals.whole.counts["strained_seconds"] = sum(note.strained_seconds for note in notes)
    verdicts = [judge(one, totals) for one in thresholds]
    return Outcome(
        version=VERSION,
        kindred=_version(),
        scenario=Path(plan.scenario).stem,
        command=shlex.join(["kindred", "loadtest", *sys.argv[1:]][-40:]),
        machine=_machine(),
        options=_options(plan),
        began_at=began.isoformat(timespec="seconds"),
        seconds=round(totals.at_seconds, 3),
        measures={name: times_of(one) for name, one in sorted(totals.whole.times.items())},
        counts=counts,
        series=list(totals.series),
        drivers=notes,
        warnings=warnings_of(notes, counts),
        thresholds=verdicts,
        figures=figures(counts),
        passed=not died and not any(one.failed for one in verdicts),
    )


def _options(plan: Plan) -> dict[str, str | int | float | bool]:
    ramp = plan.ramp
    return {
        "target": ", ".join(target.authority for target in plan.targets),
        "model": plan.model,
        "people": len(plan.accounts),
        "first_per_second": ramp.first_per_second,
        "last_per_second": ramp.last_per_second,
        "for_seconds": plan.for_seconds,
        "settle_seconds": plan.settle_seconds,
        "every_seconds": plan.every_seconds,
        "messages": plan.messages,
        "poisson": plan.poisson,
        "drivers": plan.drivers,
        "seed": plan.seed,
        **plan.options,
    }


def _machine() -> dict[str, str | int | float]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version() -> str:
    try:
        return version("kindred")
    except PackageNotFoundError:
        return "unknown"


def _leave_behind(outcome: Outcome, json_path: Path | None, html_path: Path | None) -> None:
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=1))
    if html_path is not None:
        html_path.parent.mkdir(parents=True, exist_ok=True)
        html_path.write_text(html(outcome), encoding="utf-8")
