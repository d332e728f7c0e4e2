"""What a run found: measurements added up over drivers and seconds, and the verdicts on them.

`Outcome` is the JSON a run writes; the report, the terminal and the metrics are views of it.
"""

from collections import defaultdict, deque
from typing import Final, Literal

from hdrh.histogram import HdrHistogram
from msgspec import Struct

from loadtest.measure import (
    AMONG,
    COUNTERS,
    FIGURES,
    Loop,
    Measures,
    Part,
    figure,
    seconds_at,
)
from loadtest.thresholds import Verdict

VERSION: Final = 1
PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
SECONDS_MAX: Final = 7_200  # of the series; longer runs keep the last two hours
BUSY_SHARE: Final = 0.85
STARVED_SHARE: Final = 0.25
LATE_LOOP_SECONDS: Final = 0.05
STRAINED_PART: Final = 0.1


class Times(Struct, frozen=True, kw_only=True):
    """One measure. Seconds; `percentiles` by name, `curve` for a plot, `histogram` to merge."""

    count: int
    mean: float
    min: float
    max: float
    percentiles: dict[str, float]
    curve: list[tuple[float, float]] = []
    histogram: str = ""


class Second(Struct, frozen=True, kw_only=True):
    """One second of the run, all drivers together."""

    at: int
    people: int
    connected: int
    counts: dict[str, int]
    p50: dict[str, float]
    p99: dict[str, float]
    driver_cpu_share: float = 0.0
    driver_waited_share: float = 0.0


class DriverNote(Struct, frozen=True, kw_only=True):
    """How one driver process fared. Shares are of one core."""

    driver: int
    cpu_share_mean: float
    cpu_share_max: float
    waited_share_mean: float
    waited_share_max: float
    lag_p99_seconds: float
    lag_max_seconds: float
    strained_seconds: int
    seconds: int
    ended: Literal["well", "died"] = "well"


class Outcome(Struct, frozen=True, kw_only=True):
    """Everything about a run."""

    version: int
    kindred: str
    scenario: str
    command: str
    machine: dict[str, str | int | float]
    options: dict[str, str | int | float | bool]
    began_at: str
    seconds: float
    measures: dict[str, Times]
    counts: dict[str, int]
    series: list[Second]
    drivers: list[DriverNote]
    warnings: list[str]
    thresholds: list[Verdict]
    passed: bool
    figures: dict[str, float] = {}


class Totals:
    """Adds parts up. It is also what thresholds are held against (`thresholds.Found`)."""

    def __init__(self) -> None:
        self.whole = Measures()
        self.at_seconds = 0.0
        self.loops: defaultdict[int, list[Loop]] = defaultdict(list)
        self.ended: set[int] = set()
        self.series: deque[Second] = deque(maxlen=SECONDS_MAX)
        self._now: dict[int, Part] = {}
        self._second = Measures()
        self._second_at = 0

    def add(self, part: Part) -> None:
        """One driver's part."""
        at = max(0, int(part.at_seconds + 0.5) - 1)
        if at > self._second_at:
            self.close_second()
            self._second_at = at
        self.whole.add(part.times, part.counts)
        self._second.add(part.times, part.counts)
        self.at_seconds = max(self.at_seconds, part.at_seconds)
        self._now[part.driver] = part
        if part.last:
            self.ended.add(part.driver)
        else:
            self.loops[part.driver].append(part.loop)

    def close_second(self) -> None:
        """The second is over: keep it for the plots."""
        second = self._second
        if not second.times and not second.counts and not self._now:
            return
        now = [part.loop for part in self._now.values()]
        self.series.append(
            Second(
                at=self._second_at,
                people=self.people,
                connected=self.connected,
                counts={name: n for name, n in second.counts.items() if "." not in name},
                p50={name: seconds_at(one, 50) for name, one in second.times.items()},
                p99={name: seconds_at(one, 99) for name, one in second.times.items()},
                driver_cpu_share=max((one.cpu_share for one in now), default=0.0),
                driver_waited_share=max((one.waited_share for one in now), default=0.0),
            )
        )
        self._second = Measures()

    @property
    def people(self) -> int:
        """Visits under way."""
        return sum(part.people for part in self._now.values() if not part.last)

    @property
    def connected(self) -> int:
        """Clients signed in."""
        return sum(part.connected for part in self._now.values() if not part.last)

    # --- as thresholds ask

    def timed(self, statistic: str, of: str, percent: float) -> float | None:
        found = self.whole.times.get(of)
        if found is None or not found.total_count:
            return None
        match statistic:
            case "mean":
                return float(found.get_mean_value()) / 1e6
            case "max":
                return float(found.get_max_value()) / 1e6
            case "min":
                return float(found.get_min_value()) / 1e6
            case _:
                return seconds_at(found, percent)

    def counted(self, of: str) -> float | None:
        if of in FIGURES:
            return figure(of, self.whole.counts)
        if of in self.whole.counts or of.partition(".")[0] in {*COUNTERS, "closes"}:
            return float(self.whole.counts.get(of, 0))
        found = self.whole.times.get(of)
        return float(found.total_count) if found is not None else None

    def share(self, of: str) -> float | None:
        among = AMONG.get(of.partition(".")[0])
        count = self.counted(of)
        if among is None or count is None or not self.whole.counts.get(among):
            return None
        return count / self.whole.counts[among]

    def rate(self, of: str) -> float | None:
        count = self.counted(of)
        return None if count is None or self.at_seconds <= 0 else count / self.at_seconds


def times_of(found: HdrHistogram) -> Times:
    """A histogram in figures."""
    curve: list[tuple[float, float]] = []
    if found.total_count:
        steps = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 100]
        curve = [(float(step), seconds_at(found, step)) for step in steps]
    return Times(
        count=found.total_count,
        mean=float(found.get_mean_value()) / 1e6,
        min=float(found.get_min_value()) / 1e6,
        max=float(found.get_max_value()) / 1e6,
        percentiles={f"p{q:g}": seconds_at(found, q) for q in PERCENTILES},
        curve=curve,
        histogram=found.encode().decode(),
    )


def strained(loop: Loop) -> bool:
    """Whether a driver's second says more about the driver than about the server."""
    return (
        loop.cpu_share > BUSY_SHARE
        or loop.waited_share > STARVED_SHARE
        or loop.lag_p99_seconds > LATE_LOOP_SECONDS
    )


def note_of(driver: int, loops: list[Loop], *, died: bool) -> DriverNote:
    """How a driver fared over the run."""
    seen = loops or [Loop()]
    return DriverNote(
        driver=driver,
        cpu_share_mean=sum(one.cpu_share for one in seen) / len(seen),
        cpu_share_max=max(one.cpu_share for one in seen),
        waited_share_mean=sum(one.waited_share for one in seen) / len(seen),
        waited_share_max=max(one.waited_share for one in seen),
        lag_p99_seconds=max(one.lag_p99_seconds for one in seen),
        lag_max_seconds=max(one.lag_max_seconds for one in seen),
        strained_seconds=sum(map(strained, loops)),
        seconds=len(loops),
        ended="died" if died else "well",
    )


def warnings_of(notes: list[DriverNote], counts: dict[str, int]) -> list[str]:
    """What makes the figures doubtful, in words."""
    found = []
    for note in notes:
        name = f"Driver {note.driver + 1}"
        if note.ended == "died":
            found.append(f"{name} died: its people are missing from the figures.")
        if note.strained_seconds <= STRAINED_PART * note.seconds:
            continue
        reason = f"its loop was up to {note.lag_max_seconds * 1000:.0f} ms late"
        if note.cpu_share_max > BUSY_SHARE:
            reason = f"it used {note.cpu_share_max:.0%} of a core"
        elif note.waited_share_max > STARVED_SHARE:
            reason = f"it waited for a core {note.waited_share_max:.0%} of the time"
        found.append(
            f"{name} was saturated in {note.strained_seconds} of {note.seconds} seconds ({reason})"
            ": times may be the driver's own. Use more drivers, fewer people, or another machine."
        )
    if counts.get("late_starts"):
        found.append(
            f"{counts['late_starts']} starts were over 50 ms late: the driver's own doing."
        )
    if counts.get("dropped_starts"):
        found.append(
            f"{counts['dropped_starts']} starts were dropped, because everybody was still busy: "
            "the rate asked for was not reached. Seed more people, or ask for less."
        )
    return found
